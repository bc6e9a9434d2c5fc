"""A trial as most people run it: a process of its own that trains a GAN on a ring and scores it four times.

    python benchmarks/one_trial.py NUMBER STEPS

Numbers draw what a search draws: with and without batch norm in the critic, one or five critic steps.
"""

from __future__ import annotations

import sys

import torch
from plain_loop import LATENT, PlainLoop, plain_loop
from torch import Tensor

POINTS, SCORED, TIMES = 50_000, 2000, 4
MODES, RADIUS, SD = 8, 2.0**0.5, 0.05  # as conf/dataset/ring.yaml


def centers() -> Tensor:
    angles = torch.arange(MODES) * (2.0 * torch.pi / MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def ring(n: int) -> Tensor:
    return centers()[torch.randint(0, MODES, (n,))] + SD * torch.randn(n, 2)


def drawn_loop(number: int) -> PlainLoop:
    loop = plain_loop("ns_gan", "mlp", 128, ring(POINTS), norm=bool(number // 2 % 2))
    loop.d_steps = (1, 5)[number % 2]
    return loop


@torch.no_grad()
def score(loop: PlainLoop, real: Tensor) -> tuple[float, float]:
    """Return F1 within three standard deviations and the energy distance."""
    fake = loop.generator(torch.randn(SCORED, LATENT))
    across = torch.cdist(real, fake)
    precision = (torch.cdist(fake, centers()).min(1).values <= 3 * SD).float().mean()
    recall = (across.min(1).values <= 3 * SD).float().mean()
    energy = 2 * across.mean() - torch.cdist(real, real).mean() - torch.cdist(fake, fake).mean()
    return (2 * precision * recall / (precision + recall)).item(), energy.item()


def main(number: int, steps: int) -> None:
    torch.set_num_threads(1)
    loop, real = drawn_loop(number), ring(SCORED)
    for _ in range(TIMES):
        for _ in range(steps // TIMES):
            loop.step()
        score(loop, real)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
