"""The alternating procedure of every GAN whose critic returns scores."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, NamedTuple

from torch import Tensor
from torch.func import grad_and_value

from ganbench.functional import functional
from ganbench.protocols import Loss, Network, Optimizer, Penalty, Prior, Snapshot, Transform
from ganbench.rng import Rng
from ganbench.tree import component


class AdversarialState(NamedTuple):
    """Weights and optimizer states; `standing` stays empty while training."""

    generator: dict[str, Tensor]
    standing: dict[str, Tensor]
    critic: dict[str, Tensor]
    g_opt: Any
    d_opt: Any


def alternate(step: int, d_steps: int) -> str:
    """Return `dg` at s = 0 and where (s − 1) mod d_steps = 0, else `d`: the study's schedule (its code, v1)."""
    return "dg" if step == 0 or (step - 1) % d_steps == 0 else "d"


@component
class Adversarial:
    """One D update on a fresh batch, then a G update on every `d_steps`-th step.

    D minimises loss.discriminator(D(x), D(G(z))) + penalty, G minimises loss.generator(D(x), D(G(z'))) against the
    updated D. z' = z as in the study's code, except where `redraw_latents` (its WGAN-GP). Real, fake and penalised
    points pass through D separately, each with its own batch statistics.
    """

    batched: ClassVar[bool] = True

    generator: Network
    critic: Network
    prior: Prior
    loss: Loss
    penalty: Penalty
    transform: Transform
    g_optimizer: Optimizer
    d_optimizer: Optimizer
    d_steps: int
    redraw_latents: bool

    def init(self, rng: Rng) -> AdversarialState:
        """Draw both networks."""
        generator = functional(self.generator).init(rng.fold("generator"))
        critic = functional(self.critic).init(rng.fold("critic"))
        g_opt, d_opt = self.g_optimizer.init(generator), self.d_optimizer.init(critic)
        return AdversarialState(generator, {}, critic, g_opt, d_opt)

    def turn(self, step: int) -> str:
        """Return which networks this step updates."""
        return alternate(step, self.d_steps)

    def step(
        self, state: AdversarialState, batch: Tensor, rng: Rng, turn: str
    ) -> tuple[AdversarialState, dict[str, Tensor]]:
        """Update D, and G if the turn says so; logs `d_loss` and, with G, `g_loss`."""
        latents = self.prior.draw(rng.fold("d"), len(batch))
        state, d_loss = self._update_critic(state, batch, latents, rng)
        if turn == "d":
            return state, {"d_loss": d_loss}
        if self.redraw_latents:
            latents = self.prior.draw(rng.fold("g"), len(batch))
        state, g_loss = self._update_generator(state, batch, latents, rng)
        return state, {"d_loss": d_loss, "g_loss": g_loss}

    def _update_critic(
        self, state: AdversarialState, batch: Tensor, latents: Tensor, rng: Rng
    ) -> tuple[AdversarialState, Tensor]:
        fake = functional(self.generator)(state.generator, latents)

        def objective(params: dict[str, Tensor]) -> Tensor:
            critic = self.transform(partial(functional(self.critic), params), rng.fold("transform"))
            adversarial = self.loss.discriminator(critic(batch), critic(fake))
            return adversarial + self.penalty(critic, batch, fake, rng.fold("penalty"))

        grads, d_loss = grad_and_value(objective)(state.critic)
        critic, d_opt = self.d_optimizer.update(state.critic, grads, state.d_opt)
        return state._replace(critic=critic, d_opt=d_opt), d_loss

    def _update_generator(
        self, state: AdversarialState, batch: Tensor, latents: Tensor, rng: Rng
    ) -> tuple[AdversarialState, Tensor]:
        critic = self.transform(partial(functional(self.critic), state.critic), rng.fold("transform"))

        def objective(params: dict[str, Tensor]) -> Tensor:
            fake = critic(functional(self.generator)(params, latents))
            real = critic(batch) if self.loss.generator_sees_real else fake
            return self.loss.generator(real, fake)

        grads, g_loss = grad_and_value(objective)(state.generator)
        generator, g_opt = self.g_optimizer.update(state.generator, grads, state.g_opt)
        return state._replace(generator=generator, g_opt=g_opt), g_loss

    def settle(self, state: AdversarialState, latents: Tensor) -> Snapshot:
        """Return the generator with standing statistics over latents [passes, B, Z]."""
        return Snapshot(state.generator, functional(self.generator).standing(state.generator, latents))

    def sample(self, state: AdversarialState | Snapshot, latents: Tensor) -> Tensor:
        """Map latents [B, Z] to samples."""
        return functional(self.generator).sample(state.generator, state.standing, latents)

    def draw_latents(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z]."""
        return self.prior.draw(rng, n)

    def clamp_latents(self, latents: Tensor) -> Tensor:
        """Project latents onto the prior's support."""
        return self.prior.clamp(latents)
