"""The variational auto-encoder against closed forms and a plain PyTorch twin."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import twins
from packs import composed, distance, pack, train
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn.functional import softplus
from twins import SIZE, TfAdam, agree, batch_of, lively, module, procedure_of

from ganbench.procedures.variational import Variational, VariationalState, kl_to_standard_normal
from ganbench.rng import Rng
from ganbench.search import draw

# A wide likelihood lets both terms of the loss matter.
PLAIN = {**twins.PLAIN, "network.likelihood.sd": 0.8}


def vae(values: dict[str, Any] | None = None, family: str = "ring") -> Variational:
    procedure: Variational = procedure_of("vae", values, family)
    return procedure


def lively_state(procedure: Variational) -> VariationalState:
    state = procedure.init(Rng.of(1))
    return state._replace(generator=lively(state.generator, "g"), encoder=lively(state.encoder, "e"))


def posterior(encoder: nn.Module, batch: Tensor) -> Normal:
    """Return q(z|x): the first half of the outputs are means, the second σ before its softplus."""
    outputs = encoder(batch)
    half = outputs.shape[1] // 2
    return Normal(outputs[:, :half], 1e-6 + softplus(outputs[:, half:]))


def negative_elbo(
    encoder: nn.Module, decoder: nn.Module, batch: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """Return −ELBO under N(x; decoder(z), 0.8²) and its KL part, batch means."""
    law = posterior(encoder, batch)
    likelihood = Normal(decoder(law.mean + law.stddev * noise), 0.8).log_prob(batch).sum(dim=1)
    kl = kl_divergence(law, Normal(0.0, 1.0)).sum(dim=1)
    return (kl - likelihood).mean(), kl.mean()


def test_the_divergence_of_the_prior_from_itself_is_nothing() -> None:
    assert kl_to_standard_normal(torch.zeros(3, 5), torch.ones(3, 5)).item() == 0.0


@pytest.mark.parametrize(
    ("mean", "sd", "expected"),
    [
        ([[1.0, 2.0]], [[1.0, 1.0]], 2.5),  # ½ (1 + 4)
        ([[0.0]], [[2.0]], 0.5 * (3.0 - math.log(4.0))),
        ([[0.0]], [[0.5]], 0.5 * (math.log(4.0) - 0.75)),
        ([[2.0], [0.0]], [[1.0], [1.0]], 1.0),  # a mean over the batch, not a sum
        ([[0.0]], [[0.0]], 0.5 * (8.0 * math.log(10.0) - 1.0)),  # the study's 10⁻⁸ keeps it finite
    ],
)
def test_the_divergence_by_hand(mean: list[list[float]], sd: list[list[float]], expected: float) -> None:
    assert kl_to_standard_normal(torch.tensor(mean), torch.tensor(sd)).item() == pytest.approx(
        expected, rel=1e-6
    )


def test_the_divergence_is_torchs() -> None:
    mean, sd = Rng.of(1).normal("mean", (7, 4)), 0.1 + Rng.of(1).uniform("sd", (7, 4))
    expected = kl_divergence(Normal(mean, sd), Normal(0.0, 1.0)).sum(dim=1).mean()
    assert kl_to_standard_normal(mean, sd).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_steps_equal_plain_pytorch(batch_norm: bool) -> None:
    """One Adam over encoder and decoder together."""
    procedure = vae({**PLAIN, "model.d_batch_norm": batch_norm})
    state = start = lively_state(procedure)
    encoder = module(procedure.encoder, state.encoder)
    decoder = module(procedure.decoder, state.generator)
    adam = TfAdam(encoder, decoder)
    for step in range(3):
        rng, batch = Rng.of(7).fold(torch.tensor(step)), batch_of(step)
        state, logs = procedure.step(state, batch, rng, procedure.turn(step))
        loss, kl = negative_elbo(encoder, decoder, batch, rng.normal("posterior", (SIZE, 4)))
        adam.minimise(loss)
        assert logs.keys() == {"d_loss", "kl"}
        assert logs["d_loss"].item() == pytest.approx(loss.item(), rel=1e-5)
        assert logs["kl"].item() == pytest.approx(kl.item(), rel=1e-5)
        agree(state.encoder, encoder)
        agree(state.generator, decoder)
    assert state.opt.updates.item() == 3
    assert distance(state.encoder, start.encoder) > 1e-3
    assert distance(state.generator, start.generator) > 1e-3


def test_the_loss_on_images_is_the_studys() -> None:
    """Bernoulli log-likelihood summed over pixels, mean over the batch; samples are the means."""
    procedure = vae(family="gray28")
    state, rng = procedure.init(Rng.of(1)), Rng.of(2)
    batch = Rng.of(3).uniform("images", (4, 1, 28, 28)).round()
    after, logs = procedure.step(state, batch, rng, "dg")
    encoder, decoder = module(procedure.encoder, state.encoder), module(procedure.decoder, state.generator)
    with torch.no_grad():
        law = posterior(encoder, batch)
        logits = decoder(law.mean + law.stddev * rng.normal("posterior", (4, 4)))
        likelihood = Bernoulli(logits=logits).log_prob(batch).sum(dim=(1, 2, 3)).mean()
        kl = kl_divergence(law, Normal(0.0, 1.0)).sum(dim=1).mean()
    assert logs["d_loss"].item() == pytest.approx((kl - likelihood).item(), rel=1e-5)
    latents = procedure.draw_latents(Rng.of(4), 6)
    means = module(procedure.decoder, after.generator)(latents).sigmoid()
    torch.testing.assert_close(procedure.sample(after, latents), means, atol=1e-6, rtol=1e-5)


def test_a_posterior_never_narrows_below_a_millionth() -> None:
    """Means of 0 and s = −200 give σ = 10⁻⁶ in each of four dimensions."""
    procedure = vae()
    state = procedure.init(Rng.of(1))
    flat = {name: torch.zeros_like(value) for name, value in state.encoder.items()}
    last = max(name for name in flat if name.endswith("bias"))
    flat[last] = torch.tensor([0.0] * 4 + [-200.0] * 4)
    _, logs = procedure.step(state._replace(encoder=flat), batch_of(0), Rng.of(2), "dg")
    expected = 2.0 * (1e-12 - math.log(1e-8 + 1e-12) - 1.0)
    assert logs["kl"].item() == pytest.approx(expected, rel=1e-6)


def test_posterior_noise_follows_the_stream() -> None:
    procedure = vae({**PLAIN, "model.d_batch_norm": False})
    state = lively_state(procedure)
    logs = [procedure.step(state, batch_of(0), Rng.of(seed), "dg")[1] for seed in (2, 2, 3)]
    assert logs[0]["d_loss"] == logs[1]["d_loss"] != logs[2]["d_loss"]
    assert logs[0]["kl"] == logs[2]["kl"]


def test_every_step_updates_both_networks() -> None:
    training = pack("vae")
    for _ in range(7):
        before = training.state
        train(training, 1)
        assert distance(before.generator, training.state.generator) > 0.0
        assert distance(before.encoder, training.state.encoder) > 0.0
    assert training.state.opt.updates.item() == 7
    assert {vae().turn(step) for step in range(11)} == {"dg"}


def test_sampling_never_asks_the_encoder() -> None:
    procedure = vae()
    state = lively_state(procedure)
    blind = state._replace(encoder={})
    latents = procedure.draw_latents(Rng.of(4), SIZE)
    twin = module(procedure.decoder, state.generator)
    torch.testing.assert_close(procedure.sample(blind, latents), twin(latents))
    settled = procedure.settle(blind, procedure.draw_latents(Rng.of(5), 24).unflatten(0, (3, 8)))
    assert settled.generator is state.generator
    twin.load_state_dict({**settled.generator, **settled.standing})
    torch.testing.assert_close(procedure.sample(settled, latents), twin.eval()(latents))


def test_latents_are_standard_normal_and_free() -> None:
    latents = vae().draw_latents(Rng.of(1), 5000)
    assert latents.shape == (5000, 4)
    assert abs(latents.mean().item()) < 0.03
    assert abs(latents.var().item() - 1.0) < 0.03
    assert latents.abs().max() > 3.0
    assert vae().clamp_latents(torch.tensor([-30.0, 30.0])).tolist() == [-30.0, 30.0]


def test_there_is_no_d_steps_to_search() -> None:
    config = composed("vae", "ring")
    assert "d_steps" not in config["model"]
    assert "d_steps" not in config["model"]["procedure"]
    draws = draw(config, variant_key="", trials=3, seed=0, default_first=True)
    searched = {"model.lr", "model.beta1", "model.d_batch_norm"}
    assert all(set(d.params) == searched for d in draws if not d.is_default)
