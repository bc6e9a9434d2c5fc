"""What datasets share: where files lie, how they are read, the checks and the hash that end every load."""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganbench.errors import DataError
from ganbench.places import cache_home
from ganbench.protocols import Images

Split: TypeAlias = tuple[Tensor, Tensor | None]  # images and, where there are any, labels

_GZIP = b"\x1f\x8b"
_UBYTE = 8  # IDX code of unsigned bytes


def data_home() -> Path:
    """Return where downloads lie: `datasets` in the cache, by default `~/.cache/ganbench/datasets`."""
    return cache_home() / "datasets"


def folders(root: str, layout: str, *system: Path) -> list[Path]:
    """List where files may lie, best first: `root` alone where given, else system folders and downloads.

    Each place stands for itself and for its sub-folder `layout`, as an unpacked download leaves it.
    """
    bases = [Path(root).expanduser()] if root else [*system, data_home()]
    return [folder for base in bases for folder in (base, base / layout)]


def find(places: Sequence[Path], names: Sequence[str]) -> dict[str, Path] | None:
    """Return name → path for the first folder that holds every name, plain or as `<name>.gz`, else None."""
    for folder in places:
        found = _present(folder, names)
        if len(found) == len(names):
            return found
    return None


def _present(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    candidates = {name: (folder / name, folder / f"{name}.gz") for name in names}
    return {name: path for name, pair in candidates.items() for path in pair[::-1] if path.exists()}


def missing(what: str, places: Sequence[Path], names: Sequence[str], fix: str) -> DataError:
    """Return the error for what `find` did not find: the trouble with the likeliest folder, and the fix."""
    folder = max(places, key=lambda place: len(_present(place, names)))
    lacking = [name for name in names if name not in _present(folder, names)]
    if folder.exists() and not folder.is_dir():
        trouble = f"{folder} is not a folder"
    elif not folder.is_dir():
        trouble = f"{folder} does not exist"
    else:
        trouble = f"{folder} {'lacks ' + ', '.join(lacking) if any(folder.iterdir()) else 'is empty'}"
    return DataError(f"{what} not found: {trouble}; {fix}")


@contextmanager
def staging(what: str, root: str, layout: str, fix: str) -> Iterator[Path]:
    """Yield an empty folder; what a download leaves in its `layout` moves to that of root or `data_home`.

    A file arrives whole or not at all, also where two processes download at once; trouble is a `DataError`.
    """
    home = Path(root).expanduser() if root else data_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=home, prefix=".download-") as stage:
            yield Path(stage)
            (home / layout).mkdir(parents=True, exist_ok=True)
            for path in (Path(stage) / layout).iterdir():
                path.replace(home / layout / path.name)
    except (OSError, RuntimeError, ImportError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{what} could not be downloaded into {home} ({reason}); {fix}") from error


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unzipped where it is gzip; raises `DataError` where it is damaged."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or unreadable ({error}); delete it and get it again") from error


def read_idx(path: Path, ndim: int) -> Tensor:
    """Read an IDX file (plain or gzip) of unsigned bytes into a uint8 tensor of `ndim` dimensions.

    Layout: 0, 0, type code, ndim as bytes; ndim big-endian uint32 sizes; the values, last index fastest
    (http://yann.lecun.com/exdb/mnist). Raises `DataError` for another type, shape or length.
    """
    data, start = read_bytes(path), 4 + 4 * ndim
    if data[:4] != bytes((0, 0, _UBYTE, ndim)):
        begins = data[:4].hex(" ") or "nothing"
        raise DataError(f"{path} is no IDX file of {ndim}-d bytes: begins with {begins}; get it again")
    shape = struct.unpack_from(f">{ndim}I", data, 4) if len(data) >= start else (0,)
    if len(data) != start + math.prod(shape):
        raise DataError(
            f"{path} is truncated or too long: {len(data)} bytes, not as its header says; get it again"
        )
    return torch.from_numpy(np.frombuffer(bytearray(data), np.uint8)[start:].reshape(shape))


def decode(path: Path, mode: str) -> Image.Image:
    """Decode an image file to 8 bits, mode `L` or `RGB`; an opaque alpha channel is dropped.

    Raises `DataError` for a file that cannot be decoded, for deep pixels and for transparent ones: turning
    these into 8 bits or a colour is the user's choice.
    """
    try:
        with Image.open(path) as image:
            trouble = _unfit(image)
            picture = (image.convert("RGBA") if image.has_transparency_data else image).convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be decoded ({error}); mend or remove it") from error
    if trouble:
        raise DataError(f"{path} {trouble}")
    return picture


def _unfit(image: Image.Image) -> str | None:
    if image.mode.startswith(("I", "F")):
        return f"has deep pixels (mode {image.mode}); save it with 8 bits per channel"
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        return "has transparent pixels; flatten it onto a background"
    return None


def pixels(image: Image.Image) -> Tensor:
    """Turn a decoded image into uint8 [C, H, W]."""
    array = np.array(image, np.uint8)
    return torch.from_numpy(array).reshape(*array.shape[:2], -1).permute(2, 0, 1)


def content_hash(**arrays: Tensor | None) -> str:
    """Return the sha256 over each tensor's name, dtype, shape and bytes, in the order given."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        if array is not None:
            digest.update(f"{name} {array.dtype} {list(array.shape)}\n".encode())
            digest.update(array.contiguous().numpy().data)
    return digest.hexdigest()


def assemble(what: str, image_shape: tuple[int, ...], train: Split, test: Split) -> Images:
    """Check both splits, (images, labels), against `dataset.image_shape` and hash them; labels become int64.

    Raises `DataError` for an empty split or another shape.
    """
    for name, (images, _) in {"train": train, "test": test}.items():
        if len(images) == 0:
            raise DataError(f"{what}: the {name} split holds no images; get the data again")
        if tuple(images.shape[1:]) != image_shape:
            found, said = list(images.shape[1:]), list(image_shape)
            raise DataError(f"{what}: {name} images have shape {found}, dataset.image_shape says {said}")
    y, y_test = (None if labels is None else labels.long() for _, labels in (train, test))
    digest = content_hash(train=train[0], test=test[0], train_labels=y, test_labels=y_test)
    return Images(train[0], test[0], y, y_test, digest)
