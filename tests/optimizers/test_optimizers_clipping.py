"""Weight clipping around Adam."""

from __future__ import annotations

import torch

from ganbench.functional import functional
from ganbench.networks.mlp import Critic
from ganbench.optimizers.adam import Adam
from ganbench.optimizers.clipping import WeightClipping
from ganbench.rng import Rng
from ganbench.tree import leaves, stack

ADAM = Adam(lr=0.1, beta1=0.5, beta2=0.999, eps=1e-8, epsilon_mode="tf")


def test_the_clip_acts_after_the_update() -> None:
    """A first Adam step moves by lr = 0.1: 0.02 → −0.08 → −0.05, while −0.06 → 0.04 stays."""
    optimizer = WeightClipping(optimizer=ADAM, clip=0.05)
    params = {"x": torch.tensor([0.02, -0.06])}
    moved, state = optimizer.update(params, {"x": torch.tensor([1.0, -1.0])}, optimizer.init(params))
    torch.testing.assert_close(moved["x"], torch.tensor([-0.05, 0.04]))
    assert state.updates.item() == 1


def test_every_parameter_is_cut_biases_and_norms_too() -> None:
    params = functional(Critic(image_shape=(2,), hidden=8, batch_norm=True)).init(Rng.of(0))
    grads = {name: torch.ones_like(value) for name, value in params.items()}
    optimizer = WeightClipping(optimizer=ADAM, clip=0.01)
    moved, _ = optimizer.update(params, grads, optimizer.init(params))
    assert moved.keys() == params.keys()
    assert all(value.abs().max() <= 0.01 for value in moved.values())
    assert torch.equal(moved["4.weight"], torch.full((8,), 0.01))  # batch norm's γ, from 1


def test_clip_and_the_wrapped_rate_batch_over_lanes() -> None:
    lanes = [
        WeightClipping(optimizer=Adam(lr=lr, beta1=0.5, beta2=0.999, eps=1e-8, epsilon_mode="tf"), clip=clip)
        for lr, clip in ((0.1, 0.05), (0.2, 0.5))
    ]
    assert len(leaves(lanes[0])) == 5

    def step(optimizer: WeightClipping, x: torch.Tensor) -> torch.Tensor:
        params = {"x": x}
        return optimizer.update(params, {"x": torch.ones(1)}, optimizer.init(params))[0]["x"]

    packed = torch.vmap(step)(stack(lanes), torch.zeros(2, 1))
    torch.testing.assert_close(packed, torch.tensor([[-0.05], [-0.2]]))
