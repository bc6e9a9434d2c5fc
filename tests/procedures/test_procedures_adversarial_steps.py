"""Steps of every adversarial model against a plain PyTorch twin: modules, autograd and torch.optim."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from packs import distance
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss
from twins import PLAIN, SIZE, TfAdam, agree, batch_of, lively, module, recorded

from ganbench.procedures.adversarial import Adversarial, AdversarialState
from ganbench.rng import Rng

CLIP = 0.3
Pair = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]


def lively_state(procedure: Adversarial) -> AdversarialState:
    state = procedure.init(Rng.of(1))
    return state._replace(generator=lively(state.generator, "g"), critic=lively(state.critic, "d"))


def cross_entropy(scores: Tensor, label: float) -> Tensor:
    return binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))


def squares(scores: Tensor, label: float) -> Tensor:
    return 0.5 * mse_loss(scores.sigmoid(), torch.full_like(scores, label))


def both_cross_entropies(real: Tensor, fake: Tensor) -> Tensor:
    return cross_entropy(real, 1.0) + cross_entropy(fake, 0.0)


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


LOSSES: dict[str, Pair] = {
    "mm_gan": (both_cross_entropies, lambda fake: -cross_entropy(fake, 0.0)),
    "ns_gan": (both_cross_entropies, lambda fake: cross_entropy(fake, 1.0)),
    "dragan": (both_cross_entropies, lambda fake: cross_entropy(fake, 1.0)),
    "lsgan": (lambda r, f: squares(r, 1.0) + squares(f, 0.0), lambda fake: squares(fake, 1.0)),
    "wgan": (wasserstein, lambda fake: -fake.mean()),
    "wgan_gp": (wasserstein, lambda fake: -fake.mean()),
}


def slope_penalty(outputs: Tensor, points: Tensor) -> Tensor:
    gradient = torch.autograd.grad(outputs.sum(), points, create_graph=True)[0]
    return 10.0 * ((1e-4 + (gradient**2).sum(dim=1)).sqrt() - 1.0).pow(2).mean()


def wgan_gp_penalty(critic: nn.Module, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
    alpha = rng.uniform("alpha", (SIZE, 1))
    points = (real + alpha * (fake - real)).requires_grad_()
    return slope_penalty(critic(points), points)


def dragan_penalty(critic: nn.Module, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
    sd = math.sqrt(float(((real - real.mean()) ** 2).mean()))
    noisy = real + 0.5 * sd * rng.uniform("noise", (SIZE, 2))
    points = (real + rng.uniform("alpha", (SIZE, 1)) * (noisy - real)).requires_grad_()
    return slope_penalty(critic(points).sigmoid(), points)


PENALTIES = {"wgan_gp": wgan_gp_penalty, "dragan": dragan_penalty}


class Twin:
    """The same networks and updates, written as one would without ganbench."""

    def __init__(self, model: str, procedure: Adversarial, state: AdversarialState) -> None:
        self.model, (self.d_loss, self.g_loss) = model, LOSSES[model]
        self.generator = module(procedure.generator, state.generator)
        self.critic = module(procedure.critic, state.critic)
        self.g_adam, self.d_adam = TfAdam(self.generator), TfAdam(self.critic)

    def update_critic(self, real: Tensor, latents: Tensor, rng: Rng) -> float:
        fake = self.generator(latents).detach()
        loss = self.d_loss(self.critic(real), self.critic(fake))
        if self.model in PENALTIES:
            loss = loss + PENALTIES[self.model](self.critic, real, fake, rng.fold("penalty"))
        value = self.d_adam.minimise(loss)
        if self.model == "wgan":
            for parameter in self.critic.parameters():
                parameter.data.clamp_(-CLIP, CLIP)
        return value

    def update_generator(self, latents: Tensor) -> float:
        return self.g_adam.minimise(self.g_loss(self.critic(self.generator(latents))))


def settings(model: str, **values: Any) -> dict[str, Any]:
    own = {"wgan": {"model.clip": CLIP}}.get(model, {})
    return {**PLAIN, "model.d_steps": 1, **own, **{f"model.{k}": v for k, v in values.items()}}


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("model", LOSSES)
def test_steps_equal_plain_pytorch(model: str, batch_norm: bool) -> None:
    """Two full steps and one of D alone; WGAN-GP's G has latents of its own, the others' those D saw."""
    procedure, prior = recorded(model, settings(model, d_batch_norm=batch_norm))
    state = start = lively_state(procedure)
    twin = Twin(model, procedure, state)
    for step, turn in enumerate(["dg", "d", "dg"]):
        rng, batch = Rng.of(7).fold(torch.tensor(step)), batch_of(step)
        prior.drawn.clear()
        state, logs = procedure.step(state, batch, rng, turn)
        d_loss = twin.update_critic(batch, prior.drawn[0], rng)
        assert logs["d_loss"].item() == pytest.approx(d_loss, rel=1e-5, abs=1e-5)
        if turn == "dg":
            g_loss = twin.update_generator(prior.drawn[-1])
            assert logs["g_loss"].item() == pytest.approx(g_loss, rel=1e-5, abs=1e-5)
        agree(state.critic, twin.critic)
        agree(state.generator, twin.generator)
    assert distance(state.critic, start.critic) > 1e-3
    assert distance(state.generator, start.generator) > 1e-3
