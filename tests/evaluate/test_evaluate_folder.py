"""Folders of pictures: what is read, what is left aside by name, and what is refused."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganbench.errors import DataError
from ganbench.evaluate.folder import Folder
from ganbench.evaluate.source import UnfitError

Array = np.ndarray
COLOUR = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)


def only(path: Path) -> tuple[Folder, list]:
    source = Folder(path)
    return source, list(source.items(range(source.count)))


def test_pictures_come_in_order_of_their_paths_and_the_rest_is_named(tmp_path: Path) -> None:
    for name in ("b/1.png", "a.PNG", "b/0.jpeg", ".hidden/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(COLOUR).save(tmp_path / name)
    for name in ("notes.txt", "b/list.csv", ".DS_Store"):
        (tmp_path / name).write_text("words")
    source, items = only(tmp_path)
    assert [item.name for item in items] == ["a.PNG", "b/0.jpeg", "b/1.png"]
    assert sorted(source.aside) == [".DS_Store", ".hidden/x.png", "b/list.csv", "notes.txt"]
    assert [item.name for item in source.items([0, 2])] == ["a.PNG", "b/1.png"]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_gray_and_colour_of_eight_bits_are_taken_as_they_are(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(COLOUR).convert(mode)
    image.save(tmp_path / "x.png")
    source, (item,) = only(tmp_path)
    wanted = np.array(image.convert("RGB" if mode in ("P", "RGB") else "L")).reshape(8, 6, -1)
    assert source.shape(item) == (wanted.shape[2], 8, 6)
    assert np.array_equal(source.decode(item).numpy(), wanted.transpose(2, 0, 1))


def png16(colour: bool) -> bytes:
    """A PNG of 16 bits a channel."""
    channels = 3 if colour else 1

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(6 * 2 * channels)) for _ in range(8))
    header = struct.pack(">IIBBBBB", 6, 8, 16, 2 if colour else 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def write(path: Path, what: str) -> None:
    """Write a picture that cannot be scored, or only the beginnings of one."""
    image = Image.fromarray(np.tile(COLOUR, (10, 10, 1)))
    png = path.with_suffix(".png")
    if what in ("RGBA", "LA"):
        image.convert(what).save(png)
    elif what == "a transparent colour":
        image.convert("P").save(png, transparency=0)
    elif what == "CMYK":
        image.convert("CMYK").save(path.with_suffix(".jpg"))
    elif what == "two pages":
        image.save(path.with_suffix(".tiff"), save_all=True, append_images=[image])
    elif what == "16-bit PPM":
        path.with_suffix(".ppm").write_bytes(b"P6 6 8 65535\n" + bytes(6 * 8 * 6))
    elif what == "a GIF by another name":
        image.save(png, "GIF")
    elif what.startswith("16-bit"):
        png.write_bytes(png16(colour=what == "16-bit colour"))
    else:
        image.save(png)
        data = png.read_bytes()
        middle = data[: len(data) // 2]
        damaged = {"half": middle, "empty": b"", "a byte": middle[:-1] + bytes(1) + data[len(data) // 2 :]}
        png.write_bytes(damaged[what])


REFUSED = {
    "RGBA": r"has an alpha channel \(mode RGBA\)",
    "LA": r"has an alpha channel \(mode LA\)",
    "a transparent colour": r"has an alpha channel \(mode P\)",
    "CMYK": r"is neither gray nor RGB \(mode CMYK\)",
    "two pages": "holds 2 pictures",
    "16-bit gray": "more than 8 bits",
    "16-bit colour": "more than 8 bits",
    "16-bit PPM": "more than 8 bits",
    "a GIF by another name": r"cannot be decoded \(no known format\)",
    "half": r"cannot be decoded \(.*truncated",
    "empty": "cannot be decoded",
    "a byte": "cannot be decoded",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_eight_bits_of_gray_or_rgb_do_not_say_is_refused(what: str, tmp_path: Path) -> None:
    write(tmp_path / "x", what)
    source, (item,) = only(tmp_path)
    with pytest.raises(UnfitError, match=REFUSED[what]) as caught:
        source.decode(item)
    assert "\n" not in str(caught.value)


def test_large_pictures_of_eight_bits_in_any_format_are_not_taken_for_deep_ones(tmp_path: Path) -> None:
    image = Image.fromarray(np.tile(COLOUR, (60, 60, 1)))
    for name in ("x.bmp", "x.ppm", "x.jpg", "x.webp"):
        image.save(tmp_path / name)
    for i, compression in enumerate([None, "tiff_lzw", "tiff_adobe_deflate"]):
        image.save(tmp_path / f"{i}.tif", compression=compression)
    source, items = only(tmp_path)
    assert [tuple(source.decode(item).shape) for item in items] == [(3, 480, 360)] * 7


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no pictures .other files: 0.; known are .bmp"):
        Folder(tmp_path)
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(DataError, match=r"holds no pictures .other files: 1"):
        Folder(tmp_path)


def test_a_file_that_cannot_be_read_is_refused_like_one_that_cannot_be_decoded(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("nowhere.png")
    source, (item,) = only(tmp_path)
    for look in (source.shape, source.decode):
        with pytest.raises(UnfitError, match=r"cannot be read \(No such file"):
            look(item)


def test_names_of_any_bytes_can_be_printed(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe9.png"), "PNG")
    _, (item,) = only(tmp_path)
    assert item.name == r"\xff\xe9.png"
    assert len(item.data) > 0
