"""CelebA by path, split, cropped and resized as the study did."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ganbench.datasets.images import assemble, decode, find, folders, missing, pixels, read_bytes
from ganbench.errors import ConfigError, DataError
from ganbench.protocols import Images
from ganbench.tree import component

LIST, PICTURES = "list_eval_partition.txt", "img_align_celeba"
SIZE = (178, 218)  # width and height of an aligned picture
CROP = 160
TEST_SIZE = 10_000
_FIX = (
    'get "Align&Cropped Images" (img_align_celeba.zip) and list_eval_partition.txt from '
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, put both into one folder, unzipped, "
    "and name it with dataset.root=FOLDER"
)


@component(batched=False)
class CelebA:
    """Aligned faces (Liu et al. 2015, arXiv 1411.7766): centre crop of 160, then TF1's bilinear resize.

    The study's split: the published training split (162 770 pictures), and for testing the first 10 000 of
    the published *validation* split; the study drew its 10 000 of these 19 867 after a shuffle within shards,
    here they are the first of the list. Resized values are rounded to uint8, halves to even, where the study
    kept fractions. A shorter list is taken as it stands.
    """

    image_shape: tuple[int, ...]
    root: str
    download: bool
    study_steps: int
    study_every: int

    def __post_init__(self) -> None:
        if len(self.image_shape) != 3 or self.image_shape[0] != 3 or min(self.image_shape) < 1:
            raise ConfigError(
                f"dataset.image_shape must be [3, H, W] for CelebA, not {list(self.image_shape)}"
            )

    def load(self) -> Images:
        """Return uint8 [N, 3, H, W] without labels; raises `DataError` where files are missing or damaged."""
        places = folders(self.root, "celeba")
        found = find(places, (LIST, PICTURES))
        if found is None:
            refusal = "dataset.download has no effect here, " if self.download else ""
            raise missing("CelebA", places, (LIST, PICTURES), refusal + _FIX)
        parts, folder = _partition(found[LIST]), found[PICTURES]
        train, test = (
            self._read([folder / name for name in names]) for names in (parts["0"], parts["1"][:TEST_SIZE])
        )
        return assemble("CelebA", self.image_shape, (train, None), (test, None))

    def _read(self, paths: list[Path]) -> Tensor:
        images = torch.empty((len(paths), *self.image_shape), dtype=torch.uint8)
        for i, path in enumerate(paths):
            images[i] = prepare(path, self.image_shape[-2:])
        return images


def _partition(path: Path) -> dict[str, list[str]]:
    """Return the names of each published split: 0 train, 1 validation, 2 test."""
    parts: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    for number, line in enumerate(read_bytes(path).decode(errors="replace").splitlines(), start=1):
        match line.split():
            case [name, ("0" | "1" | "2") as part]:
                parts[part].append(name)
            case _:
                said = line[:40]
                raise DataError(
                    f"{path}, line {number}: {said!r} is not FILE.jpg and 0, 1 or 2; get it again"
                )
    return parts


def prepare(path: Path, size: tuple[int, ...]) -> Tensor:
    """Decode, crop and resize one picture to uint8 [3, *size]."""
    image = decode(path, "RGB")
    if image.size != SIZE:
        found = "×".join(map(str, image.size))
        raise DataError(
            f"{path} is {found}, an aligned CelebA picture is 178×218; see dataset=image_folder for others"
        )
    left, top = ((side - CROP) // 2 for side in SIZE)
    face = pixels(image.crop((left, top, left + CROP, top + CROP)))
    return resize_tf1(face.float(), size).round().to(torch.uint8)


def resize_tf1(image: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize [C, H, W] bilinearly on TensorFlow 1's grid: source = target · in/out, not antialiased.

    Torch's `interpolate` has no such grid, it samples at (target + ½) · in/out − ½. Neighbours beyond the
    edge repeat it.
    """
    for dim, out in zip((-2, -1), size, strict=True):
        image = _lerp(image, dim, out)
    return image


def _lerp(image: Tensor, dim: int, out: int) -> Tensor:
    source = torch.arange(out) * (image.shape[dim] / out)
    low = source.floor().long()
    high = (low + 1).clamp(max=image.shape[dim] - 1)
    weight = (source - low).reshape(-1, *[1] * (-dim - 1))
    below, above = image.index_select(dim, low), image.index_select(dim, high)
    return below + (above - below) * weight
