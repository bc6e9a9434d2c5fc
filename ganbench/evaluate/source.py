"""Where images to be scored come from: one protocol for folders and arrays, one image at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor


class UnfitError(Exception):
    """One image that cannot be scored; the message says why and goes well after its name."""


@dataclass(frozen=True)
class Item:
    """One image as it lies on disk."""

    name: str
    data: bytes
    trouble: str = ""  # why there are no bytes


class Source(Protocol):
    """A set of images on disk, in an order of its own."""

    path: Path
    count: int
    aside: Sequence[str]  # files that are no images by their names
    layout: str  # how the bytes of an item are to be read: part of the content's hash

    def items(self, chosen: Sequence[int]) -> Iterator[Item]:
        """Read the images at these positions, ascending, one by one; raises `DataError` where that is impossible."""
        ...

    def shape(self, item: Item) -> tuple[int, ...]:
        """Return an image's [C, H, W] without decoding all of it; raises `UnfitError`."""
        ...

    def decode(self, item: Item) -> Tensor:
        """Return an image [C, H, W], uint8 or float32 in [0, 1]; raises `UnfitError`."""
        ...
