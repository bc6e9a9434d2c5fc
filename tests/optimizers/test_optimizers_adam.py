"""Adam against PyTorch's and against its formula, where its ε decides."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.optimizers.adam import Adam
from ganbench.rng import Rng
from ganbench.tree import stack

STUDY = {"lr": 1e-3, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8, "epsilon_mode": "tf"}
Tree = dict[str, Tensor]


def gradients(step: int) -> Tree:
    rng = Rng.of(step)
    return {"weight": rng.normal("weight", (3, 2)), "bias": 1e-4 * rng.normal("bias", (3,))}


def run(optimizer: Adam, params: Tree, steps: int) -> Tree:
    state = optimizer.init(params)
    for step in range(steps):
        params, state = optimizer.update(params, gradients(step), state)
    return params


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9])
def test_torch_mode_equals_torch(beta1: float) -> None:
    start = gradients(99)
    twins = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    theirs = torch.optim.Adam(twins.values(), lr=1e-2, betas=(beta1, 0.999), eps=1e-5)
    for step in range(20):
        for name, grad in gradients(step).items():
            twins[name].grad = grad
        theirs.step()
    fields = {"lr": 1e-2, "beta1": beta1, "beta2": 0.999, "eps": 1e-5, "epsilon_mode": "torch"}
    ours = run(Adam(**fields), start, 20)
    for name, twin in twins.items():
        torch.testing.assert_close(ours[name], twin.data, rtol=1e-5, atol=2e-6)


def by_hand(grads: list[float], lr: float, beta1: float, beta2: float, eps: float) -> float:
    """Return the sum of TensorFlow's updates of one number, in double precision."""
    m = v = position = 0.0
    for t, g in enumerate(grads, start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        rate = lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        position -= rate * m / (math.sqrt(v) + eps)
    return position


def test_tf_mode_follows_its_formula() -> None:
    grads = [1e-8, -3e-9, 2e-8, 5e-9]
    optimizer = Adam(**STUDY)
    params = {"x": torch.zeros(())}
    state = optimizer.init(params)
    for g in grads:
        params, state = optimizer.update(params, {"x": torch.tensor(g)}, state)
    assert params["x"].item() == pytest.approx(by_hand(grads, 1e-3, 0.5, 0.999, 1e-8), rel=1e-4)
    assert state.updates.item() == 4


@pytest.mark.parametrize(
    ("mode", "share"), [("tf", math.sqrt(1e-3) * 1e-9 / (math.sqrt(1e-3) * 1e-9 + 1e-8)), ("torch", 1 / 11)]
)
def test_the_place_of_epsilon_decides_on_tiny_gradients(mode: str, share: float) -> None:
    """At a first gradient of 1e−9 PyTorch moves lr/11, TensorFlow lr · 0.00315: twenty-nine times less."""
    optimizer = Adam(**{**STUDY, "epsilon_mode": mode})
    params = {"x": torch.zeros(4)}
    moved, _ = optimizer.update(params, {"x": torch.full((4,), 1e-9)}, optimizer.init(params))
    torch.testing.assert_close(moved["x"], torch.full((4,), -1e-3 * share), rtol=1e-4, atol=0.0)


def test_the_first_step_is_the_learning_rate() -> None:
    optimizer = Adam(**STUDY)
    params = {"x": torch.tensor([1.0, 1.0])}
    moved, _ = optimizer.update(params, {"x": torch.tensor([30.0, -2.0])}, optimizer.init(params))
    torch.testing.assert_close(moved["x"], torch.tensor([0.999, 1.001]))


def test_a_parabola_is_solved() -> None:
    optimizer = Adam(**{**STUDY, "lr": 0.05})
    params = {"x": torch.tensor([3.0, -2.0])}
    state = optimizer.init(params)
    for _ in range(600):
        params, state = optimizer.update(params, {"x": 2 * (params["x"] - 1.0)}, state)
    torch.testing.assert_close(params["x"], torch.ones(2), rtol=0.0, atol=1e-2)


def test_lanes_with_rates_of_their_own_equal_solo_and_nothing_is_written() -> None:
    optimizers = [Adam(**{**STUDY, "lr": lr, "beta1": beta1}) for lr, beta1 in ((1e-3, 0.0), (1e-2, 0.9))]
    start = {name: torch.stack([value, 2 * value]) for name, value in gradients(99).items()}
    before = {name: value.clone() for name, value in start.items()}
    packed = torch.vmap(lambda optimizer, params: run(optimizer, params, 5))(stack(optimizers), start)
    for lane, optimizer in enumerate(optimizers):
        solo = run(optimizer, {name: value[lane] for name, value in start.items()}, 5)
        for name in solo:
            torch.testing.assert_close(packed[name][lane], solo[name], rtol=1e-5, atol=1e-7)
    assert all(torch.equal(start[name], before[name]) for name in start)


def test_an_update_leaves_its_arguments_alone() -> None:
    optimizer = Adam(**STUDY)
    params, grads = gradients(1), gradients(2)
    state = optimizer.init(params)
    _, state_1 = optimizer.update(params, grads, state)
    assert state.updates.item() == 0
    assert state_1.updates.item() == 1
    assert all(
        torch.equal(value, torch.zeros_like(value))
        for value in (*state.mean.values(), *state.square.values())
    )
    assert all(torch.equal(params[name], gradients(1)[name]) for name in params)


def test_another_mode_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="epsilon_mode must be tf or torch, not 'jax'"):
        Adam(**{**STUDY, "epsilon_mode": "jax"})
