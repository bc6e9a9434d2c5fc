"""A folder of pictures, every one below it: PNG, JPEG and what else Pillow reads without loss of meaning."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ganbench.datasets.image_folder import SUFFIXES
from ganbench.datasets.images import pixels
from ganbench.errors import DataError
from ganbench.evaluate.source import Item, UnfitError

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # of these suffixes, and no other decoder
MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}  # Pillow's mode → what it means without loss
CHANNELS = {"L": 1, "RGB": 3}
T = TypeVar("T")


class Folder:
    """The pictures below a folder in order of their paths; everything else in it is left aside by name.

    A picture is taken as it is: gray or RGB of 8 bits, neither resized nor turned. Alpha, 16 bits, other
    colour spaces and several pictures in one file are refused, since 8 bits of one colour are not all they say.
    """

    def __init__(self, path: Path) -> None:
        files = sorted(p.relative_to(path) for p in path.rglob("*") if not p.is_dir())
        self._files = [p for p in files if _is_picture(p)]
        self.path, self.count, self.layout = path, len(self._files), "pictures"
        self.aside: Sequence[str] = [_name(p) for p in files if not _is_picture(p)]
        if not self._files:
            known = ", ".join(sorted(SUFFIXES))
            raise DataError(f"{path} holds no pictures (other files: {len(self.aside)}); known are {known}")

    def items(self, chosen: Sequence[int]) -> Iterator[Item]:
        """Read the files at these positions."""
        for file in (self._files[position] for position in chosen):
            try:
                yield Item(_name(file), (self.path / file).read_bytes())
            except OSError as error:
                yield Item(_name(file), b"", f"cannot be read ({error.strerror})")

    def shape(self, item: Item) -> tuple[int, ...]:
        """Return [C, H, W] from the file's header."""
        return _decoded(item, lambda image: (CHANNELS[_mode(image)], image.height, image.width))

    def decode(self, item: Item) -> Tensor:
        """Return uint8 [C, H, W]."""
        return _decoded(item, lambda image: pixels(image.convert(_mode(image))))


def _name(file: Path) -> str:
    """Return a path that can be printed, whatever bytes it is made of."""
    return os.fsencode(file.as_posix()).decode(errors="backslashreplace")


def _is_picture(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _decoded(item: Item, read: Callable[[Image.Image], T]) -> T:
    """Open a picture and apply a function to it; raises `UnfitError` for what is broken or says more than that."""
    if item.trouble:
        raise UnfitError(item.trouble)
    try:
        # warnings are of metadata that nobody reads
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(BytesIO(item.data), formats=FORMATS) as image,
        ):
            trouble = _trouble(image)
            found = None if trouble else read(image)
    except Exception as error:  # a broken file makes decoders raise nearly anything
        reason = "no known format" if isinstance(error, UnidentifiedImageError) else _line(error)
        raise UnfitError(f"cannot be decoded ({reason})") from error
    if found is None:
        raise UnfitError(trouble)
    return found


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__


def _mode(image: Image.Image) -> str:
    return MODES[image.mode]


def _trouble(image: Image.Image) -> str:
    """Return why 8-bit gray or RGB would not be all that a picture says; empty where it is."""
    if image.mode.startswith(("I", "F")) or _is_deep(image):
        return "has more than 8 bits a channel"
    if image.has_transparency_data or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        return f"has an alpha channel (mode {image.mode})"
    if image.mode not in MODES:
        return f"is neither gray nor RGB (mode {image.mode})"
    if getattr(image, "n_frames", 1) > 1:
        return f"holds {getattr(image, 'n_frames', 1)} pictures"
    return ""


def _is_deep(image: Image.Image) -> bool:
    """Return whether the file has 16 bits a channel: of RGB Pillow makes 8 without a word."""
    for codec, _, _, details in getattr(image, "tile", ()):
        raw, *more = details if isinstance(details, tuple) else (details,)
        if str(raw).endswith((";16B", ";16L", ";16N")) or (
            codec.startswith("ppm") and more and more[0] > 255
        ):
            return True
    return False
