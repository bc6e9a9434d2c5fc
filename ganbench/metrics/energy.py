"""Energy distance between two sets of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.subsets import of_real
from ganbench.protocols import Samples
from ganbench.tree import component


def mean_distance(x: Tensor, y: Tensor) -> float:
    """Return the mean Euclidean distance over all pairs of x [n, D] and y [m, D], in float64."""
    mode = "donot_use_mm_for_euclid_dist"
    sums = [torch.cdist(rows, y, compute_mode=mode).sum() for rows in torch.split(x, 1000)]
    return torch.stack(sums).sum().item() / (len(x) * len(y))


def energy_distance(x: Tensor, y: Tensor, within_x: float | None = None) -> float:
    """Return 2 E|X − Y| − E|X − X'| − E|Y − Y'| over all pairs, a point with itself included.

    `within_x` is E|X − X'| where it is known. Székely and Rizzo 2013, https://doi.org/10.1016/j.jspi.2013.03.018,
    eq. 2. This V-statistic is never negative and 0 only for equal sets; two samples of size n of one law get about
    2 E|X − X'| / n: its floor.
    """
    x, y = _vectors(x), _vectors(y)
    within_x = mean_distance(x, x) if within_x is None else within_x
    return max(2.0 * mean_distance(x, y) - within_x - mean_distance(y, y), 0.0)


def _vectors(points: Tensor) -> Tensor:
    return points.flatten(1).to("cpu", torch.float64)


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
        x = _vectors(real.images)
        within = of_real(self, real, len(x), lambda: torch.tensor(mean_distance(x, x), dtype=torch.float64))
        return {"energy": energy_distance(x, fake.images, within.item())}
