"""The gradient penalty on critics whose slope is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganbench.penalties.gradient import GradientPenalty
from ganbench.rng import Rng
from ganbench.tree import stack

RNG = Rng.of(3, "penalty")
STUDY = {"weight": 10.0, "center": 1.0, "eps": 1e-4}


def linear(*weights: float) -> tuple[Tensor, object]:
    w = torch.tensor(weights)
    return w, lambda x: x.flatten(1) @ w + 7.0


def square(x: Tensor) -> Tensor:
    """Return ½‖x‖², whose gradient is the point itself."""
    return 0.5 * x.square().flatten(1).sum(1)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_linear_critic_pays_for_its_norm_at_any_point(seed: int) -> None:
    _, critic = linear(3.0, 4.0)
    real, fake = Rng.of(seed).normal("real", (6, 2)), Rng.of(seed).normal("fake", (6, 2))
    value = GradientPenalty(**STUDY)(critic, real, fake, Rng.of(seed))
    assert value.item() == pytest.approx(10 * (math.sqrt(25 + 1e-4) - 1) ** 2, rel=1e-6)
    assert value.item() == pytest.approx(160.0, rel=1e-5)
    exact = GradientPenalty(weight=2.0, center=1.0, eps=0.0)(critic, real, fake, Rng.of(seed))
    assert exact.item() == pytest.approx(32.0)


def test_a_unit_slope_is_free_up_to_eps() -> None:
    _, critic = linear(0.6, 0.8)
    value = GradientPenalty(weight=1.0, center=1.0, eps=1e-4)(critic, torch.rand(5, 2), torch.rand(5, 2), RNG)
    assert value.item() == pytest.approx(2.5e-9, rel=0.05)


def test_the_centre_can_be_zero() -> None:
    _, critic = linear(3.0, 4.0)
    value = GradientPenalty(weight=1.0, center=0.0, eps=0.0)(critic, torch.rand(5, 2), torch.rand(5, 2), RNG)
    assert value.item() == pytest.approx(25.0)


def test_a_flat_critic_has_a_finite_gradient() -> None:
    def value(w: Tensor) -> Tensor:
        return GradientPenalty(**STUDY)(lambda x: x @ w, torch.rand(5, 2), torch.rand(5, 2), RNG)

    assert value(torch.zeros(2)).item() == pytest.approx(10 * (0.01 - 1) ** 2, rel=1e-5)
    assert torch.equal(torch.func.grad(value)(torch.zeros(2)), torch.zeros(2))


def test_points_lie_between_real_and_fake_with_one_alpha_per_sample() -> None:
    """From 0 to the all-ones image of 16 pixels, ‖x̃‖ = 4α: its first two moments are 2 and 16/3."""
    real, fake = torch.zeros(20_000, 1, 4, 4), torch.ones(20_000, 1, 4, 4)
    second = GradientPenalty(weight=1.0, center=0.0, eps=0.0)(square, real, fake, RNG).item()
    centred = GradientPenalty(weight=1.0, center=2.0, eps=0.0)(square, real, fake, RNG).item()
    assert second == pytest.approx(16 / 3, rel=0.02)
    assert centred == pytest.approx(16 / 12, rel=0.02)  # one α per pixel would leave about 0.1


def test_points_are_anchored_at_the_real_samples() -> None:
    real = torch.full((2000, 1), 5.0)
    value = GradientPenalty(weight=1.0, center=5.0, eps=0.0)(square, real, real - 3.0, RNG)
    assert value.item() == pytest.approx(9 / 3, rel=0.05)


def test_the_gradient_is_of_the_summed_scores() -> None:
    """With scores (x − batch mean)², ∂ Σ / ∂x = 2(x − mean) = ±2 here; each own score's derivative is ±1."""
    points = torch.tensor([[0.0], [2.0]])

    def coupled(x: Tensor) -> Tensor:
        return (x - x.mean(0)).square().sum(1)

    value = GradientPenalty(weight=1.0, center=1.0, eps=0.0)(coupled, points, points, RNG)
    assert value.item() == pytest.approx(1.0)


def test_second_derivatives_reach_the_critics_weights() -> None:
    """∂ (‖w‖ − 1)² / ∂w = 2 (‖w‖ − 1) w / ‖w‖."""

    def value(w: Tensor) -> Tensor:
        penalty = GradientPenalty(weight=1.0, center=1.0, eps=0.0)
        return penalty(lambda x: x @ w, torch.rand(5, 2), torch.rand(5, 2), RNG)

    torch.testing.assert_close(torch.func.grad(value)(torch.tensor([3.0, 4.0])), torch.tensor([4.8, 6.4]))


def test_lanes_keep_their_weights_and_their_numbers() -> None:
    penalties = [GradientPenalty(**{**STUDY, "weight": w}) for w in (1.0, 10.0)]
    rngs = [Rng.of(seed) for seed in (1, 2)]
    real, fake = torch.rand(2, 8, 3), torch.rand(2, 8, 3)
    packed = torch.vmap(lambda p, r, f, rng: p(square, r, f, rng))(
        stack(penalties), real, fake, Rng.stack(rngs)
    )
    for lane in range(2):
        solo = penalties[lane](square, real[lane], fake[lane], rngs[lane])
        torch.testing.assert_close(packed[lane], solo)
        assert torch.equal(solo, penalties[lane](square, real[lane], fake[lane], rngs[lane]))
        assert solo != penalties[lane](square, real[lane], fake[lane], Rng.of(9))
