"""How near a generator comes to given images: gradient descent on its latents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganbench.protocols import Samples

CHUNK = 512  # images generated at once where no gradient is needed
BLOCK = 256  # images searched for at once: more do not fit a processor's cache


def search(
    targets: Tensor, fake: Samples, *, pool: int, starts: int, lengths: Sequence[int], lr: float
) -> Tensor:
    """Return each target's squared distance min_z ‖x − G(z)‖² as found within each length: [lengths, n].

    `targets` are images [n, ...]. Per length, Adam (learning rate `lr`, cosine decay to 0) goes that many
    steps from the latents of the target's nearest `starts` images among `pool` generated ones, kept on the
    prior's support; the best distance met by this search or a shorter one counts. A search can miss the
    minimum: these are upper bounds, and a recall that counts them is a lower bound. Raises `TypeError` for
    samples without a generator.
    """
    if fake.generator is None or fake.draw_latents is None or fake.clamp_latents is None:
        raise TypeError("inversion needs samples that carry their generator and its latents")
    latents = fake.draw_latents("inversion", pool)
    targets = targets.to(latents.device)
    nearest = nearest_images(targets, latents, fake.generator, starts)
    found = torch.full((len(lengths), len(targets)), torch.inf, device=targets.device)
    for rows in torch.split(torch.arange(len(targets), device=targets.device), BLOCK):
        for place, steps in enumerate(lengths):
            for start in nearest[:, rows]:
                distances = descend(
                    targets[rows], latents[start], fake.generator, fake.clamp_latents, steps=steps, lr=lr
                )
                found[place, rows] = torch.minimum(found[place, rows], distances)
    return found.cummin(0).values


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
