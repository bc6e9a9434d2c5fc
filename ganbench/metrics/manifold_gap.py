"""How much better training images are met than unseen ones: what a generator that memorises cannot hide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.metrics.manifold_inversion import search
from ganbench.metrics.neighbors import balls, reference_radii
from ganbench.metrics.sets import score_features
from ganbench.protocols import Samples
from ganbench.tree import component


def gap(train: Tensor, test: Tensor) -> tuple[float, float]:
    """Return the share of training images met minus that of test images, bool [n] and [m], and its standard error.

    √(p(1 − p)/(n + 2) + q(1 − q)/(m + 2)) with p = (hits + 1)/(n + 2) and q likewise, so that a share of 0 or 1 of few
    images is not taken for certain (Agresti and Caffo 2000, https://doi.org/10.1080/00031305.2000.10474560).
    """
    sides = [(int(side.sum()), len(side)) for side in (train, test)]
    shares = [hits / n for hits, n in sides]
    padded = [((hits + 1) / (n + 2), n + 2) for hits, n in sides]
    return shares[0] - shares[1], math.sqrt(sum(p * (1 - p) / n for p, n in padded))


@component(batched=False)
class RecallGap:
    """Recall of training images minus recall of test images at each δ, with its standard error.

    Both are met if min_z ‖x − G(z)‖² ≤ δ by one and the same `manifold_inversion.search`: what it misses, it misses on
    both sides, and images of one law have gap 0 however short it is. A generator that memorised the
    training set has a gap near 1. `recall_gap_se@δ` is that of two independent shares (`gap`). Takes the
    first `n_train` training images and `n_real` real ones.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"generator", "train"})
    unranked: ClassVar[frozenset[str]] = frozenset({"recall_gap_se"})
    space: str
    directions: Mapping[str, str]
    at: str
    n_train: int
    n_real: int
    pool: int
    starts: int
    steps: int
    lr: float
    deltas: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives: `recall_gap@δ` and `recall_gap_se@δ`."""
        bare = ("recall_gap", "recall_gap_se")
        return tuple(f"{name}@{delta:g}" for delta in self.deltas for name in bare)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score `fake.generator` on `real.train_images` [N, C, H, W] against `real.images`."""
        if real.train_images is None:
            raise TypeError("a recall gap needs real samples that carry training images")
        train, test = real.train_images[: self.n_train], real.images[: self.n_real]
        (found,) = search(
            torch.cat([train, test]),
            fake,
            pool=self.pool,
            starts=self.starts,
            lengths=(self.steps,),
            lr=self.lr,
        )
        met = [found <= delta for delta in self.deltas]
        values = [value for hits in met for value in gap(hits[: len(train)], hits[len(train) :])]
        return dict(zip(self.names, values, strict=True))


@component(batched=False)
class NearestGap:
    """Share of training images with a fake nearby minus that of test images, at each radius, with its standard error.

    The form of `RecallGap` for samples without a generator: the nearest fake takes the place of inversion. Feature
    spaces have scales of their own, so a radius is a quantile `q` of the distances from real test images to their
    nearest other test image: fresh real samples, as many, lie within it of a share near q of either
    side. Copies of the training images have gap@q near 1 − q, times the share of the training images that
    were copied. Honest samples have gap 0 whatever their quality. A copy within rounding of its original
    counts as one.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features", "train"})
    unranked: ClassVar[frozenset[str]] = frozenset({"gap_se"})
    space: str
    directions: Mapping[str, str]
    at: str
    quantiles: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives: `gap@q` and `gap_se@q`."""
        return tuple(f"{name}@{q:g}" for q in self.quantiles for name in ("gap", "gap_se"))

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score fake features [m, F] by `real.train_features` [k, F] and `real.features` [n, F]."""
        train = real.train_features
        if train is None:
            raise TypeError("a nearest gap needs real samples that carry training images' features")

        def score(test: Tensor, fakes: Tensor) -> dict[str, float]:
            spacing = reference_radii(real, test, self.space, 1)
            radii = spacing.quantile(torch.tensor(self.quantiles, dtype=spacing.dtype, device=spacing.device))
            met = zip(within(train, fakes, radii), within(test, fakes, radii), strict=True)
            values = [value for hits in met for value in gap(*hits)]
            return dict(zip(self.names, values, strict=True))

        return score_features(self, real, fake, score)


def within(rows: Tensor, fakes: Tensor, radii: Tensor) -> Tensor:
    """Say which rows [n, F] have a fake [m, F] at most √radius away: bool [K, n] for squared radii [K]."""
    nearest = torch.cat([distances.amin(1) for _, distances in balls(rows, fakes, inclusive=True)])
    return nearest <= radii.unsqueeze(1)
