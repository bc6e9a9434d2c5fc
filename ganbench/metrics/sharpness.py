"""How sharp the edges of samples are, beside those of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.batches import in_batches
from ganbench.metrics.sets import check_size
from ganbench.metrics.subsets import finite, of_real
from ganbench.protocols import Samples
from ganbench.tree import component

BATCH = 1024  # images differentiated at once


def gradient_energy(images: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels of images [N, C, H, W], [N], float64.

    E = ½ (mean (x_{i+1,j} − x_{i,j})² + mean (x_{i,j+1} − x_{i,j})²), in intensities squared.
    """
    x = images.double()
    down, across = x.diff(dim=2), x.diff(dim=3)
    return (down.square().mean((1, 2, 3)) + across.square().mean((1, 2, 3))) / 2.0


@component(batched=False)
class Sharpness:
    """Mean gradient energy of fakes, and how far that is from the real images'; a gap of 0 is the aim.

    Blur lowers `sharpness`, noise raises it, so more is not better: `sharpness_gap` = |fake − real|. It looks at
    neighbouring pixels only and says nothing of what is shown. Raises `ConfigError` for vectors.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    space: str
    directions: Mapping[str, str]
    at: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score images [n, C, H, W] against images [m, C, H, W]."""
        check_size(self, 1, len(real.images), len(fake.images))
        if fake.images.dim() != 4:
            raise ConfigError("sharpness compares images, not vectors: leave it out of this protocol")
        if not finite(real.images, fake.images):
            return dict.fromkeys(self.names, math.nan)
        reference = of_real(self, real, len(real.images), lambda: _mean(real.images)).item()
        value = _mean(fake.images).item()
        return {"sharpness": value, "sharpness_gap": abs(value - reference)}


def _mean(images: Tensor) -> Tensor:
    return in_batches(gradient_energy, images, BATCH).double().mean()
