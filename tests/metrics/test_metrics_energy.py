"""Energy distance: closed forms, scipy, its floor."""

from __future__ import annotations

import pytest
import scipy.stats
import torch

from ganbench.errors import ConfigError
from ganbench.metrics import energy
from ganbench.metrics.energy import EnergyDistance, energy_distance, mean_distance
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(5, "energy")


def test_values_by_hand() -> None:
    """Points 0, 3 against 1, 1: 2 · 1.5 − 1.5 − 0."""
    x, y = torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0], [1.0]])
    assert energy_distance(x, y) == pytest.approx(1.5, rel=1e-12)


def test_two_points_are_twice_their_distance_apart() -> None:
    assert energy_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])) == 10.0


def test_on_the_line_it_is_the_square_of_scipys() -> None:
    """More than one chunk of rows on either side."""
    x, y = RNG.normal("x", (1300,)), 1.5 * RNG.normal("y", (1300,)) + 0.4
    theirs = scipy.stats.energy_distance(x.double().numpy(), y.double().numpy()) ** 2
    assert energy_distance(x[:, None], y[:, None]) == pytest.approx(theirs, rel=1e-9)


def test_sizes_may_differ_in_the_pure_function() -> None:
    x, y = RNG.normal("x", (40,)), RNG.normal("y", (70,)) + 1.0
    theirs = scipy.stats.energy_distance(x.double().numpy(), y.double().numpy()) ** 2
    assert energy_distance(x[:, None], y[:, None]) == pytest.approx(theirs, rel=1e-9)


def test_a_set_has_no_distance_to_itself_and_others_have() -> None:
    x = RNG.normal("x", (100, 2)).double() + 1e7  # products of the coordinates would cancel here
    assert energy_distance(x, x.flip(0)) == pytest.approx(0.0, abs=1e-8)
    assert energy_distance(x, x + 1e-2) > 1e-6


def test_two_samples_of_one_law_have_the_floor_of_the_docstring() -> None:
    """2 E|X − X'| / n with E|X − X'| = √π for N(0, I₂)."""
    pairs = [(RNG.normal(f"x{i}", (400, 2)), RNG.normal(f"y{i}", (400, 2))) for i in range(40)]
    mean = sum(energy_distance(x, y) for x, y in pairs) / len(pairs)
    assert mean == pytest.approx(2.0 * torch.pi**0.5 / 400, rel=0.15)


def test_the_real_sets_own_distance_is_kept_and_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    metric = EnergyDistance(space="ring", directions={"energy": "min"}, at="every")
    real, fake = RNG.normal("x", (50, 2)), RNG.normal("y", (50, 2)) + 1.0
    first = metric(Samples(images=real, cache_key="fifty"), Samples(images=fake))["energy"]
    counted: list[int] = []
    monkeypatch.setattr(energy, "mean_distance", lambda x, y: counted.append(1) or mean_distance(x, y))
    again = metric(Samples(images=real, cache_key="fifty"), Samples(images=fake))["energy"]
    assert len(counted) == 2
    assert first == again == energy_distance(real, fake)


def test_sets_of_different_sizes_are_an_error_that_names_the_setting() -> None:
    metric = EnergyDistance(space="ring", directions={"energy": "min"}, at="every")
    real, fake = Samples(images=torch.zeros(4, 2)), Samples(images=torch.zeros(3, 2))
    with pytest.raises(ConfigError, match=r"protocol\.n_fake"):
        metric(real, fake)
    assert metric(real, Samples(images=torch.ones(4, 2))) == {"energy": pytest.approx(2.0 * 2.0**0.5)}
