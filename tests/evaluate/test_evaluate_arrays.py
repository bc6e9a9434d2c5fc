"""Arrays in files: every form gives the same images, one row at a time, and what is no images is refused."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.errors import DataError
from ganbench.evaluate.arrays import Arrays
from ganbench.evaluate.source import UnfitError

Array = np.ndarray


def idx(images: Array, code: int = 8) -> bytes:
    """An IDX file of gray images N×H×W×1."""
    header = struct.pack(">BBBB3I", 0, 0, code, 3, *images.shape[:3])
    return header + images.astype(images.dtype.newbyteorder(">")).tobytes()


def npy(path: Path, images: Array) -> None:
    with path.open("wb") as file:
        np.save(file, images)


WRITERS: dict[str, Callable[[Path, Array], Any]] = {
    "npy": npy,
    "npz": lambda path, x: np.savez(path.open("wb"), labels=np.zeros(3), images=x),
    "npz, deflated": lambda path, x: np.savez_compressed(path.open("wb"), images=x),
    "idx": lambda path, x: path.write_bytes(idx(x)),
    "idx.gz": lambda path, x: path.write_bytes(gzip.compress(idx(x))),
    "npy without channels": lambda path, x: npy(path, x[..., 0]),
}


def read(path: Path, chosen: list[int]) -> Array:
    """The images at these positions as the reader gives them, N×C×H×W."""
    source = Arrays(path)
    return np.stack([source.decode(item).numpy() for item in source.items(chosen)])


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_gives_the_images(form: str, images: Array, tmp_path: Path) -> None:
    WRITERS[form](tmp_path / "file", images)
    source = Arrays(tmp_path / "file")
    assert source.count == len(images)
    assert np.array_equal(read(tmp_path / "file", list(range(40))), images.transpose(0, 3, 1, 2))
    few = [0, 3, 4, 39]
    assert np.array_equal(read(tmp_path / "file", few), images[few].transpose(0, 3, 1, 2))
    assert [item.name for item in source.items(few)] == ["image 0", "image 3", "image 4", "image 39"]
    assert {source.shape(item) for item in source.items(few)} == {(1, 28, 28)}


def test_colours_stand_last(tmp_path: Path) -> None:
    x = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    np.save(tmp_path / "x.npy", x)
    found = read(tmp_path / "x.npy", [0, 1])
    assert found.shape == (2, 3, 4, 5)
    assert found[1, 2, 3, 4] == x[1, 3, 4, 2]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_floats_become_float32(dtype: str, images: Array, tmp_path: Path) -> None:
    values = (images / 255.0).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    found = read(tmp_path / "x.npy", [5])
    assert found.dtype == np.float32
    assert np.array_equal(found[0, 0], values[5, :, :, 0].astype(np.float32))


def test_floats_in_an_idx_file_are_big_endian(images: Array, tmp_path: Path) -> None:
    values = (images / 255.0).astype(np.float32)
    (tmp_path / "x").write_bytes(idx(values, code=13))
    assert np.array_equal(read(tmp_path / "x", [7])[0, 0], values[7, :, :, 0])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.nan, "holds NaN"),
        (np.inf, "holds NaN or infinity"),
        (-0.5, r"lies in \[-0.5, 0.5\], not in \[0, 1\] \(take \(x \+ 1\) / 2\)"),
        (255.0, r"lies in \[0.5, 255\], not in \[0, 1\] \(divide by 255\)"),
    ],
)
def test_values_that_are_no_pixels_are_refused(value: float, reason: str, tmp_path: Path) -> None:
    x = np.full((3, 8, 8, 1), 0.5)
    x[1, 2, 3, 0] = value
    np.save(tmp_path / "x.npy", x)
    source = Arrays(tmp_path / "x.npy")
    first, second, third = source.items([0, 1, 2])
    assert source.decode(first).shape == source.decode(third).shape == (1, 8, 8)
    with pytest.raises(UnfitError, match=reason):
        source.decode(second)


ONES = np.ones((6, 8, 8, 1), np.uint8)
WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "integers": (lambda p: npy(p, ONES.astype(np.int64)), "holds int64: save uint8"),
    "16 bits": (lambda p: npy(p, ONES.astype(np.uint16)), "holds uint16: save uint8"),
    "truth": (lambda p: npy(p, ONES.astype(bool)), "holds bool: save uint8"),
    "objects": (lambda p: npy(p, np.array([1, "a"], object)), "holds object"),
    "channels first": (lambda p: npy(p, ONES.transpose(0, 3, 1, 2)), r"6×1×8×8.*transpose\(0, 2, 3, 1\)"),
    "alpha": (lambda p: npy(p, ONES.repeat(4, 3)), "6×8×8×4.*drop the alpha channel"),
    "one image": (lambda p: npy(p, ONES[0].repeat(3, 2)), "8×8×3.*stack several images"),
    "vectors": (lambda p: npy(p, ONES.reshape(6, 64)), "6×64, but images stand as N×H×W×C"),
    "a number": (lambda p: npy(p, np.uint8(3)), "has shape of one number"),
    "no pixels": (lambda p: npy(p, ONES[:, :0]), "6×0×8×1"),
    "columns first": (lambda p: npy(p, np.asfortranarray(ONES)), "ascontiguousarray"),
    "no images": (lambda p: np.savez(p.open("wb"), x=ONES, y=ONES), "holds `x`, `y`, no `images`: save it"),
    "nothing": (lambda p: np.savez(p.open("wb")), "holds nothing, no `images`"),
    "labels": (lambda p: p.write_bytes(struct.pack(">II", 0x801, 3) + bytes(3)), "an IDX file of labels"),
    "another idx": (lambda p: p.write_bytes(idx(ONES, code=1)), "an IDX file of unknown type 1"),
    "idx of integers": (lambda p: p.write_bytes(idx(ONES.astype(np.int32), code=12)), "holds int32"),
    "short header": (lambda p: p.write_bytes(idx(ONES)[:9]), "damaged or unreadable"),
    "half an archive": (lambda p: p.write_bytes(b"PK\x03\x04" + bytes(100)), "damaged or unreadable"),
    "a picture": (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n"), "no .npz, .npy or IDX file.*by the folder"),
    "emptiness": (lambda p: p.write_bytes(b""), "begins with nothing"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_array_of_images_is_refused_by_name(what: str, tmp_path: Path) -> None:
    write, message = WRONG[what]
    write(tmp_path / "file")
    with pytest.raises(DataError, match=message) as caught:
        Arrays(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", WRITERS)
def test_half_a_file_is_refused(form: str, images: Array, tmp_path: Path) -> None:
    WRITERS[form](tmp_path / "file", images)
    data = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"truncated: it ends in image (19|20) of 40|damaged or unreadable"):
        read(tmp_path / "file", list(range(40)))


def test_a_changed_byte_of_an_archive_is_found(images: Array, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=images)
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[5000] ^= 1
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(DataError, match="CRC"):
        read(tmp_path / "x.npz", list(range(40)))


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_is_never_in_memory_as_a_whole(form: str, tmp_path: Path) -> None:
    x = np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1), (256, 128, 128, 1))
    WRITERS[form](tmp_path / "file", x)
    tracemalloc.start()
    total = sum(len(item.data) for item in Arrays(tmp_path / "file").items(range(256)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == x.size
    assert peak < total / 8
