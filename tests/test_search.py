"""Spaces from YAML and the draws of a sweep."""

from __future__ import annotations

import hashlib
import json
import math
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from ganbench.config import compose, set_values
from ganbench.errors import ConfigError
from ganbench.search import Draw, draw


@cache  # nobody changes what it returns
def config(*overrides: str, config_dir: Path | None = None) -> dict[str, Any]:
    return compose(["model=ns_gan", "dataset=ring", "budget=small", *overrides], config_dir).config


@pytest.fixture(scope="module")
def wide() -> dict[str, Any]:
    return config("space=wide")


def draws(node: dict[str, Any], trials: int, **more: Any) -> list[Draw]:
    given: dict[str, Any] = {"variant_key": "model=ns_gan", "seed": 0, "default_first": True, **more}
    return draw(node, trials=trials, **given)


# Defaults


def test_trial_zero_is_the_authors(wide: dict[str, Any]) -> None:
    first = draws(wide, 3)[0]
    expected = {"model.beta1": 0.0, "model.d_batch_norm": True, "model.d_steps": 1, "model.lr": 5e-5}
    assert first == Draw(0, expected, is_default=True)
    assert [d.is_default for d in draws(wide, 3)] == [True, False, False]
    assert not draws(wide, 1, default_first=False)[0].is_default


@pytest.mark.parametrize(
    ("steps", "factor"), [(4000, 15625 / 4000), (1000, 10.0), (15625, 1.0), (31250, 0.5)]
)
def test_the_default_learning_rate_follows_the_steps(steps: int, factor: float) -> None:
    node = config("space=wide_short", f"budget.steps={steps}")
    assert draws(node, 1)[0].params["model.lr"] == pytest.approx(5e-5 * factor, rel=1e-12)
    assert draws(node, 1)[0].params["model.beta1"] == 0.0


def test_the_shift_uses_the_steps_a_dataset_gives() -> None:
    node = config("space=wide_short", "budget=study", "dataset.study_steps=3125")
    assert draws(node, 1)[0].params["model.lr"] == pytest.approx(5e-5 * 5, rel=1e-12)


def test_a_models_default_may_depend_on_the_space(wide: dict[str, Any]) -> None:
    own = {**wide, "model": {**wide["model"], "defaults": {"wide": {"model.d_batch_norm": False}}}}
    assert draws(own, 1)[0].params["model.d_batch_norm"] is False
    assert draws(own, 1)[0].params["model.lr"] == 5e-5


@pytest.mark.parametrize(
    "default", [{"model.lr": {"reference": 1}}, {"model.lrr": {"reference_steps": 1, "at_most": 1.0}}]
)
def test_a_bad_shift_is_refused(wide: dict[str, Any], default: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="space `wide`: `default` is setting"):
        draws({**wide, "space": {**wide["space"], "default": default}}, 1)


def test_where_nothing_is_searched_all_are_defaults() -> None:
    assert draws(config("space=fixed"), 3, first=1) == [
        Draw(1, {}, is_default=True),
        Draw(2, {}, is_default=True),
    ]


# Draws


def address(seed: int, key: str, index: int, name: str) -> float:
    """The uniform number of an address, as documented."""
    text = json.dumps([seed, key, index, name]).encode()
    return (int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 11) / 2**53


def test_a_draw_depends_on_its_address_alone(wide: dict[str, Any]) -> None:
    params = draws(wide, 8, variant_key="v", seed=3)[7].params
    assert params["model.beta1"] == address(3, "v", 7, "model.beta1")
    assert params["model.lr"] == pytest.approx(10 ** (-5 + 3 * address(3, "v", 7, "model.lr")), rel=1e-11)
    assert params["model.d_steps"] == [1, 5][int(2 * address(3, "v", 7, "model.d_steps"))]
    assert params["model.d_batch_norm"] is [True, False][int(2 * address(3, "v", 7, "model.d_batch_norm"))]


def test_draws_of_committed_sweeps_never_change(wide: dict[str, Any]) -> None:
    assert draws(wide, 2)[1].params == {
        "model.beta1": 0.14541016992614342,
        "model.d_batch_norm": True,
        "model.d_steps": 1,
        "model.lr": 0.000193142524404,
    }


@pytest.mark.parametrize("sampler", ["hashed", "random", "qmc", "grid", "replay_wide"])
def test_raising_trials_only_adds(sampler: str) -> None:
    node = config("space=wide", f"sampler={sampler}")
    many = draws(node, 20)
    assert draws(node, 7) == many[:7]
    assert draws(node, 20, first=7) == many[7:]
    assert [d.index for d in many] == list(range(20))
    assert len({json.dumps(d.params) for d in many}) == 20


@pytest.mark.parametrize("sampler", ["hashed", "random", "qmc"])
def test_variants_and_seeds_draw_independently(sampler: str) -> None:
    node = config("space=wide", f"sampler={sampler}")
    base = draws(node, 5)
    assert draws(node, 5) == base
    assert draws(node, 5, variant_key="model=other")[1:] != base[1:]
    assert draws(node, 5, seed=1)[1:] != base[1:]


def test_another_parameter_leaves_the_others_untouched(wide: dict[str, Any]) -> None:
    fewer = {**wide, "space": {**wide["space"], "params": dict(list(wide["space"]["params"].items())[:2])}}
    for less, more in zip(draws(fewer, 6), draws(wide, 6), strict=True):
        assert less.params == {key: more.params[key] for key in less.params}
        assert set(less.params) == {"model.lr", "model.beta1"}


def test_the_law_of_the_draws(wide: dict[str, Any]) -> None:
    random = [d.params for d in draws(wide, 2001)[1:]]
    lr = [(math.log10(p["model.lr"]) + 5) / 3 for p in random]
    assert stats.kstest(lr, "uniform").pvalue > 1e-3
    assert stats.kstest([p["model.beta1"] for p in random], "uniform").pvalue > 1e-3
    assert abs(stats.spearmanr(lr, [p["model.beta1"] for p in random]).statistic) < 0.08
    assert stats.binomtest(sum(p["model.d_steps"] == 5 for p in random), 2000).pvalue > 1e-3


def test_drawn_values_fit_the_config(wide: dict[str, Any]) -> None:
    for sampler in ("hashed", "random", "qmc", "grid", "replay_wide"):
        node = config("space=wide", f"sampler={sampler}")
        for one in draws(node, 5):
            kinds = [type(one.params[key]) for key in sorted(one.params)]
            assert kinds == [float, bool, int, float]
            set_values(node, one.params)


def test_ten_thousand_draws_take_seconds(wide: dict[str, Any]) -> None:
    start = time.perf_counter()
    assert len(draws(wide, 10_000)) == 10_000
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ({"_target_": "optuna.samplers.RandomSampler", "sed": 1}, r"no field `sed`; did you mean `seed`\?"),
        ({"_target_": "optuna.distributions.FloatDistribution"}, "is not a registered component"),
        ({}, "must be the full dotted name"),
    ],
)
def test_a_bad_sampler_gets_one_line(wide: dict[str, Any], sampler: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draws({**wide, "sampler": sampler}, 2)
