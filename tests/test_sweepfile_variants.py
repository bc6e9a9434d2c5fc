"""The variants a sweep unfolds into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import ConfigError
from ganbench.search import draw, space
from ganbench.sweepfile import SweepSpec, load_sweep, variants

FILE = """
axes: {model: [ns_gan, wgan], dataset: [ring]}
budget: small
search: {space: wide_short, trials: 24}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a sweep of one's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text(FILE)
    return tmp_path


def load(*overrides: str) -> SweepSpec:
    return load_sweep("mine", list(overrides))


def test_one_config_per_point_of_the_axes(here: Path) -> None:
    found = variants(load("budget=smoke", "network.hidden=8", "model.beta1=0.1,0.5", "precision=float32"))
    assert [v.choices for v in found] == [
        {"model": m, "dataset": "ring", "model.beta1": b} for m in ("ns_gan", "wgan") for b in ("0.1", "0.5")
    ]
    for variant in found:
        config = variant.config
        assert config["budget"]["steps"] == 40
        assert config["network"]["hidden"] == 8
        assert config["space"]["name"] == "wide_short"
        assert config["precision"] == "float32"
        assert str(config["model"]["beta1"]) == variant.choices["model.beta1"]
    assert "clip" in found[2].config["model"]
    assert "clip" not in found[0].config["model"]


def test_variants_share_nothing(here: Path) -> None:
    one, two = variants(load("model=ns_gan", "model.beta1=0.1,0.5"))
    one.config["network"]["hidden"] = 1
    assert two.config["network"]["hidden"] != 1


def test_model_and_dataset_are_always_named_first(here: Path) -> None:
    (here / "sweeps" / "mine.yaml").write_text("axes: {model.d_batch_norm: [true, false]}\nprotocol: ring\n")
    (one, two) = variants(load())
    assert list(one.choices.items()) == [
        ("model", "ns_gan"),
        ("dataset", "ring"),
        ("model.d_batch_norm", "true"),
    ]
    assert two.config["model"]["d_batch_norm"] is False
    assert two.choices["model.d_batch_norm"] == "false"


def test_the_protocol_is_the_datasets_unless_given(here: Path) -> None:
    assert variants(load("model=ns_gan"))[0].config["protocol"]["name"] == "ring"
    assert variants(load("model=ns_gan", "protocol=gray28"))[0].config["protocol"]["name"] == "gray28"


def test_what_an_axis_or_override_fixes_is_not_searched(here: Path) -> None:
    free = space(variants(load("model=wgan"))[0].config)
    assert {"model.lr", "model.d_steps", "model.clip", "model.beta1", "model.d_batch_norm"} == set(free)
    fixed = variants(load("model=wgan", "model.d_steps=1,5", "model.clip=0.1", "model.lr=1e-3"))
    assert {"model.beta1", "model.d_batch_norm"} == set(space(fixed[0].config))
    assert [v.config["model"]["d_steps"] for v in fixed] == [1, 5]
    first = draw(fixed[0].config, variant_key="", trials=1, seed=0, default_first=True)[0]
    assert "model.lr" not in first.params


def test_the_search_key_leaves_the_data_out(here: Path) -> None:
    found = variants(
        load("model=ns_gan", "dataset=ring,grid", "dataset.n_train=100,200", "model.beta1=0.1,0.5")
    )
    assert {v.search_key for v in found} == {"model=ns_gan,model.beta1=0.1", "model=ns_gan,model.beta1=0.5"}
    assert len(found) == 8


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=ns_gam"], r"no model `ns_gam`; did you mean `ns_gan`"),
        (["model="], "no model ``"),
        (["model=3"], "name one model of"),
        (["dataset=rings"], r"no dataset `rings`; did you mean `ring`"),
        (["budget=tiny"], "no budget `tiny`"),
        (["protocol=rng"], r"no protocol `rng`; did you mean `ring`"),
        (["space=wied"], r"no space `wied`; did you mean `wide`"),
        (["sampler=hashd"], r"no sampler `hashd`; did you mean `hashed`"),
        (["model.lrr=0.1,0.2"], r"no setting `model.lrr`; did you mean `model.lr`"),
        (["model.lr=a,b"], r"`model.lr` is a number such as 5e-05, not 'a'"),
        (["network.hiden=8"], r"no setting `network.hiden`; did you mean `network.hidden`"),
        (["network.hidden=8.5"], "`network.hidden` is an integer such as 64, not 8.5"),
    ],
)
def test_what_no_config_has(here: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        variants(load(*overrides))


def test_user_options_reach_the_variants(here: Path) -> None:
    user = here / "conf"
    (user / "model").mkdir(parents=True)
    (user / "model" / "own.yaml").write_text(
        "# @package _global_\ndefaults: [/model/ns_gan, _self_]\nmodel: {lr: 0.5}\n"
    )
    found = variants(load_sweep("mine", ["model=own"], user), user)
    assert found[0].config["model"]["lr"] == 0.5
    assert found[0].choices["model"] == "own"


def test_nothing_is_read_twice_for_values_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ganbench.sweepfile as module

    calls: list[Any] = []
    compose = module.compose
    monkeypatch.setattr(module, "compose", lambda *given: (calls.append(given), compose(*given))[1])
    assert len(variants(load("model.beta1=0.1,0.2,0.3"))) == 6
    assert len(calls) == 2
