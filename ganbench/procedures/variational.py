"""The variational auto-encoder: one loss, one optimizer, sampling from the prior."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value
from torch.nn.functional import softplus

from ganbench.functional import functional
from ganbench.protocols import Likelihood, Network, Optimizer, Prior, Snapshot
from ganbench.rng import Rng
from ganbench.tree import component


class VariationalState(NamedTuple):
    """Decoder (`generator`), encoder and the state of the one optimizer over both."""

    generator: dict[str, Tensor]
    standing: dict[str, Tensor]
    encoder: dict[str, Tensor]
    opt: Any


def kl_to_standard_normal(mean: Tensor, sd: Tensor) -> Tensor:
    """Return the batch mean of ½ Σⱼ (μⱼ² + σⱼ² − log(10⁻⁸ + σⱼ²) − 1), nats; mean and sd are [B, Z]."""
    variance = sd.square()
    return 0.5 * (mean.square() + variance - torch.log(1e-8 + variance) - 1.0).sum(dim=1).mean()


@component
class Variational:
    """Auto-encoding variational Bayes (Kingma & Welling 2013, arXiv 1312.6114, eq. 3) as the study's code ran it.

    Minimises −E log p(x | decode(μ + σε)) + KL(q(z|x) ‖ N(0, I)), with (μ, s) = encode(x) and σ = 10⁻⁶ + softplus(s).
    Samples are the likelihood's mean at latents of the prior; the encoder is never asked.
    """

    batched: ClassVar[bool] = True

    encoder: Network
    decoder: Network
    prior: Prior
    likelihood: Likelihood
    optimizer: Optimizer

    def init(self, rng: Rng) -> VariationalState:
        """Draw both networks."""
        decoder = functional(self.decoder).init(rng.fold("generator"))
        encoder = functional(self.encoder).init(rng.fold("encoder"))
        return VariationalState(decoder, {}, encoder, self.optimizer.init(_join(encoder, decoder)))

    def turn(self, step: int) -> str:  # noqa: ARG002  (every step updates everything)
        """Return `dg`: there is one loss."""
        return "dg"

    def step(
        self,
        state: VariationalState,
        batch: Tensor,
        rng: Rng,
        turn: str,  # noqa: ARG002  (the protocol's argument)
    ) -> tuple[VariationalState, dict[str, Tensor]]:
        """Update encoder and decoder; logs `d_loss` = −ELBO and `kl`."""
        noise = rng.normal("posterior", (len(batch), self.prior.latent_dim))

        def objective(params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            encoder, decoder = _split(params)
            mean, raw = functional(self.encoder)(encoder, batch).chunk(2, dim=1)
            sd = 1e-6 + softplus(raw)
            kl = kl_to_standard_normal(mean, sd)
            output = functional(self.decoder)(decoder, mean + sd * noise)
            return kl - self.likelihood.log_prob(batch, output), kl

        params = _join(state.encoder, state.generator)
        grads, (loss, kl) = grad_and_value(objective, has_aux=True)(params)
        params, opt = self.optimizer.update(params, grads, state.opt)
        encoder, decoder = _split(params)
        return VariationalState(decoder, {}, encoder, opt), {"d_loss": loss, "kl": kl}

    def settle(self, state: VariationalState, latents: Tensor) -> Snapshot:
        """Return the decoder with standing statistics over latents [passes, B, Z]."""
        return Snapshot(state.generator, functional(self.decoder).standing(state.generator, latents))

    def sample(self, state: VariationalState | Snapshot, latents: Tensor) -> Tensor:
        """Map latents [B, Z] to the likelihood's means."""
        return self.likelihood.mean(functional(self.decoder).sample(state.generator, state.standing, latents))

    def draw_latents(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z]."""
        return self.prior.draw(rng, n)

    def clamp_latents(self, latents: Tensor) -> Tensor:
        """Project latents onto the prior's support."""
        return self.prior.clamp(latents)


def _join(encoder: dict[str, Tensor], decoder: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        **{f"encoder.{k}": v for k, v in encoder.items()},
        **{f"decoder.{k}": v for k, v in decoder.items()},
    }


def _split(params: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    def part(name: str) -> dict[str, Tensor]:
        return {k.removeprefix(f"{name}."): v for k, v in params.items() if k.startswith(f"{name}.")}

    return part("encoder"), part("decoder")
