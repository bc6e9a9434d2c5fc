"""The gradient penalty of WGAN-GP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganbench.tree import component

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.protocols import Critic
    from ganbench.rng import Rng


@component
class GradientPenalty:
    """The critic's slope between real and fake samples is drawn towards `center`.

    weight · E(s − center)² with s = √(eps + ‖∇l(x̃)‖²), x̃ = x + α(G(z) − x) and α ~ U[0, 1) per sample
    (Gulrajani et al. 2017, arXiv 1704.00028, eq. 3, center 1; eps 1e−4 is the study's code's). The gradient
    is that of the summed scores: under batch norm a sample's slope is its effect on the whole batch's scores.
    """

    weight: float
    center: float
    eps: float

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
        """Return the weighted penalty, scalar."""
        alpha = rng.uniform("alpha", (real.shape[0],) + (1,) * (real.dim() - 1))
        gradient = torch.func.grad(lambda x: critic(x).sum())(torch.lerp(real, fake, alpha))
        slope = torch.sqrt(self.eps + gradient.square().flatten(1).sum(1))
        return self.weight * (slope - self.center).square().mean()
