"""BEGAN: an auto-encoder critic and a proportional controller between its two errors."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value

from ganbench.functional import functional
from ganbench.procedures.adversarial import alternate
from ganbench.protocols import Network, Optimizer, Prior, Snapshot
from ganbench.rng import Rng
from ganbench.tree import component


class BeganState(NamedTuple):
    """Weights, optimizer states and the controller's k."""

    generator: dict[str, Tensor]
    standing: dict[str, Tensor]
    autoencoder: dict[str, Tensor]
    g_opt: Any
    d_opt: Any
    k: Tensor


@component
class Began:
    """Boundary-equilibrium GAN (Berthelot et al. 2017, arXiv 1703.10717, §3.3–3.4) as the study's code ran it.

    With L(v) = mean |v − AE(v)|: D minimises L(x) − k L(G(z)), G minimises L(G(z)), and after every step both errors
    are evaluated anew on the same batch for k ← k + k_lr (γ L(x) − L(G(z))), k₀ = 0. The paper clips k to [0, 1], the
    study's code does not: `clip_k`. Convergence measure M = L(x) + |γ L(x) − L(G(z))|.
    """

    batched: ClassVar[bool] = True

    generator: Network
    autoencoder: Network
    prior: Prior
    g_optimizer: Optimizer
    d_optimizer: Optimizer
    d_steps: int
    k_lr: float
    gamma: float
    clip_k: bool

    def init(self, rng: Rng) -> BeganState:
        """Draw both networks; k = 0."""
        generator = functional(self.generator).init(rng.fold("generator"))
        autoencoder = functional(self.autoencoder).init(rng.fold("critic"))
        g_opt, d_opt = self.g_optimizer.init(generator), self.d_optimizer.init(autoencoder)
        k = torch.zeros((), device=rng.key.device)
        return BeganState(generator, {}, autoencoder, g_opt, d_opt, k)

    def turn(self, step: int) -> str:
        """Return which networks this step updates."""
        return alternate(step, self.d_steps)

    def _error(self, params: dict[str, Tensor], images: Tensor) -> Tensor:
        """L(v) = mean over batch, pixels and channels of |AE(v) − v|."""
        return (functional(self.autoencoder)(params, images) - images).abs().mean()

    def step(
        self, state: BeganState, batch: Tensor, rng: Rng, turn: str
    ) -> tuple[BeganState, dict[str, Tensor]]:
        """Update D, G if the turn says so, then k; logs `d_loss`, `g_loss`, `k` and `convergence`."""
        latents = self.prior.draw(rng.fold("d"), len(batch))
        state, d_loss = self._update_autoencoder(state, batch, latents)
        if turn == "dg":
            state = self._update_generator(state, latents)
        fake_error = self._error(state.autoencoder, functional(self.generator)(state.generator, latents))
        real_error = self._error(state.autoencoder, batch)
        balance = self.gamma * real_error - fake_error
        k = state.k + self.k_lr * balance
        state = state._replace(k=k.clamp(0.0, 1.0) if self.clip_k else k)
        logs = {
            "d_loss": d_loss,
            "g_loss": fake_error,
            "k": state.k,
            "convergence": real_error + balance.abs(),
        }
        return state, logs

    def _update_autoencoder(
        self, state: BeganState, batch: Tensor, latents: Tensor
    ) -> tuple[BeganState, Tensor]:
        fake = functional(self.generator)(state.generator, latents)

        def objective(params: dict[str, Tensor]) -> Tensor:
            return self._error(params, batch) - state.k * self._error(params, fake)

        grads, d_loss = grad_and_value(objective)(state.autoencoder)
        autoencoder, d_opt = self.d_optimizer.update(state.autoencoder, grads, state.d_opt)
        return state._replace(autoencoder=autoencoder, d_opt=d_opt), d_loss

    def _update_generator(self, state: BeganState, latents: Tensor) -> BeganState:
        def objective(params: dict[str, Tensor]) -> Tensor:
            return self._error(state.autoencoder, functional(self.generator)(params, latents))

        grads, _ = grad_and_value(objective)(state.generator)
        generator, g_opt = self.g_optimizer.update(state.generator, grads, state.g_opt)
        return state._replace(generator=generator, g_opt=g_opt)

    def settle(self, state: BeganState, latents: Tensor) -> Snapshot:
        """Return the generator with standing statistics over latents [passes, B, Z]."""
        return Snapshot(state.generator, functional(self.generator).standing(state.generator, latents))

    def sample(self, state: BeganState | Snapshot, latents: Tensor) -> Tensor:
        """Map latents [B, Z] to samples."""
        return functional(self.generator).sample(state.generator, state.standing, latents)

    def draw_latents(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z]."""
        return self.prior.draw(rng, n)

    def clamp_latents(self, latents: Tensor) -> Tensor:
        """Project latents onto the prior's support."""
        return self.prior.clamp(latents)
