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
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy import stats

from ganbench.config import compose, set_values
from ganbench.errors import ConfigError
from ganbench.search import Draw, draw, space

LOG = "{_target_: optuna.distributions.FloatDistribution, low: 1.0e-3, high: 1.0, log: true}"
MODEL = """# @package _global_
defaults: [/model/ns_gan, _self_]
model:
  clip: 0.01
  spaces:
    wide:
      model.clip: {clip}
      model.d_steps: null
"""


@cache  # nobody changes what it returns
def config(*overrides: str, config_dir: Path | None = None) -> dict[str, Any]:
    return compose(["model=ns_gan", "dataset=ring", "budget=small", *overrides], config_dir).config


@pytest.fixture(scope="module")
def wide() -> dict[str, Any]:
    return config("space=wide")


def draws(node: dict[str, Any], trials: int, **more: Any) -> list[Draw]:
    given: dict[str, Any] = {"variant_key": "model=ns_gan", "seed": 0, "default_first": True, **more}
    return draw(node, trials=trials, **given)


# Spaces


def logarithmic(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


STUDY = {  # study §3.2
    "wide": {
        "model.lr": logarithmic(1e-5, 1e-2),
        "model.beta1": FloatDistribution(0.0, 1.0),
        "model.d_steps": CategoricalDistribution([1, 5]),
        "model.d_batch_norm": CategoricalDistribution([True, False]),
    },
    "narrow": {
        "model.lr": logarithmic(1e-4, 1e-3),
        "model.beta1": CategoricalDistribution([0.5]),
        "model.d_steps": CategoricalDistribution([1]),
        "model.d_batch_norm": CategoricalDistribution([True, False]),
    },
}
OFF = CategoricalDistribution([False])
OWN: dict[tuple[str, str], dict[str, Any]] = {
    ("wgan", "wide"): {"model.clip": logarithmic(1e-3, 1.0)},
    ("wgan", "narrow"): {"model.clip": logarithmic(1e-2, 1.0)},
    ("wgan_gp", "wide"): {"model.penalty_weight": logarithmic(0.1, 100.0)},
    ("wgan_gp", "narrow"): {"model.penalty_weight": logarithmic(0.1, 10.0), "model.d_batch_norm": OFF},
    ("dragan", "wide"): {"model.penalty_weight": logarithmic(0.1, 100.0)},
    ("dragan", "narrow"): {"model.penalty_weight": logarithmic(0.1, 10.0), "model.d_batch_norm": OFF},
    ("began", "wide"): {"model.k_lr": logarithmic(1e-4, 1e-2), "model.gamma": FloatDistribution(0.0, 1.0)},
    ("began", "narrow"): {
        "model.k_lr": CategoricalDistribution([1e-3]),
        "model.gamma": FloatDistribution(0.6, 0.9),
    },
}


@pytest.mark.parametrize("name", ["wide", "narrow"])
@pytest.mark.parametrize("model", ["mm_gan", "ns_gan", "lsgan", "wgan", "wgan_gp", "dragan", "began", "vae"])
def test_the_studys_spaces(model: str, name: str) -> None:
    expected = {**STUDY[name], **OWN.get((model, name), {})}
    if model == "vae":
        del expected["model.d_steps"]
    assert space(config(f"model={model}", f"space={name}")) == expected


def test_short_spaces_raise_the_learning_rate(wide: dict[str, Any]) -> None:
    lr = {"model.lr": logarithmic(1e-4, 1e-2)}
    assert space(config("space=wide_short")) == {**STUDY["wide"], **lr}
    packed = space(config("space=wide_short_packed", "model=wgan"))
    assert packed == {**lr, "model.beta1": FloatDistribution(0.0, 1.0), "model.clip": logarithmic(1e-3, 1.0)}
    assert space(config("space=fixed")) == {}


def user_space(folder: Path, *, params: str = "{}", clip: str = LOG, more: str = "") -> dict[str, Any]:
    """Compose a model with a parameter of its own, and a space written by a user."""
    (folder / "model").mkdir()
    (folder / "space").mkdir()
    (folder / "model" / "own.yaml").write_text(MODEL.replace("{clip}", clip))
    text = f"name: mine\nmodel_space: wide\nparams: {params}\ndefault: {{}}\n{more}"
    (folder / "space" / "mine.yaml").write_text(text)
    return config("model=own", "space=mine", config_dir=folder)


def test_the_models_own_entries_add_and_remove(tmp_path: Path) -> None:
    choices = "{_target_: optuna.distributions.CategoricalDistribution, choices: [1, 5]}"
    node = user_space(tmp_path, params=f"{{model.d_steps: {choices}, model.beta1: {LOG}}}")
    assert space(node) == {"model.beta1": logarithmic(1e-3, 1.0), "model.clip": logarithmic(1e-3, 1.0)}


def test_order_is_by_name_however_the_file_is_written(wide: dict[str, Any]) -> None:
    backwards = {
        **wide,
        "space": {**wide["space"], "params": dict(reversed(wide["space"]["params"].items()))},
    }
    assert list(space(backwards)) == list(space(wide)) == sorted(space(wide))


def test_an_optional_parameter_may_be_missing(tmp_path: Path) -> None:
    node = user_space(tmp_path, params=f"{{model.gamma: {LOG[:-1]}, optional: true}}}}", clip="null")
    assert space(node) == {}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            f"{{model.gama: {LOG}}}",
            r"space `mine`, `model.gama`: no such setting; take it out \(`model.gama: null`",
        ),
        (f"{{model.gama: {LOG[:-1]}, optional: false}}}}", "no such setting"),
        ("{model.lr: 0.1}", "space `mine`, `model.lr`: write {_target_: optuna.distributions"),
        ("{model.lr: {low: 0.1}}", "space `mine`, `model.lr`: write {_target_: optuna.distributions"),
        (f"{{model.lr: {LOG.replace('1.0e-3', '2.0')}}}", r"space `mine`, `model.lr`: .*`low <= high`"),
        (f"{{model.lr: {LOG.replace('1.0e-3', '0.0')}}}", r"space `mine`, `model.lr`: .*low.*> 0"),
        (f"{{model.lr: {LOG.replace('high', 'hihg')}}}", r"no field `hihg`; did you mean `high`\?"),
        (
            f"{{model.lr: {LOG.replace('Float', 'Flaot')}}}",
            "FlaotDistribution` is not a registered component",
        ),
        (f"{{model.d_steps: {LOG}}}", "`model.d_steps`: `model.d_steps` is an integer such as 1, not 0.001"),
        ("{model.lr: {_target_: optuna.samplers.RandomSampler}}", "is not a registered component"),
        (
            "{model.lr: {_target_: optuna.distributions.CategoricalDistribution, choices: [fast]}}",
            "is a number",
        ),
    ],
)
def test_a_bad_space_gets_one_line(tmp_path: Path, params: str, message: str) -> None:
    node = user_space(tmp_path, params=params, clip="null")
    del node["model"]["spaces"]["wide"]["model.d_steps"]
    with pytest.raises(ConfigError, match=message) as caught:
        space(node)
    assert "\n" not in str(caught.value)


def test_fields_of_a_space_are_checked(tmp_path: Path, wide: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match=r"space `mine` has an unknown field `parms`; did you mean `params`\?"
    ):
        space(user_space(tmp_path, more="parms: {}"))
    short = {**wide, "space": {key: value for key, value in wide["space"].items() if key != "params"}}
    with pytest.raises(ConfigError, match="lacks its field `params`"):
        space(short)


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
