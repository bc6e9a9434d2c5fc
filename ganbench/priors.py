"""Laws of the latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.tree import component

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.rng import Rng


@component
class Uniform:
    """U[low, high) in every coordinate; the study's prior for all GANs is U[−1, 1)."""

    latent_dim: int
    low: float
    high: float

    def draw(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z]."""
        return self.low + (self.high - self.low) * rng.uniform("latents", (n, self.latent_dim))

    def clamp(self, latents: Tensor) -> Tensor:
        """Cut latents to [low, high]."""
        return latents.clamp(self.low, self.high)


@component
class Normal:
    """N(0, 1) in every coordinate, the prior of variational auto-encoders."""

    latent_dim: int

    def draw(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z]."""
        return rng.normal("latents", (n, self.latent_dim))

    def clamp(self, latents: Tensor) -> Tensor:
        """Return latents as they are: the support is unbounded."""
        return latents
