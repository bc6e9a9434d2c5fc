"""Precision and recall for distributions (PRD): how much of one histogram over clusters the other one holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from ganbench.metrics.sets import check_balance, score_features
from ganbench.metrics.subsets import canonical
from ganbench.protocols import Samples
from ganbench.tree import component

Array = npt.NDArray[np.float64]
EDGE = 1e-10  # keeps slopes and quotients finite
BETA = 8.0


def prd_curve(real: Array, fake: Array, angles: int) -> tuple[Array, Array]:
    """Return precision α(λ) = Σ min(λ p, q) and recall β(λ) = α(λ) / λ, [angles] each, of histograms p, q [K].

    λ = tan θ over angles θ spread evenly over (0, π/2). Sajjadi et al. 2018, arXiv 1806.00035, sec. 3.
    """
    slopes = np.tan(np.linspace(EDGE, np.pi / 2.0 - EDGE, angles))
    precision = np.minimum(slopes[:, None] * real, fake).sum(1)
    return precision.clip(0.0, 1.0), (precision / slopes).clip(0.0, 1.0)


def best_f(precision: Array, recall: Array, beta: float) -> float:
    """Return the largest F_β = (1 + β²) PR / (β² P + R) on a curve; β above 1 weighs recall more."""
    square = beta * beta
    return float(((1.0 + square) * precision * recall / (square * precision + recall + EDGE)).max())


def histograms(real: Array, fake: Array, clusters: int, starts: int, seed: int) -> tuple[Array, Array]:
    """Return the shares of real and of fake points in each cluster of their union, [K] each."""
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415  (seconds: only those pay who score with it)

    kmeans = MiniBatchKMeans(n_clusters=clusters, n_init=starts, random_state=seed)
    labels = kmeans.fit(np.concatenate([real, fake])).labels_
    split = labels[: len(real)], labels[len(real) :]
    p, q = (np.bincount(side, minlength=clusters) / len(side) for side in split)
    return p, q


@component(batched=False)
class DistributionPrecisionRecall:
    """F_8 (recall above all) and F_1/8 (precision above all) of the PRD curve; both in [0, 1], larger is better.

    The union of both sets is clustered into `clusters` by mini-batch k-means with the best of `starts` starts, the
    curve has `angles` points, and is averaged over `runs` clusterings seeded by `seed` + run. Sajjadi et al. 2018,
    arXiv 1806.00035, and the study's code (20 clusters, 10 starts, 1001 angles, 10 runs). Raises `ConfigError` for
    sets of different sizes or smaller than `clusters`.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str
    clusters: int
    starts: int
    angles: int
    runs: int
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives: F_8 and F_1/8."""
        return ("prd_f8", "prd_f1_8")

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [n, F] against features [n, F]."""
        return score_features(self, real, fake, self._score, least=self.clusters)

    def _score(self, real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
        check_balance(self, real, fake)
        x, y = (side[canonical(side)].cpu().double().numpy() for side in (real, fake))
        pairs = [histograms(x, y, self.clusters, self.starts, self.seed + run) for run in range(self.runs)]
        curves = np.array([prd_curve(p, q, self.angles) for p, q in pairs])
        precision, recall = curves.mean(0)
        return {"prd_f8": best_f(precision, recall, BETA), "prd_f1_8": best_f(precision, recall, 1.0 / BETA)}
