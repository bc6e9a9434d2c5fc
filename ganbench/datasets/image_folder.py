"""Any folder of pictures: the way to bring one's own images."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ganbench.datasets.images import assemble, decode, pixels
from ganbench.errors import ConfigError, DataError
from ganbench.protocols import Images
from ganbench.tree import component

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_MODES = {1: "L", 3: "RGB"}


@component(batched=False)
class ImageFolder:
    """All pictures below `root`, in order of their names, without labels.

    Each is cropped about its centre to the target's aspect ratio and resized to `image_shape` [C, H, W] by
    Pillow's antialiased bicubic filter; one channel means gray (ITU-R 601 luma). Orientation tags are not
    applied. A picture is for testing where the first 64 bits of sha256(path below root) are below
    `test_share` · 2⁶⁴: adding or removing pictures never moves the others. `name` says which pictures they are and
    is part of what a trial is, as `root` is not: a folder may move.
    """

    name: str
    image_shape: tuple[int, ...]
    root: str
    test_share: float
    study_steps: int
    study_every: int

    def __post_init__(self) -> None:
        if len(self.image_shape) != 3 or self.image_shape[0] not in _MODES or min(self.image_shape) < 1:
            raise ConfigError(f"dataset.image_shape must be [1 or 3, H, W], not {list(self.image_shape)}")
        if not 0.0 < self.test_share < 1.0:
            raise ConfigError(f"dataset.test_share must lie between 0 and 1, not {self.test_share}")

    def load(self) -> Images:
        """Return uint8 [N, C, H, W]; raises `DataError` for no folder, no pictures or a damaged one."""
        names = _list(self.root)
        chosen = [self._is_test(name) for name in names]
        if all(chosen) or not any(chosen):
            raise DataError(
                f"{self.root}: {sum(chosen)} of {len(names)} pictures fall to the test split; "
                "add pictures or change dataset.test_share"
            )
        train, test = (
            self._read([n for n, t in zip(names, chosen, strict=True) if t is part]) for part in (False, True)
        )
        return assemble("image_folder", self.image_shape, (train, None), (test, None))

    def _is_test(self, name: str) -> bool:
        word = hashlib.sha256(os.fsencode(name)).digest()[:8]
        return int.from_bytes(word, "big") < self.test_share * 2.0**64

    def _read(self, names: list[str]) -> Tensor:
        channels, height, width = self.image_shape
        images = torch.empty((len(names), *self.image_shape), dtype=torch.uint8)
        for i, name in enumerate(names):
            image = decode(Path(self.root).expanduser() / name, _MODES[channels])
            images[i] = pixels(_fit(image, width, height))
        return images


def _fit(image: Image.Image, width: int, height: int) -> Image.Image:
    """Crop about the centre to the aspect ratio asked for, then resize; nothing bleeds in from outside."""
    w = min(image.width, max(1, round(image.height * width / height)))
    h = min(image.height, max(1, round(image.width * height / width)))
    left, top = (image.width - w) // 2, (image.height - h) // 2
    return image.crop((left, top, left + w, top + h)).resize((width, height), Image.Resampling.BICUBIC)


def _list(root: str) -> list[str]:
    """Return the pictures' paths below root, sorted; hidden files and folders are left aside."""
    if not root:
        raise DataError("image_folder needs a folder of pictures: name it with dataset.root=FOLDER")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the folder of pictures with dataset.root=FOLDER")
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    names = sorted(p.as_posix() for p in files if p.suffix.lower() in SUFFIXES and not _hidden(p))
    if not names:
        kinds = ", ".join(sorted(SUFFIXES))
        raise DataError(
            f"{folder} holds no pictures ({len(files)} other files; known: {kinds}); set dataset.root=FOLDER"
        )
    return names


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
