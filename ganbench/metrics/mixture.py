"""How well samples cover a mixture of Gaussians whose centres are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.protocols import Samples
from ganbench.tree import component


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Return Euclidean distances [n, m] of x [n, D] and y [m, D] in float64, not through products."""
    x, y = x.to("cpu", torch.float64), y.to("cpu", torch.float64)
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def covered(points: Tensor, by: Tensor, radius: float) -> float:
    """Return the share of points [n, D] that have one of the points `by` [m, D] within the radius."""
    near = [(distances(rows, by) <= radius).any(1) for rows in torch.split(points, 1000)]
    return torch.cat(near).double().mean().item()


def harmonic(precision: float, recall: float) -> float:
    """Return F1 = 2PR / (P + R), 0 where both are 0."""
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


@component(batched=False)
class Coverage:
    """Precision, recall, F1, modes and mode balance against K known centres of standard deviation sd.

    A sample is of high quality within `radius_sd` · sd of a centre (at 3 in the plane, 98.9 % of real points
    are). `precision` is the share of such samples, `recall` the share of fresh real points with a sample in
    that radius, `f1` their harmonic mean. A mode is covered when it holds, of high quality, at least
    `mode_share` of its fair share n / K of the n samples; `modes` counts these. `tv` is the total variation
    ½ Σ |h_k − 1 / K| of the histogram h of high-quality samples over the modes, 1 where there is none.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"manifold"})
    space: str
    directions: Mapping[str, str]
    at: str
    radius_sd: float
    mode_share: float

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score vectors [m, D] against fresh real ones [n, D]; the manifold has `centers` [K, D] and `sd`."""
        centers, radius = real.manifold.centers, self.radius_sd * real.manifold.sd
        nearest, mode = distances(fake.images, centers).min(1)
        counts = torch.bincount(mode[nearest <= radius], minlength=len(centers)).double()
        precision = counts.sum().item() / len(mode)
        recall = covered(real.images, fake.images, radius)
        return {
            "f1": harmonic(precision, recall),
            "precision": precision,
            "recall": recall,
            "modes": (counts >= self.mode_share * len(mode) / len(centers)).double().sum().item(),
            "tv": _imbalance(counts),
        }


def _imbalance(counts: Tensor) -> float:
    """Return the total variation between counts [K] and the uniform histogram, 1 if all are 0."""
    if not counts.any():
        return 1.0
    return (counts / counts.sum() - 1.0 / len(counts)).abs().sum().item() / 2.0
