"""The samplers: Optuna's own contract, the grid and the mapping of uniform numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase

from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.search import Grid, HashedSampler, draw, quantile


class TestHashedSamplerKeepsOptunasContract(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: HashedSampler(seed=0, key="k")


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (FloatDistribution(2.0, 4.0), 0.25, 2.5),
        (FloatDistribution(2.0, 4.0), 1.0, 4.0),
        (FloatDistribution(1e-4, 1e-2, log=True), 0.5, 1e-3),
        (FloatDistribution(1e-4, 1e-2, log=True), 0.0, 1e-4),
        (FloatDistribution(0.0, 1.0, step=0.25), 0.5, 0.5),
        (FloatDistribution(0.0, 1.0, step=0.25), 1.0, 1.0),
        (IntDistribution(3, 5), 0.0, 3),
        (IntDistribution(3, 5), 0.34, 4),
        (IntDistribution(3, 5), 0.99, 5),
        (IntDistribution(0, 10, step=5), 0.7, 10),
        (IntDistribution(1, 100, log=True), 0.0, 1),
        (IntDistribution(1, 100, log=True), 0.999999, 100),
        (CategoricalDistribution([True, False]), 0.49, True),
        (CategoricalDistribution([True, False]), 0.5, False),
        (CategoricalDistribution(["a", "b", "c"]), 1.0, "c"),
    ],
)
def test_quantile(distribution: BaseDistribution, u: float, value: Any) -> None:
    expected = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
    assert quantile(distribution, u) == expected
    assert type(quantile(distribution, u)) is type(value)


def test_a_logarithmic_integer_has_the_mass_of_its_cell() -> None:
    us = [(i + 0.5) / 10_000 for i in range(10_000)]
    ones = sum(quantile(IntDistribution(1, 3, log=True), u) == 1 for u in us)
    assert ones / 10_000 == pytest.approx(0.5646, abs=1e-3)  # log(1.5 / 0.5) / log(3.5 / 0.5)


def test_unknown_distributions_are_refused() -> None:
    class Odd(BaseDistribution):
        def single(self) -> bool:
            return False

        def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
            return 0.0

        def _contains(self, param_value_in_internal_repr: float) -> bool:
            return True

    with pytest.raises(ConfigError, match="Odd cannot be drawn from"):
        quantile(Odd(), 0.5)


def grid(*overrides: str) -> dict[str, Any]:
    return compose(["model=ns_gan", "space=wide", "sampler=grid", *overrides]).config


def test_the_grid_covers_every_combination_once() -> None:
    node = grid("sampler.points=2")
    found = draw(node, variant_key="", trials=17, seed=0, default_first=True)[1:]
    points = {tuple(d.params[key] for key in sorted(d.params)) for d in found}
    lrs = [10**-4.25, 10**-2.75]
    assert len(points) == 16
    for beta1, norm, steps, lr in itertools.product([0.25, 0.75], [True, False], [1, 5], lrs):
        assert any(p[:3] == (beta1, norm, steps) and p[3] == pytest.approx(lr) for p in points)


def test_the_grid_says_when_it_is_used_up() -> None:
    node = grid("sampler.points=1")
    assert len(draw(node, variant_key="", trials=4, seed=0, default_first=False)) == 4
    with pytest.raises(
        ConfigError, match=r"the grid has 4 points: lower search.trials or raise sampler.points"
    ):
        draw(node, variant_key="", trials=5, seed=0, default_first=False)


@pytest.mark.parametrize("points", [0, -1, 1000])
def test_a_grid_of_no_or_too_many_points_is_refused(points: int) -> None:
    with pytest.raises(ConfigError, match=rf"sampler.points = {points} makes a grid of"):
        draw(grid(f"sampler.points={points}"), variant_key="", trials=2, seed=0, default_first=False)


def test_the_grid_works_in_any_study() -> None:
    axes: dict[str, BaseDistribution] = {"x": IntDistribution(1, 2), "y": CategoricalDistribution(["a", "b"])}
    study = optuna.create_study(sampler=Grid(points=2, space=axes, seed=1))
    study.optimize(
        lambda trial: (
            float(trial.suggest_int("x", 1, 2)) + (trial.suggest_categorical("y", ["a", "b"]) == "a")
        )
    )
    assert len(study.trials) == 4
