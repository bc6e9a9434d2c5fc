"""A cache of tensors addressed by what they were computed from; losing it costs time, never a number.

One safetensors file per key lies in the folder `statistics` of the cache. It holds a hash of its own content, so a
file that was torn or changed is as good as absent. Importing this needs no torch: to list is no computation.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ganbench.places import computed

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".safetensors"
HASH = "sha256"  # the member of a file's metadata that holds the hash of the rest
_LONGEST_HEADER = 1 << 20


class Kept(NamedTuple):
    """Tensors and what was noted about them."""

    tensors: dict[str, Tensor]
    about: dict[str, str]


def key(kind: str, *parts: str) -> str:
    """Return `<kind>-<sha256 of the kind and the parts, in order>`; different parts never share a key."""
    return f"{kind}-{hashlib.sha256(json.dumps([kind, *parts]).encode()).hexdigest()}"


def folder() -> Path:
    """Return where the cache lies; raises `RuntimeError` where there is no home and no `GANBENCH_CACHE`."""
    return computed("statistics")


def cached(
    name: str, compute: Callable[[], dict[str, Tensor]], about: Mapping[str, str] | None = None
) -> dict[str, Tensor]:
    """Return the tensors kept under a key, or compute and keep them.

    A file that is absent or cannot be read is computed anew; a folder that cannot be written is not an error.
    """
    found = read(name)
    if found is not None:
        return found.tensors
    tensors = compute()
    keep(name, tensors, about)
    return tensors


def read(name: str) -> Kept | None:
    """Return what is kept under a key, None where there is no file or not the one that was written."""
    from safetensors import SafetensorError  # noqa: PLC0415  (these two bring torch)
    from safetensors.torch import load  # noqa: PLC0415

    try:
        data = _path(name).read_bytes()
        tensors, about = load(data), dict(_header(data).get("__metadata__", {}))
    except (OSError, RuntimeError, ValueError, AttributeError, SafetensorError):
        return None
    return Kept(tensors, about) if about.pop(HASH, "") == _digest(tensors, about) else None


def keep(name: str, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Keep tensors under a key, with notes such as `what`; where that cannot be done, nothing happens."""
    from safetensors.torch import save  # noqa: PLC0415  (torch)

    notes = dict(about or {})
    whole = {member: tensor.detach().cpu().contiguous() for member, tensor in tensors.items()}
    with suppress(OSError, RuntimeError):
        _write(_path(name), save(whole, {**notes, HASH: _digest(whole, notes)}))


def about(path: Path) -> str:
    """Say what a file holds: the note it was kept with, else its tensors and their shapes."""
    try:
        with path.open("rb") as file:
            header = _header(file.read(_LONGEST_HEADER))
    except FileNotFoundError:
        raise
    except (OSError, ValueError):
        header = None
    return _what(header)


def _what(header: Any) -> str:
    if not isinstance(header, dict):
        return "unreadable: computed anew when it is next wanted"
    about = header.pop("__metadata__", {})
    shapes = (f"{name} {'×'.join(map(str, tensor['shape'])) or '1'}" for name, tensor in header.items())
    return str(about.get("what") or ", ".join(sorted(shapes)))


def _header(data: bytes) -> dict[str, Any]:
    """Return the JSON at the start of a safetensors file: 8 bytes of its length, little-endian, then its text."""
    length = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return header


def _digest(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    """Return the sha256 over the notes and each tensor's name, dtype, shape and bytes."""
    from torch import uint8  # noqa: PLC0415

    digest = hashlib.sha256(json.dumps(sorted(about.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(uint8).numpy().data)
    return digest.hexdigest()


def _path(name: str) -> Path:
    return folder() / f"{name}{SUFFIX}"


def _write(path: Path, data: bytes) -> None:
    """Write so that a reader sees all of the file or none, whoever else writes and whatever is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
