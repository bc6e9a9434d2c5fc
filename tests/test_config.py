"""Composition: what is found where, which overrides are taken, and what a user is told when one is not."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from ganbench.config import builtin, compose, conf_dirs, groups, options, parse_override, read_yaml, resolve
from ganbench.errors import ConfigError

USER_MODEL = """# @package _global_
defaults:
  - /model/ns_gan
  - override /loss: {loss}
  - _self_
model:
  lr: 0.25
"""


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A user's config folder whose path needs quoting."""
    folder = tmp_path / "my conf, it's=mine"
    write(folder, "model/mine.yaml", USER_MODEL.format(loss="wasserstein"))
    return folder


# Folders


def test_the_package_copy_wins_over_the_repository(tmp_path: Path) -> None:
    package = tmp_path / "ganbench"
    (tmp_path / "conf").mkdir()
    package.mkdir()
    assert builtin("conf", package) == tmp_path / "conf"
    (package / "_data" / "conf").mkdir(parents=True)
    assert builtin("conf", package) == package / "_data" / "conf"
    assert builtin("sweeps", package) == tmp_path / "sweeps"


def test_the_user_folder_is_searched_first(user: Path) -> None:
    assert conf_dirs() == [builtin("conf")]
    assert conf_dirs(user) == [user.resolve(), builtin("conf")]


def test_a_missing_user_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--config-dir .*nowhere: there is no such folder"):
        compose([], tmp_path / "nowhere")


def test_options_of_both_folders(user: Path) -> None:
    assert "mine" not in options("model")
    assert {"mine", "ns_gan"} <= set(options("model", user))
    assert options("model") == sorted(options("model"))
    with pytest.raises(ConfigError, match=r"no config group `modell`; there are .*model"):
        options("modell")
    with pytest.raises(ConfigError, match="no config group ``"):
        options("")


def test_groups_hold_options(user: Path) -> None:
    write(user, "sweeps/own.yaml", "axes: {}")
    write(user, "extra/one.yaml", "a: 1")
    assert {"model", "space", "extra"} <= set(groups(user))
    assert not {"data", "sweeps", ""} & set(groups(user))


# Composition


def test_plain_dict_with_references_kept() -> None:
    composed = compose(["model=ns_gan", "dataset=ring"])
    assert type(composed.config) is dict
    assert type(composed.config["model"]) is dict
    assert composed.config["optimizer"]["lr"] == "${model.lr}"
    assert composed.choices["model"] == "ns_gan"
    assert composed.choices["dataset"] == "ring"
    assert "hydra" not in composed.config
    assert not any(group.startswith("hydra") for group in composed.choices)


def test_a_dataset_chooses_network_and_protocol_unless_told_otherwise() -> None:
    chosen = compose(["dataset=ring"]).choices
    assert (chosen["network"], chosen["protocol"]) == ("mlp", "ring")
    assert compose(["dataset=ring", "network=study"]).choices["network"] == "study"


def test_user_options_add_and_shadow(user: Path) -> None:
    mine = compose(["model=mine"], user).config
    assert mine["model"]["lr"] == 0.25
    assert mine["loss"]["_target_"].endswith("Wasserstein")
    write(user, "loss/wasserstein.yaml", "_target_: my.losses.Own\n")
    assert compose(["model=mine"], user).config["loss"] == {"_target_": "my.losses.Own"}


def test_the_chosen_option_can_be_named_in_a_config() -> None:
    config = compose(["model=wgan", "sampler=replay_wide"]).config
    assert config["sampler"]["model"] == "wgan"


def test_values_are_set_and_an_integer_becomes_the_float_it_stands_for() -> None:
    config = compose(["model.lr=1", "model.d_steps=5", "seed=3", "dataset.image_shape=[4]"]).config
    assert config["model"]["lr"] == 1.0
    assert type(config["model"]["lr"]) is float
    assert type(config["model"]["d_steps"]) is int
    assert config["seed"] == 3
    assert config["dataset"]["image_shape"] == [4]


def test_the_last_of_two_values_counts() -> None:
    assert compose(["model.lr=0.1", "model.lr=0.2"]).config["model"]["lr"] == 0.2


def test_a_referring_setting_has_the_type_of_what_it_names() -> None:
    assert compose(["optimizer.lr=2"]).config["optimizer"]["lr"] == 2.0
    assert compose(["optimizer.beta2=${model.beta1}"]).config["optimizer"]["beta2"] == "${model.beta1}"
    with pytest.raises(ConfigError, match=r"`optimizer.lr` is a number such as 5e-05, not 'fast'"):
        compose(["optimizer.lr=fast"])
    with pytest.raises(ConfigError, match=r"`optimizer.beta2` is a number such as 0.999, not true"):
        compose(["optimizer.beta2=${model.d_batch_norm}"])


def test_additions_and_deletions_are_hydras() -> None:
    config = compose(["+model.note=hello", "~model.spaces"]).config
    assert config["model"]["note"] == "hello"
    assert "spaces" not in config["model"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model=ns_gam", r"no model `ns_gam`; did you mean `ns_gan`\? Available: .*wgan_gp"),
        ("dataset=rings", r"no dataset `rings`; did you mean `ring`\?"),
        ("model.lrr=1.0", r"no setting `model.lrr`; did you mean `model.lr`\?"),
        ("lr=1.0", r"no setting `lr`; did you mean `model.lr`\?"),
        ("zzz.qqq=1", r"no setting `zzz.qqq`$"),
        ("model.lr.x=1", r"no setting `model.lr.x`"),
        ("model.procedure.loss.x=1", r"`model.procedure.loss` refers to `loss`: set `loss.x` instead"),
        ("model.lr=fast", r"`model.lr` is a number such as 5e-05, not 'fast'"),
        ("model.lr='0.1'", r"`model.lr` is a number such as 5e-05, not '0.1'"),
        ("model.lr=true", r"`model.lr` is a number such as 5e-05, not true"),
        ("model.lr=null", r"`model.lr` is a number such as 5e-05, not null"),
        ("model.lr=nan", r"`model.lr` must be a finite number, not nan"),
        ("model.d_steps=2.0", r"`model.d_steps` is an integer such as 1, not 2.0"),
        ("model.d_steps=true", r"`model.d_steps` is an integer such as 1, not true"),
        ("model.d_batch_norm=1", r"`model.d_batch_norm` is true or false such as true, not 1"),
        ("precision=32", r"`precision` is a text such as 'float32', not 32"),
        ("dataset.image_shape=2", r"`dataset.image_shape` is a list such as \[2\], not 2"),
        ("dataset.image_shape=[a]", r"`dataset.image_shape\[0\]` is an integer such as 2, not 'a'"),
        ("model=null", "`model=null`: name one model of began, "),
        ("model=[ns_gan,wgan]", "name one model of began, "),
        ("model=3", "name one model of began, "),
        ("model=", "there is no model ``"),
        ("model=ns_gan,wgan", "one value is wanted here; comma lists are axes of `ganbench sweep`"),
        ("model.lr=interval(0,1)", "give the values one by one"),
        ("model=glob(*)", "give the values one by one"),
        ("model.lr", "`model.lr` is not of the form key=value"),
        ("model.lr=a b=(", "is not of the form key=value"),
        ("metric=ring", "Could not override 'metric'"),
    ],
)
def test_bad_overrides_get_one_line_that_names_the_fix(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        compose(
            ["model=ns_gan", "dataset=ring", override] if not override.startswith("model=") else [override]
        )
    assert "\n" not in str(caught.value)


def test_a_missing_part_of_a_user_model(user: Path) -> None:
    write(user, "model/mine.yaml", USER_MODEL.format(loss="wassersteen"))
    with pytest.raises(ConfigError, match=r"no loss `wassersteen`; did you mean `wasserstein`\?"):
        compose(["model=mine"], user)


@pytest.mark.parametrize("text", ["model: {lr: 1", "model:\n  lr: 1\n  lr: 2\n", "\ttab: 1", "- a list"])
def test_a_broken_user_file_gets_one_line(user: Path, text: str) -> None:
    write(user, "model/broken.yaml", text)
    with pytest.raises(ConfigError) as caught:
        compose(["model=broken"], user)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text(user: Path) -> None:
    (user / "model" / "broken.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError):
        compose(["model=broken"], user)


def test_hydras_state_is_left_as_it_was() -> None:
    compose([])
    assert GlobalHydra.instance().hydra is None
    with pytest.raises(ConfigError):
        compose(["model=nope"])
    assert GlobalHydra.instance().hydra is None
    sentinel = object()
    GlobalHydra.instance().hydra = sentinel  # type: ignore[assignment]
    try:
        compose([])
        assert GlobalHydra.instance().hydra is sentinel
    finally:
        GlobalHydra.instance().clear()


def test_threads_may_compose_at_once() -> None:
    overrides = [[f"seed={i}"] for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        seeds = [composed.config["seed"] for composed in pool.map(compose, overrides)]
    assert seeds == [0, 1, 2, 3]


# Budgets


@pytest.mark.parametrize(
    ("name", "steps", "every"), [("smoke", 40, 20), ("small", 4000, 1000), ("study", 15625, 3906)]
)
def test_budgets(name: str, steps: int, every: int) -> None:
    budget = resolve(compose([f"budget={name}", "dataset=ring"]).config)["budget"]
    assert (budget["name"], budget["steps"], budget["every"]) == (name, steps, every)
    assert budget["batch_size"] == 64
    assert budget["keep"] == "best_last"
    assert type(budget["checkpoint_seconds"]) is float


def test_the_study_budget_is_the_datasets() -> None:
    budget = resolve(compose(["budget=study", "dataset=cifar10"]).config)["budget"]
    assert (budget["steps"], budget["every"]) == (78125, 3906)


# Overrides and files by themselves


@pytest.mark.parametrize(
    ("text", "key", "values", "plain"),
    [
        ("model=a,b", "model", ("a", "b"), True),
        ("x.y=1,5", "x.y", (1, 5), True),
        ("x=choice(1,'two words')", "x", (1, "two words"), True),
        ("x='1'", "x", ("1",), True),
        ("x=[1,2]", "x", ([1, 2],), True),
        ("x=range(1,4)", "x", (1, 2, 3), True),
        ("+x=1", "x", (1,), False),
        ("a@b=1", "a", (1,), False),
    ],
)
def test_parse_override(text: str, key: str, values: tuple[object, ...], plain: bool) -> None:
    change = parse_override(text)
    assert (change.key, change.values, change.plain, change.text) == (key, values, plain, text)


def test_yaml_by_hydras_rules(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "x: 1e-5\ny: ${x}\n")
    assert read_yaml(tmp_path / "a.yaml") == {"x": 1e-5, "y": "${x}"}
    write(tmp_path, "b.yaml", "x: 1\nx: 2\n")
    with pytest.raises(ConfigError, match=r"b.yaml: .*duplicate key"):
        read_yaml(tmp_path / "b.yaml")
    with pytest.raises(ConfigError, match=r"c.yaml"):
        read_yaml(tmp_path / "c.yaml")


def test_nothing_here_loads_torch() -> None:
    code = "import sys, ganbench.config, ganbench.search, ganbench.sweepfile; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
