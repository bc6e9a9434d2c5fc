"""DRAGAN's penalty: its points' law and its slope, in its three variants."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganbench.penalties.dragan import Dragan
from ganbench.rng import Rng
from ganbench.tree import stack

RNG = Rng.of(3, "penalty")
FIELDS = {"weight": 10.0, "eps": 1e-4}
STUDY = Dragan(**FIELDS, noise_scale=0.5, centered=False, interpolate=True, clip=False, of_probability=True)
AUTHORS = Dragan(
    **FIELDS, noise_scale=0.5, centered=False, interpolate=True, clip=False, of_probability=False
)
V2 = Dragan(**FIELDS, noise_scale=1.0, centered=True, interpolate=False, clip=True, of_probability=False)


def halves(rows: int, columns: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Return data whose columns are constant: per column sd 0, of all numbers (high − low)/2."""
    return torch.tensor([low, high]).repeat(rows, columns // 2)


def test_the_study_takes_the_slope_of_the_probability() -> None:
    """Data at 0 have sd 0, so x̃ = 0 and ∇σ(w·x) = w/4; the logit's slope is ‖w‖ anywhere."""
    w, zeros = torch.tensor([3.0, 4.0]), torch.zeros(6, 2)
    study = STUDY(lambda x: x @ w, zeros, zeros, RNG)
    assert study.item() == pytest.approx(10 * (math.sqrt(25 / 16 + 1e-4) - 1) ** 2, rel=1e-5)
    for variant in (AUTHORS, V2):
        data = torch.rand(6, 2)
        assert variant(lambda x: x @ w, data, zeros, RNG).item() == pytest.approx(160.0, rel=1e-5)


def test_a_probability_cannot_reach_slope_one_below_norm_four() -> None:
    w = torch.tensor([1.2, 1.6])  # norm 2: slope at most ½
    data = torch.randn(50, 2)
    assert STUDY(lambda x: x @ w, data, data, RNG).item() > 10 * 0.25
    assert AUTHORS(lambda x: x @ w, data, data, RNG).item() == pytest.approx(10.0, rel=1e-4)


@pytest.mark.parametrize("variant", [STUDY, AUTHORS, V2])
def test_generated_samples_play_no_part(variant: Dragan) -> None:
    def critic(x: Tensor) -> Tensor:
        return x.square().sum(1)

    real = torch.rand(8, 2)
    values = [variant(critic, real, fake, RNG) for fake in (torch.zeros(8, 2), torch.full((8, 2), torch.nan))]
    assert torch.equal(*values)
    assert values[0] != variant(critic, real + 0.1, real, RNG)
    assert values[0] != variant(critic, real, real, Rng.of(4))


def test_the_studys_points_are_one_sided_and_share_alpha_within_a_sample() -> None:
    """x̃ − x = ½ · sd · α · u, here sd = ½: αu has moments ¼ and 1/9, and its row means are close to α/2."""
    data = halves(4000, 400)
    for variant in (STUDY, AUTHORS):
        ratio = (variant._points(data, RNG) - data) / 0.25
        assert ratio.min() >= -1e-6
        assert ratio.max() < 1.0
        assert ratio.mean().item() == pytest.approx(1 / 4, rel=0.02)
        assert ratio.square().mean().item() == pytest.approx(1 / 9, rel=0.03)
        assert ratio.mean(1).var().item() == pytest.approx(1 / 48, rel=0.05)


def test_the_successors_points_are_centred_and_independent() -> None:
    """x̃ − x = sd (u − ½), here sd = 0.1, far from the cut."""
    data = halves(2000, 400, 0.4, 0.6)
    ratio = (V2._points(data, RNG) - data) / 0.1
    assert ratio.abs().max() <= 0.5 + 1e-5
    assert ratio.mean().item() == pytest.approx(0.0, abs=2e-3)
    assert ratio.var().item() == pytest.approx(1 / 12, rel=0.01)
    assert ratio.mean(1).var().item() == pytest.approx(1 / 12 / 400, rel=0.2)


def test_the_successor_cuts_to_the_unit_interval() -> None:
    points = V2._points(halves(50, 40), RNG)
    assert points.min() == 0.0
    assert points.max() == 1.0
    assert (points == 0.0).float().mean().item() == pytest.approx(0.25, abs=0.05)


def test_the_deviation_is_the_biased_one() -> None:
    """Of the two numbers 0 and 1 it is ½, so that x̃ − x stays below ¼; the unbiased one would allow 0.354."""
    data = torch.tensor([[0.0], [1.0]])
    rngs = Rng.stack([Rng.of(seed) for seed in range(1000)])
    offsets = torch.vmap(lambda rng: STUDY._points(data, rng) - data)(rngs)
    assert 0.22 < offsets.max().item() < 0.25


def test_lanes_equal_solo() -> None:
    penalties = [stack([v, v]) for v in (STUDY, V2)]
    rngs, real = [Rng.of(seed) for seed in (1, 2)], torch.rand(2, 8, 3)

    def critic(x: Tensor) -> Tensor:
        return x.square().sum(1)

    for variant, penalty in zip((STUDY, V2), penalties, strict=True):
        packed = torch.vmap(lambda p, r, rng: p(critic, r, r, rng))(penalty, real, Rng.stack(rngs))
        solo = torch.stack([variant(critic, r, r, rng) for r, rng in zip(real, rngs, strict=True)])
        torch.testing.assert_close(packed, solo)
