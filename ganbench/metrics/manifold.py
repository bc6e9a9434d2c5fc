"""Precision and recall as functions of the tolerance δ, from the squared distances they count."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


def share_within(distances: Tensor, delta: float) -> float:
    """Return the share of squared distances [n] that are at most δ."""
    return (distances <= delta).double().mean().item()


def harmonic(precision: float, recall: float) -> float:
    """Return F1 = 2PR / (P + R), 0 where both are 0."""
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


class Curve(NamedTuple):
    """Precision and recall at every δ at which one of them rises, float64 [K]; between two such δ they rest."""

    deltas: Tensor
    precision: Tensor
    recall: Tensor

    @property
    def f1(self) -> Tensor:
        """Return the harmonic mean of both at each δ, 0 where both are 0."""
        total = self.precision + self.recall
        return torch.where(total > 0, 2 * self.precision * self.recall / total, 0.0)


def curve(distances_fake: Tensor, distances_real: Tensor) -> Curve:
    """Return precision and recall over δ from squared distances [n] of fakes and [m] of real images.

    Precision is the share of fakes within δ of the manifold, recall that of real images within δ of what the
    generator makes; each is its distances' empirical distribution function. A NaN lies within no δ.
    """
    sides = [d.detach().to("cpu", torch.float64) for d in (distances_fake, distances_real)]
    deltas: Tensor = torch.cat([d[~d.isnan()] for d in sides]).unique()  # type: ignore[no-untyped-call]
    precision, recall = (
        torch.searchsorted(d[~d.isnan()].sort().values, deltas, right=True) / len(d) for d in sides
    )
    return Curve(deltas, precision.double(), recall.double())


def log_area(deltas: Tensor, values: Tensor, low: float, high: float) -> float:
    """Return the mean over ln δ from `low` to `high` of a function that steps to `values` [K] at `deltas` [K].

    (1 / ln(high/low)) ∫ f(δ) dδ/δ, exact; f is 0 before the first step. For a distribution function of distances d
    it is the mean of clamp(ln(high/d) / ln(high/low), 0, 1): a share without a single threshold.
    """
    edges = deltas.clamp(low, high).log()
    ends = torch.cat([edges[1:], edges.new_tensor([math.log(high)])])
    return (((ends - edges) * values).sum() / math.log(high / low)).item()
