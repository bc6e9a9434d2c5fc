"""A cache of tensors addressed by what they were computed from; losing it costs time, never a number.

One safetensors file per key lies in `$GANBENCH_CACHE/statistics`, by default `~/.cache/ganbench/statistics`.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor


def key(*parts: str) -> str:
    """Return the sha256 of the parts, in order; different parts never share a key."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def folder() -> Path:
    """Return where the cache lies; raises `RuntimeError` where there is no home and no `GANBENCH_CACHE`."""
    root = os.environ.get("GANBENCH_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "ganbench") / "statistics"


def cached(name: str, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors kept under a key, or compute and keep them.

    A file that is absent or cannot be read is computed anew; a folder that cannot be written is not an error.
    """
    tensors = _read(name)
    if tensors is None:
        tensors = compute()
        with suppress(OSError, RuntimeError):
            _write(folder() / f"{name}.safetensors", save(tensors))
    return tensors


def _read(name: str) -> dict[str, Tensor] | None:
    """Return the tensors kept under a key, None where there is no readable file."""
    try:
        return load((folder() / f"{name}.safetensors").read_bytes())
    except (OSError, RuntimeError, SafetensorError):
        return None


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
