"""Precision and recall by nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.metrics.neighbors import balls, radii, reference_radii
from ganbench.metrics.sets import score_features
from ganbench.protocols import Samples
from ganbench.tree import component


@component(batched=False)
class PrecisionRecall:
    """Share of fakes near a real sample, and of real samples near a fake one; larger is better.

    Near x is the ball around x whose radius is the distance to x's k-th nearest neighbour in its own set, its
    edge included or not: `inclusive` is the paper's rule (Kynkäänniemi et al. 2019, arXiv 1904.06991, eq. 1,
    there with k = 3 on VGG16) and torch-fidelity's, the other one prdc's (there with k = 5). They differ where
    features repeat. Sizes move both numbers: compare at equal ones. Raises `ConfigError` where a side has
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
        return ("precision", "recall")

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [m, F] against features [n, F]."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            return self._shares(x, y, reference_radii(real, x, self.space, self.k))

        return score_features(self, real, fake, score, least=self.k + 1)

    def _shares(self, real: Tensor, fake: Tensor, real_radii: Tensor) -> dict[str, float]:
        fake_radii = radii(fake, self.k)
        precise = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
        recalled = torch.zeros(len(real), dtype=torch.bool, device=fake.device)
        for rows, distances in balls(fake, real, inclusive=self.inclusive):
            precise[rows] = (distances <= real_radii).any(1)
            recalled |= (distances <= fake_radii[rows, None]).any(0)
        return {"precision": precise.double().mean().item(), "recall": recalled.double().mean().item()}
