"""No penalty is no work."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench.penalties.none import NoPenalty
from ganbench.rng import Rng


def unwanted(x: Tensor) -> Tensor:
    pytest.fail("the critic was called")


def test_nothing_is_added_and_the_critic_rests() -> None:
    value = NoPenalty()(unwanted, torch.rand(3, 2), torch.rand(3, 2), Rng.of(0))
    assert value.shape == ()
    assert value.item() == 0.0
