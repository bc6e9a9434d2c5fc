"""The 1-nearest-neighbour two-sample test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.metrics.neighbors import SLACK, radii, reference_radii, tiles
from ganbench.metrics.sets import check_balance, score_features
from ganbench.protocols import Samples
from ganbench.tree import component


@component(batched=False)
class NearestNeighborAccuracy:
    """Leave-one-out accuracy of the 1-nearest-neighbour classifier of real against fake: overall and of each.

    A sample counts as told apart if its nearest other sample is of its own side, as half if both sides have one at
    that distance. Lopez-Paz and Oquab 2017, arXiv 1610.06545; Xu et al. 2018, arXiv 1806.07755, sec. 2.
    One law gives .5, disjoint sets 1. **Below .5** fakes lie closer to real samples than those to each other: they
    are copies, and copies of the very reference score 0, so `min` is better only down to .5. A low `nn1_real`
    with a high `nn1_fake` is a generator that drops modes. Raises `ConfigError` for sets of different sizes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    unranked: ClassVar[frozenset[str]] = frozenset({"nn1_real", "nn1_fake"})
    space: str
    directions: Mapping[str, str]
    at: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return ("nn1", "nn1_real", "nn1_fake")

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [n, F] against features [n, F]."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            check_balance(self, x, y)
            to_real, to_fake = nearest_across(x, y)
            origin = x.mean(0, dtype=torch.float64)
            of_real = told_apart(x - origin, reference_radii(real, x, self.space, 1), to_fake)
            of_fake = told_apart(y - origin, radii(y, 1), to_real)
            return dict(zip(self.names, ((of_real + of_fake) / 2.0, of_real, of_fake), strict=True))

        return score_features(self, real, fake, score)


def nearest_across(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the squared distances of fakes [m] to the nearest real sample and of real ones [n] to the nearest fake."""
    to_real, to_fake = [], torch.full((len(real),), torch.inf, dtype=torch.float64, device=real.device)
    for _, distances in tiles(fake, real):
        to_real.append(distances.amin(1))
        to_fake = torch.minimum(to_fake, distances.amin(0))
    return torch.cat(to_real), to_fake


def told_apart(points: Tensor, own: Tensor, other: Tensor) -> float:
    """Return the share of points [n, F] nearer to their own side than to the other (squared distances [n])."""
    rounding = 4.0 * SLACK * (points.square().sum(1) + own + other)
    nearer = (own < other).double().masked_fill((own - other).abs() <= rounding, 0.5)
    return nearer.mean().item()
