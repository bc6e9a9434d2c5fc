"""Precision, recall and F1 against a manifold of images whose distance can be computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.protocols import Samples
from ganbench.tree import component

CHUNK = 512  # images generated at once where no gradient is needed


def share_within(distances: Tensor, delta: float) -> float:
    """Return the share of squared distances [n] that are at most δ."""
    return (distances <= delta).double().mean().item()


def harmonic(precision: float, recall: float) -> float:
    """Return F1 = 2PR / (P + R), 0 where both are 0."""
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


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
        if fake.generator is None or fake.draw_latents is None or fake.clamp_latents is None:
            raise TypeError("inversion needs samples that carry their generator and its latents")
        latents = fake.draw_latents("inversion", self.pool)
        targets = targets.to(latents.device)
        found = [
            descend(targets, latents[start], fake.generator, fake.clamp_latents, steps=self.steps, lr=self.lr)
            for start in nearest_images(targets, latents, fake.generator, self.starts)
        ]
        return torch.stack(found).amin(0)


def nearest_images(targets: Tensor, latents: Tensor, generator: Callable[[Tensor], Tensor], k: int) -> Tensor:
    """Return which latents give each target's [n, ...] k nearest images: indices [k, n], nearest first."""
    with torch.no_grad():
        images = torch.cat([generator(z).flatten(1) for z in torch.split(latents, CHUNK)])
        return torch.cdist(targets.flatten(1), images).topk(k, dim=1, largest=False).indices.T


def descend(
    targets: Tensor,
    latents: Tensor,
    generator: Callable[[Tensor], Tensor],
    clamp: Callable[[Tensor], Tensor],
    *,
    steps: int,
    lr: float,
) -> Tensor:
    """Minimise ‖x − G(z)‖² over each row of latents [n, Z]; return the smallest values met, [n]."""

    def distance(z: Tensor) -> Tensor:
        return (generator(z) - targets).flatten(1).square().sum(1)

    z = latents.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best = torch.full((len(targets),), torch.inf, device=targets.device)
    for _ in range(steps):
        with torch.enable_grad():
            value = distance(z)
            (z.grad,) = torch.autograd.grad(value.sum(), z)
        best = torch.minimum(best, value.detach())
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            z.copy_(clamp(z))
    with torch.no_grad():
        return torch.minimum(best, distance(z))
