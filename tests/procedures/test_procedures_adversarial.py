"""The alternating procedure: schedule, latents, clipping, and what its parts are given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from packs import distance, pack, train
from torch import Tensor
from twins import PLAIN, SIZE, batch_of, lively, module, procedure_of, recorded

from ganbench.procedures.adversarial import Adversarial, AdversarialState, alternate
from ganbench.rng import Rng

MODELS = ["mm_gan", "ns_gan", "lsgan", "wgan", "wgan_gp", "dragan"]


def lively_state(procedure: Adversarial) -> AdversarialState:
    state = procedure.init(Rng.of(1))
    return state._replace(generator=lively(state.generator, "g"), critic=lively(state.critic, "d"))


@pytest.mark.parametrize("model", MODELS)
def test_only_wgan_gp_draws_new_latents_for_the_generator(model: str) -> None:
    procedure, prior = recorded(model)
    state = procedure.init(Rng.of(1))
    procedure.step(state, batch_of(0), Rng.of(2), "dg")
    assert len(prior.drawn) == (2 if model == "wgan_gp" else 1)
    assert all(z.shape == (SIZE, prior.latent_dim) for z in prior.drawn)
    if model == "wgan_gp":
        assert (prior.drawn[0] != prior.drawn[1]).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_turn_of_d_leaves_the_generator_alone(model: str) -> None:
    procedure, prior = recorded(model)
    before = procedure.init(Rng.of(1))
    after, logs = procedure.step(before, batch_of(0), Rng.of(2), "d")
    assert logs.keys() == {"d_loss"}
    assert len(prior.drawn) == 1
    assert after.generator is before.generator
    assert after.g_opt is before.g_opt
    assert distance(after.critic, before.critic) > 0.0


@pytest.mark.parametrize(
    ("d_steps", "updated"), [(5, [0, 1, 6]), (1, list(range(11))), (2, [0, 1, 3, 5, 7, 9])]
)
def test_the_studys_schedule(d_steps: int, updated: list[int]) -> None:
    assert [s for s in range(11) if alternate(s, d_steps) == "dg"] == updated
    assert {alternate(s, d_steps) for s in range(11)} <= {"d", "dg"}


@pytest.mark.parametrize(("d_steps", "updated"), [(5, [0, 1, 6]), (1, list(range(11)))])
def test_a_pack_updates_its_generator_on_schedule(d_steps: int, updated: list[int]) -> None:
    training = pack("ns_gan", lanes=[{"model.d_steps": d_steps}])
    moved = []
    for step in range(11):
        before, critic = training.state.generator, training.state.critic
        (logs,) = train(training, 1)
        if distance(before, training.state.generator) > 0.0:
            moved.append(step)
        assert ("g_loss" in logs) == (step in updated)
        assert distance(critic, training.state.critic) > 0.0
    assert moved == updated
    assert training.state.g_opt.updates.item() == len(updated)
    assert training.state.d_opt.updates.item() == 11


@pytest.mark.parametrize("clip", [0.01, 0.1])
def test_wgan_clips_every_critic_parameter_after_the_update(clip: float) -> None:
    """Norm scales start at 1, so they end on the bound; a clip before the update would leave ± lr beyond."""
    procedure, _ = recorded("wgan", {"model.clip": clip, "model.lr": 5e-3, "model.d_batch_norm": True})
    state = procedure.init(Rng.of(1))
    state = state._replace(critic=lively(state.critic, "d"))
    assert any(name.endswith("bias") and (p.abs() > clip).any() for name, p in state.critic.items())
    after, _ = procedure.step(state, batch_of(0), Rng.of(2), "dg")
    bound = torch.tensor(clip)
    assert all((p.abs() <= bound).all() for p in after.critic.values())
    norms = [
        name
        for name, p in procedure.init(Rng.of(1)).critic.items()
        if name.endswith("weight") and p.dim() == 1
    ]
    assert norms
    fresh, _ = procedure.step(procedure.init(Rng.of(1)), batch_of(0), Rng.of(2), "dg")
    assert all((fresh.critic[name] == bound).all() for name in norms)
    assert max(p.abs().max() for p in fresh.generator.values()) > 0.9


class Watching:
    """A loss whose generator weighs scores of real and fake samples differently."""

    def __init__(self, *, sees_real: bool) -> None:
        self.generator_sees_real = sees_real

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return real.mean() - 2.0 * fake.mean()


@pytest.mark.parametrize("sees_real", [True, False])
def test_the_generators_loss_gets_scores_of_the_updated_critic(sees_real: bool) -> None:
    procedure, prior = recorded("ns_gan", PLAIN, loss=Watching(sees_real=sees_real))
    state = lively_state(procedure)
    after, logs = procedure.step(state, batch_of(0), Rng.of(2), "dg")
    scores = {}
    for name, critic in (("old", state.critic), ("new", after.critic)):
        network = module(procedure.critic, critic)
        fake = network(module(procedure.generator, state.generator)(prior.drawn[0])).mean()
        real = network(batch_of(0)).mean() if sees_real else fake
        scores[name] = (real - 2.0 * fake).item()
    assert logs["g_loss"].item() == pytest.approx(scores["new"], abs=1e-5)
    assert abs(scores["old"] - scores["new"]) > 1e-3


class Tripling:
    """A transform that triples the scores and remembers the streams it was given."""

    batched: ClassVar[bool] = True

    def __init__(self) -> None:
        self.keys = list[int]()

    def __call__(self, critic: Callable[[Tensor], Tensor], rng: Rng) -> Callable[[Tensor], Tensor]:
        self.keys.append(int(rng.key))
        return lambda x: 3.0 * critic(x)


class Charging:
    """A penalty that charges the critic's mean score of all the points it sees."""

    def __init__(self) -> None:
        self.keys = list[int]()

    def __call__(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
        self.keys.append(int(rng.key))
        return 100.0 * critic(torch.cat([real, fake])).mean()


def test_transform_and_penalty_act_on_the_critic_both_networks_train_against() -> None:
    """Loss, penalty and generator all see the tripled scores; one step's transform has one stream."""
    transform, penalty = Tripling(), Charging()
    values = {**PLAIN, "model.d_batch_norm": False}
    procedure, prior = recorded("wgan_gp", values, transform=transform, penalty=penalty)
    state = lively_state(procedure)
    after, logs = procedure.step(state, batch_of(0), Rng.of(2), "dg")
    old, new = module(procedure.critic, state.critic), module(procedure.critic, after.critic)
    generator = module(procedure.generator, state.generator)
    real, fake = old(batch_of(0)).mean(), old(generator(prior.drawn[0])).mean()
    expected = 3.0 * (fake - real) + 300.0 * (real + fake) / 2.0
    assert logs["d_loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert logs["g_loss"].item() == pytest.approx(
        -3.0 * new(generator(prior.drawn[1])).mean().item(), rel=1e-5
    )
    assert len(set(transform.keys)) == 1
    assert len(transform.keys) == 2
    assert penalty.keys != transform.keys[:1]
    procedure.step(state, batch_of(0), Rng.of(3), "d")
    assert transform.keys[-1] != transform.keys[0]


@pytest.mark.parametrize("model", [*MODELS, "began", "vae"])
@pytest.mark.parametrize("mode", ["tf", "torch"])
def test_the_models_learning_rate_beta_and_epsilon_reach_every_optimizer(model: str, mode: str) -> None:
    values: dict[str, Any] = {"model.lr": 0.123, "model.beta1": 0.456}
    if mode == "torch":
        values["optimizer.epsilon_mode"] = "torch"
    procedure = procedure_of(model, values)
    names = ["optimizer"] if model == "vae" else ["g_optimizer", "d_optimizer"]
    for adam in (getattr(getattr(procedure, n), "optimizer", getattr(procedure, n)) for n in names):
        assert type(adam).__name__ == "Adam"
        assert (adam.lr, adam.beta1, adam.beta2, adam.eps) == (0.123, 0.456, 0.999, 1e-8)
        assert adam.epsilon_mode == mode


class Faint:
    """A loss whose gradient is 1e-8 on the critic's last bias."""

    generator_sees_real = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return 1e-8 * real.mean()


@pytest.mark.parametrize(("mode", "eps"), [("tf", 1e-8 / math.sqrt(1e-3)), ("torch", 1e-8)])
def test_a_gradient_as_small_as_epsilon_moves_weights_by_the_mode(mode: str, eps: float) -> None:
    """The first update is lr g / (|g| + ε′), where ε′ is ε / √(1 − β₂) for TensorFlow, ε for PyTorch."""
    values = {
        "model.lr": 1e-2,
        "model.beta1": 0.5,
        "optimizer.epsilon_mode": mode,
        "model.d_batch_norm": False,
    }
    procedure, _ = recorded("ns_gan", values, loss=Faint())
    before = procedure.init(Rng.of(1))
    after, _ = procedure.step(before, batch_of(0), Rng.of(2), "d")
    last = max(name for name in before.critic if name.endswith("bias"))
    moved = after.critic[last] - before.critic[last]
    assert moved.item() == pytest.approx(-1e-2 * 1e-8 / (1e-8 + eps), rel=1e-4)


def test_initial_networks_follow_the_stream_alone() -> None:
    procedure, _ = recorded("ns_gan")
    first, again, other = procedure.init(Rng.of(1)), procedure.init(Rng.of(1)), procedure.init(Rng.of(2))
    assert distance(first, again) == 0.0
    assert distance(first.generator, other.generator) > 1e-3
    assert distance(first.critic, other.critic) > 1e-3
    assert first.standing == {}
    assert (first.g_opt.updates.item(), first.d_opt.updates.item()) == (0, 0)
    shared = {k for k, v in first.generator.items() if k in first.critic and v.shape == first.critic[k].shape}
    drawn = [k for k in shared if first.generator[k].dim() == 2]
    assert drawn
    assert all(not torch.equal(first.generator[k], first.critic[k]) for k in drawn)


def test_samples_use_batch_statistics_until_settled() -> None:
    procedure, _ = recorded("ns_gan")
    state = lively_state(procedure)
    twin = module(procedure.generator, state.generator)
    latents = Rng.of(4).normal("latents", (SIZE, 4))
    torch.testing.assert_close(procedure.sample(state, latents), twin(latents))
    passes = Rng.of(5).normal("passes", (3, 8, 4))
    settled = procedure.settle(state, passes)
    assert settled.generator is state.generator
    hidden = torch.stack([twin[0](batch) for batch in passes])
    torch.testing.assert_close(settled.standing["1.mean"], hidden.mean(dim=1).mean(dim=0))
    torch.testing.assert_close(settled.standing["1.var"], hidden.var(dim=1, correction=0).mean(dim=0))
    twin.load_state_dict({**settled.generator, **settled.standing})
    torch.testing.assert_close(procedure.sample(settled, latents), twin.eval()(latents))


def test_latents_are_the_uniform_priors() -> None:
    procedure = procedure_of("ns_gan")
    latents = procedure.draw_latents(Rng.of(1), 5000)
    assert latents.shape == (5000, 4)
    assert -1.0 <= latents.min() < -0.99
    assert 0.99 < latents.max() < 1.0
    assert abs(latents.var().item() - 1 / 3) < 0.01
    assert procedure.clamp_latents(torch.tensor([-3.0, 0.5, 3.0])).tolist() == [-1.0, 0.5, 1.0]
