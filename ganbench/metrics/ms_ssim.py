"""How alike generated images are: multi-scale structural similarity of random pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.errors import ConfigError
from ganbench.metrics.batches import in_batches
from ganbench.metrics.sets import check_size
from ganbench.metrics.subsets import canonical, finite, of_real
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import component

C1, C2 = 0.01**2, 0.03**2  # (K L)² with the paper's K1, K2 and pixels in [0, 1]
BATCH = 256  # pairs compared at once


def gaussian(size: int, sigma: float) -> Tensor:
    """Return a Gaussian window [size], float64, that sums to 1."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2.0
    return torch.softmax(-offsets.square() / (2.0 * sigma**2), dim=0)


def blur(images: Tensor, window: Tensor) -> Tensor:
    """Average images [N, C, H, W] under the window, only where it fits: [N, C, H − k + 1, W − k + 1]."""
    flat = images.flatten(0, 1).unsqueeze(1)
    flat = F.conv2d(F.conv2d(flat, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return flat.reshape(*images.shape[:2], *flat.shape[2:])


def structure(x: Tensor, y: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spatial means [N, C] of SSIM = l c s and of c s between images [N, C, H, W]."""
    mean_x, mean_y = blur(x, window), blur(y, window)
    variances = (blur(x * x, window) - mean_x**2) + (blur(y * y, window) - mean_y**2)
    covariance = blur(x * y, window) - mean_x * mean_y
    cs = (2.0 * covariance + C2) / (variances + C2)
    luminance = (2.0 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * cs).mean((2, 3)), cs.mean((2, 3))


def ms_ssim(x: Tensor, y: Tensor, weights: tuple[float, ...], window: Tensor) -> Tensor:
    """Return the similarity of each pair of images [N, C, H, W] in [0, 1], [N]; 1 for equal images.

    Π_{j<M} max(cs_j, 0)^w_j · max(l_M cs_M, 0)^w_M with Σ w = 1, scale j + 1 being the mean over 2x2 pixels of
    scale j, averaged over channels. Wang et al. 2003, https://doi.org/10.1109/ACSSC.2003.1292216, eq. 7.
    """
    similarity = torch.ones_like(x[:, :, 0, 0])
    for scale, weight in enumerate(weights, start=1):
        whole, cs = structure(x, y, window)
        last = scale == len(weights)
        similarity = similarity * (whole if last else cs).clamp(min=0.0) ** (weight / math.fsum(weights))
        if not last:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return similarity.mean(1)


@component(batched=False)
class MultiScaleSimilarity:
    """Mean MS-SSIM over random pairs of fakes, and how far that is from the mean over pairs of real images.

    `ms_ssim` is high where samples repeat themselves (Odena et al. 2017, arXiv 1610.09585, section 4.2); noise
    scores lowest of all, so the aim is the real set's value and `ms_ssim_gap` = |fake − real|. `weights` are the
    first of Wang's .0448 .2856 .3001 .2363 .1333, divided by their sum: 28 pixels hold three scales under a
    window of 7. Draws `pairs` pairs of different samples, addressed by `seed`. Raises `ConfigError` for vectors
    and for images too small for the scales.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    space: str
    directions: Mapping[str, str]
    at: str
    pairs: int
    weights: tuple[float, ...]
    window: int
    sigma: float
    seed: int

    def __post_init__(self) -> None:
        if self.pairs < 1 or not self.weights or min(self.weights) <= 0.0:
            raise ConfigError("ms_ssim needs at least one pair and weights above 0")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score images [n, C, H, W] against images [m, C, H, W]."""
        check_size(self, 2, len(real.images), len(fake.images))
        self._check_images(fake.images)
        if not finite(real.images, fake.images):
            return dict.fromkeys(self.names, math.nan)
        value = self._mean(fake.images)
        reference = of_real(self, real, len(real.images), lambda: self._mean(real.images))
        return {"ms_ssim": value.item(), "ms_ssim_gap": abs(value.item() - reference.item())}

    def _check_images(self, images: Tensor) -> None:
        if images.dim() != 4:
            raise ConfigError("ms_ssim compares images, not vectors: leave it out of this protocol")
        height, width = images.shape[2:]
        least = self.window * 2 ** (len(self.weights) - 1)
        if min(height, width) < least:
            raise ConfigError(
                f"ms_ssim: {len(self.weights)} scales under a window of {self.window} need {least} pixels, not "
                f"{height}x{width}: shorten the metric's weights or its window"
            )

    def _mean(self, images: Tensor) -> Tensor:
        pairs = self._pairs(images)
        window = gaussian(self.window, self.sigma).to(images.device)

        def similarity(pair: Tensor) -> Tensor:
            # variances are small differences of large squares, hence float64
            x, y = (images[column].double() for column in pair.unbind(1))
            return ms_ssim(x, y, self.weights, window)

        return in_batches(similarity, pairs, BATCH).double().mean()

    def _pairs(self, images: Tensor) -> Tensor:
        """Draw indices [pairs, 2] of different samples, whatever the order of the samples."""
        rng, n = Rng.of(self.seed, "ms_ssim"), len(images)
        first = rng.bits("first", self.pairs) % n
        other = (first + 1 + rng.bits("other", self.pairs) % (n - 1)) % n
        return canonical(images)[torch.stack([first, other], 1).to(images.device)]
