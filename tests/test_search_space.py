"""Search spaces: the study's, and those of a user."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.search import space

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
