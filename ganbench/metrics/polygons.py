"""Precision, recall and F1 against a manifold of images whose distance can be computed: the search's cheap form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from ganbench.metrics.manifold import harmonic, share_within
from ganbench.metrics.manifold_inversion import search
from ganbench.protocols import Samples
from ganbench.tree import component


@component(batched=False)
class PolygonPrecision:
    """Median squared distance of fakes to the manifold, and the share within each δ (arXiv 1711.10337).

    Takes the first `n_fake` of the protocol's fakes, all where there are fewer. Distances are squared
    Euclidean over all pixels. The study's n is 1024, its δ 0.75.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"manifold"})
    space: str
    directions: Mapping[str, str]
    at: str
    n_fake: int
    deltas: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives: `distance` and `precision@δ`."""
        return ("distance", *(f"precision@{delta:g}" for delta in self.deltas))

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score images [N, C, H, W] by `real.manifold`."""
        distances = real.manifold.squared_distance(fake.images[: self.n_fake])
        values = [distances.double().quantile(0.5).item(), *(share_within(distances, d) for d in self.deltas)]
        return dict(zip(self.names, values, strict=True))


@component(batched=False)
class PolygonF1:
    """Recall by inverting the generator, and its harmonic mean F1 with precision (arXiv 1711.10337).

    A real image x is recalled at δ if min_z ‖x − G(z)‖² ≤ δ. The minimum is sought by Adam (learning rate
    `lr` with cosine decay to 0) for `steps` steps from the latents of x's nearest `starts` images among
    `pool` generated ones, with the latents kept on the prior's support; the best distance met counts. A
    search can miss the minimum, so recall and F1 are lower bounds. Takes the first `n_real` real images and
    `n_fake` fakes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"generator", "manifold"})
    space: str
    directions: Mapping[str, str]
    at: str
    n_real: int
    n_fake: int
    pool: int
    starts: int
    steps: int
    lr: float
    deltas: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives: `recall@δ` and `f1@δ`."""
        return tuple(f"{name}@{delta:g}" for delta in self.deltas for name in ("recall", "f1"))

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score `fake.generator` against real images [N, C, H, W] and fakes by `real.manifold`."""
        to_manifold = real.manifold.squared_distance(fake.images[: self.n_fake])
        to_fakes = self.inversion(real.images[: self.n_real], fake)
        values: list[float] = []
        for delta in self.deltas:
            recall = share_within(to_fakes, delta)
            values += [recall, harmonic(share_within(to_manifold, delta), recall)]
        return dict(zip(self.names, values, strict=True))

    def inversion(self, targets: Tensor, fake: Samples) -> Tensor:
        """Return the squared distance from each target [n, C, H, W] to the nearest image found, [n]."""
        return search(
            targets, fake, pool=self.pool, starts=self.starts, lengths=(self.steps,), lr=self.lr
        ).squeeze(0)
