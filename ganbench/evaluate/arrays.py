"""Arrays of images in one file, read row by row: `.npy`, the member `images` of an `.npz`, IDX; also gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor

from ganbench.errors import DataError
from ganbench.evaluate.source import Item, UnfitError
from ganbench.metrics.inputs import ROUNDING

MEMBER = "images"
_GZIP = b"\x1f\x8b"
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_DAMAGE = (OSError, EOFError, ValueError, struct.error, zlib.error, zipfile.BadZipFile, NotImplementedError)


class Rows(NamedTuple):
    """A file opened at the first row of an array, and what its header says."""

    file: BinaryIO
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]


Reader: TypeAlias = Callable[[BinaryIO, Path], Iterator[Rows]]


def _npy(file: BinaryIO, path: Path) -> Iterator[Rows]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if fortran and len(shape) > 1:
        raise DataError(f"{path} is stored column by column: save numpy.ascontiguousarray(images)")
    yield Rows(file, dtype, shape)


def _npz(file: BinaryIO, path: Path) -> Iterator[Rows]:
    with zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if MEMBER not in names:
            found = f"`{'`, `'.join(names[:5])}`" if names else "nothing"
            raise DataError(
                f"{path} holds {found}, no `{MEMBER}`: save it with numpy.savez(path, {MEMBER}=array)"
            )
        with archive.open(f"{MEMBER}.npy") as member:
            yield from _npy(cast(BinaryIO, member), path)


def _idx(file: BinaryIO, path: Path) -> Iterator[Rows]:
    """Layout: 0, 0, type code, ndim as bytes; ndim big-endian uint32 sizes; the values (http://yann.lecun.com/exdb/mnist)."""
    _, _, code, ndim = file.read(4)
    if ndim < 3:
        raise DataError(f"{path} is an IDX file of labels, not of images: it has dimension {ndim}, not 3")
    if code not in _IDX_TYPES:
        raise DataError(f"{path} is an IDX file of unknown type {code}: get it again")
    shape = struct.unpack(f">{ndim}I", file.read(4 * ndim))
    yield Rows(file, np.dtype(_IDX_TYPES[code]), shape)


_READERS: dict[bytes, Reader] = {b"\x93NUMPY": _npy, b"PK\x03\x04": _npz, b"PK\x05\x06": _npz, b"\0\0": _idx}


class Arrays:
    """Images N×H×W×C, or N×H×W of gray ones, uint8 or floats in [0, 1]; never more than one of them is read at once.

    Raises `DataError` for other files, types and shapes.
    """

    aside: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._rows() as rows:
            self._dtype = rows.dtype
            self.count, *self._shape = _checked(path, rows)
        self.layout = f"{self._dtype.str} {self._shape}"

    @contextmanager
    def _rows(self) -> Iterator[Rows]:
        try:
            with _unzipped(self.path) as file:
                yield from _reader(file, self.path)(file, self.path)
        except _DAMAGE as error:
            raise DataError(f"{self.path} is damaged or unreadable ({error}): save it again") from error

    def items(self, chosen: Sequence[int]) -> Iterator[Item]:
        """Read the rows at these positions."""
        size, position = self._dtype.itemsize * math.prod(self._shape), 0
        with self._rows() as rows:
            for wanted in chosen:
                if wanted > position:
                    rows.file.seek((wanted - position) * size, 1)
                data, position = rows.file.read(size), wanted + 1
                if len(data) < size:
                    raise DataError(
                        f"{self.path} is truncated: it ends in image {wanted} of {self.count}; save it again"
                    )
                yield Item(f"image {wanted}", data)

    def shape(self, item: Item) -> tuple[int, ...]:  # noqa: ARG002
        """Return [C, H, W] as the header says."""
        height, width, channels = self._shape
        return channels, height, width

    def decode(self, item: Item) -> Tensor:
        """Return uint8 or float32 [C, H, W]; raises `UnfitError` for NaN, infinity and values outside [0, 1]."""
        values = np.frombuffer(item.data, self._dtype).reshape(self._shape)
        if self._dtype.kind == "u":
            return torch.from_numpy(values.copy()).permute(2, 0, 1)
        image = torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)
        if not image.isfinite().all():
            raise UnfitError("holds NaN or infinity")
        low, high = image.min().item(), image.max().item()
        if low < -ROUNDING or high > 1.0 + ROUNDING:
            fix = "take (x + 1) / 2" if low < 0.0 else "divide by 255"
            raise UnfitError(f"lies in [{low:.3g}, {high:.3g}], not in [0, 1] ({fix})")
        return image


@contextmanager
def _unzipped(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        zipped = file.peek(2).startswith(_GZIP)
        if not zipped:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as content:
            yield cast(BinaryIO, content)


def _reader(file: BinaryIO, path: Path) -> Reader:
    """Return what reads a file, by how it begins; names are not looked at."""
    start = file.read(8)
    file.seek(0)
    for magic, reader in _READERS.items():
        if start.startswith(magic):
            return reader
    raise DataError(
        f"{path} is no .npz, .npy or IDX file (begins with {start[:4].hex(' ') or 'nothing'}); "
        "pictures are scored by the folder"
    )


def _checked(path: Path, rows: Rows) -> tuple[int, ...]:
    """Return N, H, W, C; raises `DataError` for types and shapes that are not those of images."""
    shape, dtype = rows.shape, rows.dtype
    if dtype != np.uint8 and dtype.kind != "f":
        raise DataError(f"{path} holds {dtype.name}: save uint8 of 0…255, or floats in [0, 1]")
    if len(shape) == 3 and shape[-1] > 4:  # otherwise it might be one image
        shape = (*shape, 1)
    if len(shape) != 4 or shape[-1] not in (1, 3) or min(shape[1:]) < 1:
        said = "×".join(map(str, rows.shape)) or "of one number"
        raise DataError(f"{path} has shape {said}, but images stand as N×H×W×C, C being 1 or 3{_fix(shape)}")
    return shape


def _fix(shape: tuple[int, ...]) -> str:
    """Return what to do about the commonest wrong shapes."""
    if len(shape) == 3:
        return ": stack several images"
    if len(shape) == 4 and shape[1] in (1, 3):
        return ": save images.transpose(0, 2, 3, 1)"
    return ": drop the alpha channel" if len(shape) == 4 and shape[-1] == 4 else ""
