"""The door of every extractor: images it can read, or one line that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganbench.errors import DataError

SMALLEST = 16  # pixels a side; below that, resizing makes up nearly all that a large network sees
ROUNDING = 1e-6  # by how much float arithmetic may leave [0, 1]


def read_images(
    name: str, images: Tensor, *, channels: Sequence[int] = (1, 3), smallest: int = SMALLEST
) -> Tensor:
    """Return images [N, C, H, W] as float32, checked for the extractor of that name.

    Raises `DataError` for integers, other shapes or channels, smaller sides, NaN, infinity, and values outside [0, 1].
    """
    check_values(name, images)
    shape = "x".join(str(size) for size in images.shape[1:])
    if images.dim() != 4:
        raise DataError(f"{name} reads images [N, C, H, W], not samples of shape {shape}: use pixels instead")
    if images.shape[1] not in channels:
        wanted = " or ".join(map(str, channels))
        raise DataError(f"{name} reads images of {wanted} channels, not {shape}: convert them to RGB or gray")
    if min(images.shape[2:]) < smallest:
        raise DataError(
            f"{name} reads images of {smallest}x{smallest} or larger, not {shape}: enlarge them first"
        )
    return images.float()


def check_values(name: str, samples: Tensor) -> None:
    """Raise `DataError` unless samples are finite floats and, where they are images, lie in [0, 1]."""
    if not samples.is_floating_point():
        raise DataError(f"{name} reads float images in [0, 1], not {samples.dtype}: divide by 255 first")
    if not samples.numel():
        raise DataError(f"{name} was given no samples")
    low, high = (float(end) for end in torch.aminmax(samples.detach()))
    if not torch.isfinite(samples).all():
        bad = int((~torch.isfinite(samples)).flatten(1).any(1).sum())
        raise DataError(
            f"{name}: {bad} of {len(samples)} samples hold NaN or infinity: leave them out, or count the "
            "generator as diverged"
        )
    if samples.dim() == 4 and (low < -ROUNDING or high > 1.0 + ROUNDING):
        raise DataError(
            f"{name} reads images in [0, 1], not in [{low:.4g}, {high:.4g}]: scale them (from 0…255 divide by "
            "255, from −1…1 take (x + 1) / 2)"
        )


def to_rgb(images: Tensor) -> Tensor:
    """Repeat the one channel of gray images three times."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def to_bytes(images: Tensor) -> Tensor:
    """Map [N, C, H, W] in [0, 1] to uint8, halves rounded up; one channel becomes three equal ones."""
    return to_rgb((255.0 * images + 0.5).clamp(0.0, 255.0).to(torch.uint8))
