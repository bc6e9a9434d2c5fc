"""Replaying the study's own draws, and files of one's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.replay import find, parse
from ganbench.search import draw

MODELS = ["mm_gan", "ns_gan", "lsgan", "wgan", "wgan_gp", "dragan", "began", "vae"]


@cache  # nobody changes what it returns
def config(model: str, name: str, *overrides: str) -> dict[str, Any]:
    space = f"space={name}" if not any(text.startswith("space=") for text in overrides) else ""
    return compose(
        [f"model={model}", "dataset=ring", f"sampler=replay_{name}", *filter(None, [space, *overrides])]
    ).config


def params(model: str, name: str, index: int) -> dict[str, Any]:
    found = draw(config(model, name), variant_key="", trials=index + 1, seed=0, default_first=True)
    return found[index].params


def test_sample_one_of_the_study() -> None:
    assert params("ns_gan", "wide", 1) == {
        "model.beta1": pytest.approx(0.0523636, rel=1e-5),
        "model.d_batch_norm": True,
        "model.d_steps": 1,
        "model.lr": pytest.approx(2.10427e-5, rel=1e-5),
    }
    assert params("wgan", "wide", 1) == {
        "model.beta1": pytest.approx(0.232393, rel=1e-5),
        "model.clip": pytest.approx(0.00340134, rel=1e-5),
        "model.d_batch_norm": True,
        "model.d_steps": 5,
        "model.lr": pytest.approx(8.09001e-5, rel=1e-5),
    }


@pytest.mark.parametrize(
    ("model", "beta1"),
    [
        ("mm_gan", 0.745576),
        ("ns_gan", 0.0523636),
        ("lsgan", 0.0162689),
        ("wgan", 0.232393),
        ("wgan_gp", 0.454042),
        ("dragan", 0.480562),
        ("began", 0.254234),
        ("vae", 0.274859),
    ],
)
def test_every_model_finds_its_own_rows(model: str, beta1: float) -> None:
    assert params(model, "wide", 1)["model.beta1"] == pytest.approx(beta1, rel=1e-5)
    assert config(model, "narrow")["sampler"]["models"] == config(model, "wide")["sampler"]["models"]


def test_one_column_stands_for_different_settings() -> None:
    assert params("wgan_gp", "wide", 1)["model.penalty_weight"] == pytest.approx(5.0531, rel=1e-4)
    assert params("dragan", "narrow", 1)["model.penalty_weight"] == pytest.approx(2.02609, rel=1e-4)
    began = params("began", "wide", 1)
    assert began["model.k_lr"] == pytest.approx(1.57415e-4, rel=1e-4)
    assert began["model.gamma"] == pytest.approx(0.891609, rel=1e-5)
    assert "model.penalty_weight" not in began


@pytest.mark.parametrize("model", MODELS)
def test_every_wide_draw_fits_and_sample_zero_is_our_default(model: str) -> None:
    node = config(model, "wide")
    raw = draw(node, variant_key="", trials=100, seed=0, default_first=False)
    default = draw(node, variant_key="", trials=1, seed=0, default_first=True)[0]
    assert default.is_default
    assert raw[0].params == default.params
    assert not raw[0].is_default


@pytest.mark.parametrize("model", MODELS)
def test_every_narrow_draw_fits(model: str) -> None:
    found = draw(config(model, "narrow"), variant_key="", trials=50, seed=0, default_first=True)
    assert len(found) == 50
    assert len({d.params["model.lr"] for d in found}) == 50


def test_more_trials_than_the_file_has() -> None:
    with pytest.raises(ConfigError, match=r"wide_draws.csv ends before setting 100: lower search.trials"):
        draw(config("ns_gan", "wide"), variant_key="", trials=101, seed=0, default_first=True)


def test_draws_outside_the_space() -> None:
    node = config("ns_gan", "wide", "space=narrow")
    with pytest.raises(
        ConfigError, match=r"setting 1: `model.beta1` = 0.0523\d* is outside the search space"
    ):
        draw(node, variant_key="", trials=3, seed=0, default_first=True)


def own(tmp_path: Path, text: str, *overrides: str) -> dict[str, Any]:
    path = tmp_path / "own draws.csv"
    path.write_text(text)
    return config("ns_gan", "wide", "space=wide_short_packed", f"sampler.path='{path}'", *overrides)


def run(node: dict[str, Any], trials: int = 2) -> list[dict[str, Any]]:
    return [d.params for d in draw(node, variant_key="", trials=trials, seed=0, default_first=False)]


HEADER = "model,sample_id,learning_rate,beta1\n"


def test_a_file_of_ones_own_in_any_order(tmp_path: Path) -> None:
    node = own(tmp_path, HEADER + "GAN,1,1e-3,1\nWGAN,0,1,1\nGAN,0,0.002,0.5\n")
    assert run(node) == [
        {"model.lr": 0.002, "model.beta1": 0.5},
        {"model.lr": 0.001, "model.beta1": 1.0},
    ]
    assert all(type(value) is float for one in run(node) for value in one.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "GAN,x,1e-3,0.5\n", "line 2: `sample_id` must be an integer that stands once"),
        (
            HEADER + "GAN,0,1e-3,0.5\nGAN,0,1e-3,0.5\n",
            "line 3: `sample_id` must be an integer that stands once",
        ),
        (HEADER + "GAN,0,1e-3,\n", "line 2: `beta1` is empty, but the space searches it"),
        (HEADER + "GAN,0,1e-3\n", "line 2: `beta1` is empty, but the space searches it"),
        (HEADER + "GAN,0,fast,0.5\n", "setting 0: `model.lr` = fast is outside the search space"),
        (HEADER + "GAN,0,nan,0.5\n", "setting 0: `model.lr` = nan is outside the search space"),
        (HEADER + "GAN,0,true,0.5\n", "setting 0: `model.lr` = True is outside the search space"),
        (
            "model,sample_id,beta1\nGAN,0,0.5\n",
            "has no column `learning_rate`; there are model, sample_id, beta1",
        ),
        ("", "has no column `model`"),
    ],
)
def test_a_bad_file_gets_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(own(tmp_path, text))


def test_maps_must_cover_model_and_settings(tmp_path: Path) -> None:
    node = own(tmp_path, HEADER + "GAN,0,1e-3,0.5\n")
    stranger = {**node, "sampler": {**node["sampler"], "model": "mine"}}
    with pytest.raises(ConfigError, match="no settings for the model `mine`, only for mm_gan, ns_gan"):
        run(stranger)
    unmapped = {**node, "sampler": {**node["sampler"], "columns": {"beta1": ["model.beta1"]}}}
    with pytest.raises(ConfigError, match=r"no column for `model.lr`: map one under sampler.columns"):
        run(unmapped)


def test_a_missing_file(tmp_path: Path) -> None:
    node = config("ns_gan", "wide", f"sampler.path={tmp_path}/nothing.csv")
    with pytest.raises(ConfigError, match=r"sampler.path = .*nothing.csv cannot be read"):
        run(node)


def test_bare_names_lie_in_the_projects_data(root: Path) -> None:
    assert find("lucic2018_wide_draws.csv") == root / "conf" / "data" / "lucic2018_wide_draws.csv"
    assert find("here/own.csv") == Path("here/own.csv")
    assert find("./own.csv") == Path("own.csv")


@pytest.mark.parametrize(
    ("cell", "value"), [("True", True), ("false", False), ("5", 5), ("1e-3", 0.001), ("a", "a")]
)
def test_cells(cell: str, value: Any) -> None:
    assert parse(cell) == value
    assert type(parse(cell)) is type(value)


def test_the_published_numbers_are_kept(root: Path) -> None:
    lines = (root / "results" / "reference" / "lucic2018.csv").read_text().splitlines()
    assert sum(line.startswith("lucic2018,best_fid,") for line in lines) == 32
    assert "lucic2018,best_fid,mm_gan,mnist,fid,inception,,9.8,0.9,50," in lines[1]
