"""Density and coverage: nearest-neighbour balls around real samples only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.metrics.neighbors import balls, reference_radii
from ganbench.metrics.sets import score_features
from ganbench.protocols import Samples
from ganbench.tree import component


@component(batched=False)
class DensityCoverage:
    """How many real balls a fake lies in, over k; and the share of real balls that hold a fake.

    A ball's radius is the distance to the k-th nearest real neighbour, its edge included or not (`inclusive`;
    prdc does not). Naeem et al. 2020, arXiv 2002.09797, eq. 3 and 4. For two samples of one law, density
    is about 1 and coverage 1 − (n − 1) … (n − k) / ((2n − 1) … (2n − k)), .969 at k = 5 for large n. Density has
    no upper bound: fakes where many balls overlap exceed 1. Raises `ConfigError` where a side has
    not more than k samples.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str
    k: int
    inclusive: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return ("density", "coverage")

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [m, F] against features [n, F]."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            return self._shares(x, y, reference_radii(real, x, self.space, self.k))

        return score_features(self, real, fake, score, least=self.k + 1)

    def _shares(self, real: Tensor, fake: Tensor, real_radii: Tensor) -> dict[str, float]:
        held, covered = 0, torch.zeros(len(real), dtype=torch.bool, device=real.device)
        for _, distances in balls(fake, real, inclusive=self.inclusive):
            inside = distances <= real_radii
            held += int(inside.sum())
            covered |= inside.any(0)
        return {"density": held / (self.k * len(fake)), "coverage": covered.double().mean().item()}
