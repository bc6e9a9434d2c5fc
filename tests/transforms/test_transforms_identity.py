"""The critic as it is."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.rng import Rng
from ganbench.transforms.identity import Identity


def test_the_critic_is_returned_itself() -> None:
    def critic(x: Tensor) -> Tensor:
        return x.sum(1)

    transformed = Identity()(critic, Rng.of(0))
    assert transformed is critic
    assert torch.equal(transformed(torch.ones(3, 2)), torch.full((3,), 2.0))
