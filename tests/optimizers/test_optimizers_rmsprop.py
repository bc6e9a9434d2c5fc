"""RMSProp against PyTorch's, and TensorFlow's by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.optimizers.rmsprop import RMSProp
from ganbench.rng import Rng
from ganbench.tree import stack

TF = {"lr": 0.01, "decay": 0.9, "momentum": 0.0, "eps": 1e-10, "epsilon_mode": "tf", "initial_square": 1.0}


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_torch_mode_equals_torch(momentum: float) -> None:
    fields = {"lr": 0.01, "decay": 0.95, "momentum": momentum, "eps": 1e-3, "epsilon_mode": "torch"}
    optimizer = RMSProp(**fields, initial_square=0.0)
    params = {"x": Rng.of(0).normal("x", (4, 3))}
    twin = torch.nn.Parameter(params["x"].clone())
    theirs = torch.optim.RMSprop([twin], lr=0.01, alpha=0.95, eps=1e-3, momentum=momentum)
    state = optimizer.init(params)
    for step in range(15):
        twin.grad = Rng.of(step).normal("grad", (4, 3))
        theirs.step()
        params, state = optimizer.update(params, {"x": twin.grad}, state)
    torch.testing.assert_close(params["x"], twin.data, rtol=1e-5, atol=1e-6)


def test_tf_starts_its_average_at_one() -> None:
    """A first gradient of 2 gives v = 0.9 + 0.1·4 = 1.3 and a step of lr · 2/√1.3."""
    optimizer, params = RMSProp(**TF), {"x": torch.zeros(())}
    moved, state = optimizer.update(params, {"x": torch.tensor(2.0)}, optimizer.init(params))
    assert moved["x"].item() == pytest.approx(-0.01 * 2 / math.sqrt(1.3), rel=1e-6)
    assert state.square["x"].item() == pytest.approx(1.3)


def test_tf_adds_epsilon_inside_the_root_and_gathers_momentum() -> None:
    optimizer = RMSProp(**{**TF, "eps": 0.5, "momentum": 0.8})
    params = {"x": torch.tensor(1.0)}
    state = optimizer.init(params)
    position, v, u = 1.0, 1.0, 0.0
    for g in (2.0, -1.0, 0.5):
        params, state = optimizer.update(params, {"x": torch.tensor(g)}, state)
        v = 0.9 * v + 0.1 * g * g
        u = 0.8 * u + 0.01 * g / math.sqrt(v + 0.5)
        position -= u
    assert params["x"].item() == pytest.approx(position, rel=1e-6)


def test_lanes_equal_solo() -> None:
    optimizers = [
        RMSProp(**{**TF, "lr": lr, "initial_square": square}) for lr, square in ((0.01, 1.0), (0.1, 0.5))
    ]
    params, grads = {"x": torch.rand(2, 3)}, {"x": torch.randn(2, 3)}

    def step(optimizer: RMSProp, p: dict[str, torch.Tensor], g: dict[str, torch.Tensor]) -> torch.Tensor:
        return optimizer.update(p, g, optimizer.init(p))[0]["x"]

    packed = torch.vmap(step)(stack(optimizers), params, grads)
    for lane, optimizer in enumerate(optimizers):
        torch.testing.assert_close(
            packed[lane], step(optimizer, {"x": params["x"][lane]}, {"x": grads["x"][lane]})
        )


def test_another_mode_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="epsilon_mode must be tf or torch, not 'TF'"):
        RMSProp(**{**TF, "epsilon_mode": "TF"})
