"""One side's images as a stream: looked over once for hash and size, then decoded a batch at a time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from ganbench.batches import as_float
from ganbench.errors import DataError
from ganbench.evaluate.arrays import Arrays
from ganbench.evaluate.folder import Folder
from ganbench.evaluate.source import Item, Source, UnfitError

NAMED = 3  # refused images named in an error
Progress = Callable[[float], None]


def open_source(path: Path) -> Source:
    """Open what lies at a path; raises `DataError` where that is nothing to be scored, or a single image."""
    path = path.expanduser()
    if not path.exists():
        raise DataError(f"{path} does not exist: name a folder of pictures, an .npz, .npy or IDX file")
    source: Source = Folder(path) if path.is_dir() else Arrays(path)
    if source.count < 2:
        raise DataError(
            f"{path} holds {source.count} image{'s' * (source.count != 1)}: scores need two or more"
        )
    return source


def said(shape: Sequence[int]) -> str:
    """Return [C, H, W] in words."""
    channels, height, width = shape
    return f"{height}×{width}×{channels}"


class Stream:
    """Chosen images of a source.

    `hash` is over the names and bytes of exactly these images; their size is the commonest. What `batches` refused
    is known when it has ended.
    """

    def __init__(self, source: Source, chosen: Sequence[int], *, skip_bad: bool, on_done: Progress) -> None:
        self.source, self._chosen, self._skip_bad = source, chosen, skip_bad
        self.refused: dict[str, str] = {}
        self.identical = True  # so far
        self.hash, self.shape = self._survey(on_done)
        self._first: Tensor | None = None

    def __len__(self) -> int:
        return len(self._chosen)

    def _survey(self, on_done: Progress) -> tuple[str, tuple[int, ...] | None]:
        digest, shapes = hashlib.sha256(self.source.layout.encode()), Counter[tuple[int, ...]]()
        for done, item in enumerate(self.source.items(self._chosen), start=1):
            _add(digest, item)
            with suppress(UnfitError):
                shapes[self.source.shape(item)] += 1
            on_done(done)
        return digest.hexdigest(), max(shapes, key=shapes.__getitem__) if shapes else None

    def batches(self, size: int, on_done: Progress) -> Iterator[Tensor]:
        """Yield float32 images [B, C, H, W] in [0, 1].

        Raises `DataError` after the last image where one was refused, unless bad ones are to be skipped, and where
        the content changed since it was looked over.
        """
        digest, batch = hashlib.sha256(self.source.layout.encode()), list[Tensor]()
        for done, item in enumerate(self.source.items(self._chosen), start=1):
            _add(digest, item)
            image = self._image(item)
            if image is not None:
                batch.append(image)
            if len(batch) == size:
                yield as_float(torch.stack(batch))
                batch = []
            on_done(done)
        self._check(digest.hexdigest())
        if batch:
            yield as_float(torch.stack(batch))

    def _image(self, item: Item) -> Tensor | None:
        """Decode an image of the right size; None for one that is refused, and for all after it if that is an error."""
        try:
            image = self._sized(self.source.decode(item))
        except UnfitError as error:
            self.refused[item.name] = str(error)
            return None
        if self.refused and not self._skip_bad:
            return None
        self._first = image if self._first is None else self._first
        self.identical = self.identical and torch.equal(image, self._first)
        return image

    def _sized(self, image: Tensor) -> Tensor:
        if self.shape is not None and tuple(image.shape) != self.shape:
            raise UnfitError(f"is {said(image.shape)}, not {said(self.shape)} as most")
        return image

    def _check(self, digest: str) -> None:
        if digest != self.hash:
            raise DataError(f"{self.source.path} changed while it was read: run again when it is complete")
        if self.refused and not self._skip_bad:
            raise DataError(
                f"{self.source.path}: {len(self.refused)} of {len(self)} images cannot be scored: "
                f"{listed(self.refused)}; mend or remove them, or add --skip-bad"
            )


def listed(refused: dict[str, str]) -> str:
    """Return the first of the images that were refused, and why."""
    first = [f"{name} {reason}" for name, reason in list(refused.items())[:NAMED]]
    more = [f"and {len(refused) - NAMED} more"] if len(refused) > NAMED else []
    return ", ".join(first + more)


def _add(digest: hashlib._Hash, item: Item) -> None:
    digest.update(f"{item.name}\0{len(item.data)}\0".encode())
    digest.update(item.data)
