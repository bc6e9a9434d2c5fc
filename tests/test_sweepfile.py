"""Sweep files: the schema, overrides from the command line, and the variants they unfold into."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench.errors import ConfigError
from ganbench.search import draw
from ganbench.shipped import builtin
from ganbench.sweepfile import (
    Rerun,
    Search,
    Select,
    SweepSpec,
    load_sweep,
    parse_sweep,
    sweep_names,
    variants,
)

FILE = """
axes: {model: [ns_gan, wgan], dataset: [ring]}
budget: small
protocol: null
search: {space: wide_short, sampler: hashed, trials: 24, seed: trial_index, default_first: true}
rerun: {top: 1, seeds: 10, first_seed: 1, select: {metric: fd_pixels, at: last}}
pack: 16
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


# Files


def test_a_file_becomes_a_spec(here: Path) -> None:
    assert load() == SweepSpec(
        name="mine",
        axes={"model": ["ns_gan", "wgan"], "dataset": ["ring"]},
        budget="small",
        protocol=None,
        search=Search(space="wide_short", sampler="hashed", trials=24),
        rerun=Rerun(top=1, seeds=10, first_seed=1, select=Select(metric="fd_pixels", at="last")),
        pack=16,
    )


def test_a_spec_survives_its_json(here: Path) -> None:
    spec = load("network.channels=8", "model.beta1=0.1,0.5", "rerun=null")
    assert parse_sweep("mine", spec.to_json()) == spec


def test_the_order_of_lookup(here: Path) -> None:
    user = here / "conf"
    (user / "sweeps").mkdir(parents=True)
    (user / "sweeps" / "quickstart.yaml").write_text("axes: {model: [vae]}\npack: 3\n")
    assert load_sweep("quickstart", [], user).pack == 3
    assert load_sweep("quickstart", []).pack != 3
    (here / "sweeps" / "quickstart.yaml").write_text("axes: {model: [vae]}\npack: 5\n")
    assert load_sweep("quickstart", [], user).pack == 5
    assert {"mine", "quickstart", "ring"} <= set(sweep_names(user))


@pytest.mark.parametrize("name", ["mien", "sweeps/mine", "mine.yaml", "../mine", "", "."])
def test_an_unknown_sweep(here: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no sweep `.*Available: .*mine.*quickstart"):
        load_sweep(name, [])


def test_the_closest_sweep_is_named(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no sweep `mien`; did you mean `mine`\?"):
        load_sweep("mien", [])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("budget:", "budgte:", r"no field `budgte`; did you mean `budget`\?"),
        ("trials: 24", "trails: 24", r"no field `search.trails`; did you mean `search.trials`\?"),
        ("at: last", "at_: last", r"no field `rerun.select.at_`"),
        ("trials: 24", "trials: many", "`search.trials` must be an integer, not 'many'"),
        ("trials: 24", "trials: 2.5", "`search.trials` must be an integer, not 2.5"),
        ("trials: 24", "trials: true", "`search.trials` must be an integer, not True"),
        ("trials: 24", "trials: 0", "`search.trials` must be at least 1, not 0"),
        (
            "seed: trial_index",
            "seed: trail_index",
            r"`search.seed` must be trial_index.*did you mean `trial_index`",
        ),
        ("seed: trial_index", "seed: [1]", r"`search.seed` must be an integer or a text, not \[1\]"),
        ("seed: trial_index", "seed: -1", "`search.seed` must be at least 0"),
        ("default_first: true", "default_first: 1", "`search.default_first` must be true or false, not 1"),
        ("at: last", "at: end", "`rerun.select.at` must be best or last, not 'end'"),
        ("seeds: 10", "seeds: 0", "`rerun.seeds` must be at least 1"),
        ("top: 1", "top: 0", "`rerun.top` must be at least 1"),
        ("first_seed: 1", "first_seed: -1", "`rerun.first_seed` must be at least 0"),
        ("pack: 16", "pack: 0", "`pack` must be at least 1"),
        ("pack: 16", "threads: 0", "`threads` must be at least 1"),
        (
            "pack: 16",
            "mode: vmpa",
            r"`mode` must be auto or vmap or unbatched or compiled, not 'vmpa'; did you mean `vmap`",
        ),
        ("pack: 16", "precision: float23", r"`precision` must be .*did you mean `float32`"),
        ("pack: 16", "overrides: a=1", "`overrides` must be a list, not 'a=1'"),
        ("pack: 16", "name: other", "the file's name is the sweep's"),
        ("protocol: null", "protocol: 3", "`protocol` must be a text or null, not 3"),
        ("budget: small", "budget: null", "`budget` must be a text, not None"),
        ("[ring]", "ring", "`axes.dataset` must be a list, not 'ring'"),
        ("[ring]", "[]", "`axes.dataset` must be a list of different values, at least one"),
        ("[ring]", "[ring, ring]", "`axes.dataset` must be a list of different values"),
        ("[ring]", "[[ring]]", r"`axes.dataset\[0\]` must be a text or an integer or"),
        ("dataset: [ring]", "3: [ring]", "`axes` must be a text, not 3"),
        (FILE, "- a\n- b\n", "the file must hold a mapping"),
        ("axes: {", "axes: {{", "mine.yaml: "),
        ("pack: 16", "pack: 16\npack: 8", "duplicate key pack"),
    ],
)
def test_a_bad_file_gets_one_line(here: Path, old: str, new: str, message: str) -> None:
    assert old in FILE
    (here / "sweeps" / "mine.yaml").write_text(FILE.replace(old, new))
    with pytest.raises(ConfigError, match=message) as caught:
        load()
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", sorted(builtin("sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_projects_own_sweeps(path: Path) -> None:
    spec = load_sweep(path.stem, [])
    first = variants(load_sweep(path.stem, [f"{axis}={choices[0]}" for axis, choices in spec.axes.items()]))
    assert len(first) == 1
    assert draw(first[0].config, variant_key="", trials=1, seed=0, default_first=True)[0].is_default


# Overrides


def test_the_contracts_command_line(here: Path) -> None:
    spec = load(
        "model=ns_gan,wgan_gp", "dataset=ring", "budget=smoke", "search.trials=6", "rerun.seeds=3", "pack=4"
    )
    assert spec.axes == {"model": ["ns_gan", "wgan_gp"], "dataset": ["ring"]}
    assert (spec.budget, spec.search.trials, spec.pack) == ("smoke", 6, 4)
    assert spec.rerun == Rerun(top=1, seeds=3, first_seed=1, select=Select(metric="fd_pixels", at="last"))
    assert spec.overrides == []


def test_lists_make_axes_and_single_values_change_every_config(here: Path) -> None:
    spec = load("network.channels=8", "model.beta1=0.0,0.5", "penalty=none", "network=mlp,study")
    assert spec.axes["model.beta1"] == [0.0, 0.5]
    assert spec.axes["network"] == ["mlp", "study"]
    assert spec.overrides == ["network.channels=8", "penalty=none"]
    assert load("model.beta1=0.0,0.5", "model.beta1=0.3").axes["model.beta1"] == [0.3]


def test_a_later_override_replaces_an_earlier_one(here: Path) -> None:
    assert load("seed_x=1", "network.hidden=8", "network.hidden=16").overrides == [
        "seed_x=1",
        "network.hidden=16",
    ]


def test_a_dataset_is_an_axis_even_if_the_file_has_none(here: Path) -> None:
    (here / "sweeps" / "mine.yaml").write_text("axes: {model: [ns_gan]}\n")
    assert load("dataset=ring").axes == {"model": ["ns_gan"], "dataset": ["ring"]}


def test_space_and_sampler_are_fields_of_the_search(here: Path) -> None:
    spec = load("space=fixed", "sampler=qmc", "search.sampler_seed=3", "search.seed=0", "protocol=ring")
    assert (spec.search.space, spec.search.sampler, spec.search.sampler_seed) == ("fixed", "qmc", 3)
    assert (spec.search.seed, spec.protocol) == (0, "ring")


def test_a_stage_can_be_dropped_added_and_changed_in_part(here: Path) -> None:
    assert load("rerun=null").rerun is None
    assert load("rerun=null", "rerun.seeds=2").rerun == Rerun(seeds=2)
    assert load("rerun.select.at=best").rerun == Rerun(seeds=10, select=Select(metric="fd_pixels", at="best"))
    assert load("search={trials: 3}").search == Search(space="wide_short", trials=3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.trails=6", r"sweep `mine`: there is no field `search.trails`; did you mean `search.trials`"),
        ("search.trials=six", "`search.trials` must be an integer, not 'six'"),
        ("search.trials=2,4", "one value is wanted here"),
        ("budget=smoke,small", "one value is wanted here"),
        ("rerun.select.at=end", "must be best or last"),
        ("seed=3", r"`seed=3`: `seed` cannot be set here; use search.seed and rerun.first_seed"),
        ("name=other", "`name` cannot be set here"),
        ("axes={model: [vae]}", "`axes` cannot be set here; use model=…"),
        ("pack=four", "`pack` must be an integer or null, not 'four'"),
        ("pack", "`pack` is not of the form key=value"),
        ("model=[a,b]", r"`axes.model\[0\]` must be a text or"),
    ],
)
def test_a_bad_override_gets_one_line(here: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(override)
    assert "\n" not in str(caught.value)
