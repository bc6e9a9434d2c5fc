"""BEGAN against a plain PyTorch twin, and its controller by hand."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
import torch
import twins
from packs import composed, distance, pack, train
from torch import Tensor, nn
from twins import SIZE, TfAdam, agree, batch_of, lively, module, procedure_of

from ganbench.config import resolve
from ganbench.procedures.began import Began, BeganState
from ganbench.rng import Rng

PLAIN = {**twins.PLAIN, "model.k_lr": 0.1, "model.gamma": 0.6}


def began(values: dict[str, Any] | None = None, *, clip_k: bool = False) -> Began:
    return dataclasses.replace(procedure_of("began", values), clip_k=clip_k)


def lively_state(procedure: Began, k: float) -> BeganState:
    state = procedure.init(Rng.of(1))
    networks = {"generator": lively(state.generator, "g"), "autoencoder": lively(state.autoencoder, "d")}
    return state._replace(**networks, k=torch.tensor(k))


def latents_of(procedure: Began, rng: Rng) -> Tensor:
    """Return the latents of a step: those addressed `d`."""
    return procedure.prior.draw(rng.fold("d"), SIZE)


def error(autoencoder: nn.Module, images: Tensor) -> Tensor:
    return nn.functional.l1_loss(autoencoder(images), images)


def errors(procedure: Began, state: BeganState, batch: Tensor, latents: Tensor) -> tuple[float, float]:
    """Return L(x) and L(G(z)) of a state by plain modules."""
    with torch.no_grad():
        autoencoder = module(procedure.autoencoder, state.autoencoder)
        fake = module(procedure.generator, state.generator)(latents)
        return error(autoencoder, batch).item(), error(autoencoder, fake).item()


@pytest.mark.parametrize("batch_norm", [True, False])
def test_steps_equal_plain_pytorch(batch_norm: bool) -> None:
    """Real and fake pass through D one after the other; G meets the updated D with D's latents."""
    procedure = began({**PLAIN, "model.d_batch_norm": batch_norm})
    state = start = lively_state(procedure, k=0.4)
    generator = module(procedure.generator, state.generator)
    autoencoder = module(procedure.autoencoder, state.autoencoder)
    g_adam, d_adam, k = TfAdam(generator), TfAdam(autoencoder), 0.4
    for step, turn in enumerate(["dg", "d", "dg"]):
        rng, batch = Rng.of(7).fold(torch.tensor(step)), batch_of(step)
        latents = latents_of(procedure, rng)
        state, logs = procedure.step(state, batch, rng, turn)
        fake = generator(latents).detach()
        d_loss = d_adam.minimise(error(autoencoder, batch) - k * error(autoencoder, fake))
        if turn == "dg":
            g_adam.minimise(error(autoencoder, generator(latents)))
        agree(state.autoencoder, autoencoder)
        agree(state.generator, generator)
        with torch.no_grad():
            real_error, fake_error = (
                error(autoencoder, batch).item(),
                error(autoencoder, generator(latents)).item(),
            )
        balance = 0.6 * real_error - fake_error
        k += 0.1 * balance
        expected = {"d_loss": d_loss, "g_loss": fake_error, "k": k, "convergence": real_error + abs(balance)}
        assert {name: value.item() for name, value in logs.items()} == pytest.approx(expected, abs=2e-6)
        assert state.k.item() == pytest.approx(k, abs=2e-6)
    assert distance(state.autoencoder, start.autoencoder) > 1e-3
    assert distance(state.generator, start.generator) > 1e-3


def test_k_starts_at_zero() -> None:
    state = began().init(Rng.of(1))
    assert state.k.item() == 0.0
    assert state.k.shape == ()
    assert state.standing == {}


def test_without_k_the_critic_ignores_fakes() -> None:
    """Two steps that differ in their latents alone."""
    procedure = began(PLAIN)
    for k, apart in ((0.0, False), (0.5, True)):
        before = lively_state(procedure, k)
        one, _ = procedure.step(before, batch_of(0), Rng.of(2), "d")
        two, _ = procedure.step(before, batch_of(0), Rng.of(3), "d")
        assert not torch.equal(latents_of(procedure, Rng.of(2)), latents_of(procedure, Rng.of(3)))
        assert (distance(one.autoencoder, two.autoencoder) > 1e-4) == apart
        assert distance(before.autoencoder, one.autoencoder) > 1e-3


@pytest.mark.parametrize("turn", ["d", "dg"])
def test_k_follows_the_errors_after_the_updates_on_the_same_batch(turn: str) -> None:
    procedure = began({**PLAIN, "model.lr": 5e-2})
    before = lively_state(procedure, k=0.2)
    rng, batch = Rng.of(2), batch_of(0)
    after, logs = procedure.step(before, batch, rng, turn)
    latents = latents_of(procedure, rng)
    old, new = (errors(procedure, s, batch, latents) for s in (before, after))
    assert after.k.item() == pytest.approx(0.2 + 0.1 * (0.6 * new[0] - new[1]), abs=1e-6)
    assert abs((0.6 * old[0] - old[1]) - (0.6 * new[0] - new[1])) > 1e-3
    assert logs["k"] is after.k
    assert (after.generator is before.generator) == (turn == "d")
    assert (after.g_opt is before.g_opt) == (turn == "d")


def test_k_moves_on_every_step_of_a_pack() -> None:
    """Eleven steps with G updated at 0, 1 and 6."""
    training = pack("began", lanes=[{"model.d_steps": 5}])
    ks, moved = [0.0], []
    for step in range(11):
        before = training.state.generator
        (logs,) = train(training, 1)
        ks.append(logs["k"].item())
        if distance(before, training.state.generator) > 0.0:
            moved.append(step)
    assert moved == [0, 1, 6]
    assert all(a != b for a, b in pairwise(ks))
    assert training.state.d_opt.updates.item() == 11


@pytest.mark.parametrize(("gamma", "bound"), [(1.0, 1.0), (0.0, 0.0)])
def test_k_leaves_the_unit_interval_unless_clipped(gamma: float, bound: float) -> None:
    """At the start G's samples are near 0, which D copies; data are not: γ = 1 drives k up, γ = 0 down."""
    values = {"model.k_lr": 1e3, "model.gamma": gamma}
    free, clipped = began(values), began(values, clip_k=True)
    start = free.init(Rng.of(1))
    loose, _ = free.step(start, batch_of(0), Rng.of(2), "dg")
    tight, logs = clipped.step(start, batch_of(0), Rng.of(2), "dg")
    assert loose.k.item() > 1.0 if gamma else loose.k.item() < 0.0
    assert tight.k.item() == logs["k"].item() == bound
    assert distance(loose.autoencoder, tight.autoencoder) == 0.0


def test_the_study_does_not_clip() -> None:
    config = resolve(composed("began", "ring"))
    assert config["model"]["procedure"]["clip_k"] is False


@pytest.mark.parametrize("gamma", [0.6, 1.0])
def test_balanced_errors_leave_k_where_it_is(gamma: float) -> None:
    """With no learning and the samples themselves as data, L(x) = L(G(z)): at γ = 1 nothing is unbalanced."""
    procedure = began({**PLAIN, "model.lr": 0.0, "model.gamma": gamma})
    state = lively_state(procedure, k=0.3)
    batch = module(procedure.generator, state.generator)(latents_of(procedure, Rng.of(2))).detach()
    after, logs = procedure.step(state, batch, Rng.of(2), "dg")
    level = errors(procedure, state, batch, latents_of(procedure, Rng.of(2)))[0]
    assert level > 0.1
    assert after.k.item() == pytest.approx(0.3 + 0.1 * (gamma - 1.0) * level, abs=1e-7)
    assert logs["convergence"].item() == pytest.approx(level + abs(gamma - 1.0) * level, rel=1e-5)


def test_a_perfect_autoencoder_has_converged() -> None:
    """Zero weights copy zeros: M = 0."""
    procedure = began({**PLAIN, "model.lr": 0.0})
    state = procedure.init(Rng.of(1))
    blank = {name: torch.zeros_like(value) for name, value in state.autoencoder.items()}
    silent = {name: torch.zeros_like(value) for name, value in state.generator.items()}
    state = state._replace(autoencoder=blank, generator=silent)
    after, logs = procedure.step(state, torch.zeros(SIZE, 2), Rng.of(2), "dg")
    assert logs["convergence"].item() == logs["d_loss"].item() == after.k.item() == 0.0


def test_samples_are_the_generators() -> None:
    procedure = began()
    state = lively_state(procedure, k=0.0)
    latents = procedure.draw_latents(Rng.of(4), SIZE)
    twin = module(procedure.generator, state.generator)
    torch.testing.assert_close(procedure.sample(state, latents), twin(latents))
    settled = procedure.settle(state, procedure.draw_latents(Rng.of(5), 24).unflatten(0, (3, 8)))
    assert settled.generator is state.generator
    twin.load_state_dict({**settled.generator, **settled.standing})
    torch.testing.assert_close(procedure.sample(settled, latents), twin.eval()(latents))
    assert procedure.clamp_latents(torch.tensor([-2.0, 2.0])).tolist() == [-1.0, 1.0]
