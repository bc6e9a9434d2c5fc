"""The local gradient penalty of DRAGAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganbench.tree import component

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.protocols import Critic
    from ganbench.rng import Rng


@component
class Dragan:
    """The critic's slope around real samples is drawn towards 1 (Kodali et al. 2017, arXiv 1705.07215).

    weight · E(s − 1)² with s = √(eps + ‖∇D(x̃)‖²) and x̃ = x + noise_scale · std(x) · u. Here std is the
    biased one of all numbers of the batch; u ~ U[0, 1) per number, less ½ if `centered`, times one
    α ~ U[0, 1) per sample if `interpolate`; x̃ is cut to [0, 1] if `clip`; D = σ(l) if `of_probability`,
    else l. The generated samples play no part.

    | variant           | noise_scale | centered | interpolate | clip | of_probability |
    |-------------------|-------------|----------|-------------|------|----------------|
    | study (v1)        | 0.5         | no       | yes         | no   | yes            |
    | authors           | 0.5         | no       | yes         | no   | no             |
    | compare_gan v2    | 1           | yes      | no          | yes  | no             |
    """

    weight: float
    eps: float
    noise_scale: float
    centered: bool
    interpolate: bool
    clip: bool
    of_probability: bool

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:  # noqa: ARG002  (protocol)
        """Return the weighted penalty, scalar."""

        def output(x: Tensor) -> Tensor:
            scores = critic(x)
            return (scores.sigmoid() if self.of_probability else scores).sum()

        gradient = torch.func.grad(output)(self._points(real, rng))
        slope = torch.sqrt(self.eps + gradient.square().flatten(1).sum(1))
        return self.weight * (slope - 1.0).square().mean()

    def _points(self, real: Tensor, rng: Rng) -> Tensor:
        """Return x̃."""
        noise = rng.uniform("noise", tuple(real.shape))
        if self.centered:
            noise = noise - 0.5
        if self.interpolate:
            noise = noise * rng.uniform("alpha", (real.shape[0],) + (1,) * (real.dim() - 1))
        points = real + self.noise_scale * real.std(correction=0) * noise
        return points.clamp(0.0, 1.0) if self.clip else points
