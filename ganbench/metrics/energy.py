"""Energy distance between two sets of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.protocols import Samples
from ganbench.tree import component


def mean_distance(x: Tensor, y: Tensor) -> float:
    """Return the mean Euclidean distance over all pairs of x [n, D] and y [m, D], in float64."""
    mode = "donot_use_mm_for_euclid_dist"
    sums = [torch.cdist(rows, y, compute_mode=mode).sum() for rows in torch.split(x, 1000)]
    return torch.stack(sums).sum().item() / (len(x) * len(y))


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Return 2 E|X − Y| − E|X − X'| − E|Y − Y'| over all pairs, a point with itself included.

    Székely and Rizzo 2013, https://doi.org/10.1016/j.jspi.2013.03.018, eq. 2. This V-statistic is never
    negative and 0 only for equal sets; two samples of size n of one law get about 2 E|X − X'| / n: its floor.
    """
    x, y = (points.flatten(1).to("cpu", torch.float64) for points in (x, y))
    return max(2.0 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y), 0.0)


@component(batched=False)
class EnergyDistance:
    """Exact energy distance of the raw vectors; smaller is better.

    Raises `ConfigError` for sets of different sizes, since the floor depends on them.
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
        """Score vectors [n, D] against vectors [n, D]."""
        if len(real.images) != len(fake.images):
            sizes = f"{len(real.images)} real and {len(fake.images)} fake"
            raise ConfigError(f"the energy distance wants sets of one size, not {sizes}: set protocol.n_fake")
        return {"energy": energy_distance(real.images, fake.images)}
