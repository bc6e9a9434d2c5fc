"""What a user can get wrong: one line that names the fix, exit code 2, and nothing written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import contents, ganbench, plain_reports, refused, write_idx

IMAGES = ("dataset=fashion_mnist", "network.channels=4", "network.latent_dim=4", "protocol=gray28_cheap")
FEW = ("protocol.n_real=40", "protocol.n_fake=40", "protocol.standing_passes=2", "protocol.standing_batch=8")
SIX = ("budget.steps=6",)
SHORT = ("budget=smoke", "budget.steps=2", "budget.every=1", "budget.batch_size=8")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with plain_reports():
        yield folder


TRAIN = {
    "model=ns_gam": "no model `ns_gam`; did you mean `ns_gan`?",
    "dataset=rings": "no dataset `rings`; did you mean `ring`?",
    "model.learning_rate=1.0": "no setting `model.learning_rate`",
    "model.d_step=2": "did you mean `model.d_steps`?",
    "frobnicate": "is not of the form key=value",
    "model.lr=abc": "`model.lr` is a number such as",
    "model.lr=nan": "`model.lr` must be a finite number",
    "model.d_steps=2.5": "`model.d_steps` is an integer such as 1, not 2.5",
    "model.d_batch_norm=3": "`model.d_batch_norm` is true or false",
    "model=ns_gan,vae": "comma lists are axes of `ganbench sweep`",
    "seed=-1": "`seed` must be at least 0, not -1",
    "seed=nan": "`seed` is an integer",
    "precision=bfloat16": "`precision` must be float32",
    "budget.steps=0": "`budget.steps` must be at least 1, not 0",
    "budget.every=0": "`budget.every` must be at least 1, not 0",
    "budget.batch_size=-1": "`budget.batch_size` must be at least 1, not -1",
    "budget.keep=some": "`budget.keep` must be best_last or all or none, not 'some'",
    "protocol.split=tset": "`protocol.split` must be test or train, not 'tset'",
    "protocol.n_fake=1": "`protocol.n_fake` must be at least 2, not 1",
    "protocol.n_real=2000000": "holds 10000",
    "protocol.select=energy_grid": "protocol ring gives no metric `energy_grid` at every checkpoint, only f1_ring",
    "protocol=color": "protocol.extractors.inception.weights=PATH",
}


@pytest.mark.parametrize("override", TRAIN)
def test_train_refuses(override: str, here: Path) -> None:
    message = refused(ganbench("train", "budget=smoke", override))
    assert TRAIN[override] in message
    assert contents(here) == {}


SWEEP = {
    ("model=ns_gan,ns_gam",): "no model `ns_gam`",
    ("dataset=ring,rings",): "no dataset `rings`",
    ("search.trial=3",): "there is no field `search.trial`; did you mean `search.trials`?",
    ("search.trials=abc",): "`search.trials` must be an integer, not 'abc'",
    ("search.trials=0",): "`search.trials` must be at least 1, not 0",
    ("search.seed=-1",): "`search.seed` must be at least 0, not -1",
    ("search.space=wider",): "no space `wider`",
    ("search.sampler=random_walk",): "no sampler `random_walk`",
    ("rerun.seeds=0",): "`rerun.seeds` must be at least 1",
    ("rerun.first_seed=-1",): "`rerun.first_seed` must be at least 0",
    (
        "rerun.select.metric=energy",
    ): "`rerun.select.metric`: protocol ring gives no metric `energy`, only f1_ring",
    ("rerun.select.at=end",): "`rerun.select.at` must be best or last",
    ("network.hidden=nan",): "`network.hidden` is an integer",
    ("budget.steps=0",): "`budget.steps` must be at least 1",
    ("budget=tiny",): "no budget `tiny`",
    ("protocol=rang",): "no protocol `rang`",
    ("seed=3",): "use search.seed and rerun.first_seed",
    ("pack=0",): "`pack` must be at least 1",
    ("--launcher", "nope"): "launcher 'nope' is not known: choose inline or local",
    ("--retry", "nonsense"): "give `failed`, or `failed:` and how a signature begins",
    ("--plugin", "no_such_module"): "put its folder on PYTHONPATH",
    ("--config-dir", "nowhere"): "there is no such folder",
}


@pytest.mark.parametrize("arguments", SWEEP, ids=" ".join)
def test_sweep_refuses(arguments: tuple[str, ...], here: Path) -> None:
    message = refused(
        ganbench("sweep", "quickstart", "model=ns_gan", *arguments, "--results", here / "results")
    )
    assert SWEEP[arguments] in message
    assert contents(here) == {}


NAMES = {
    ("sweep", "quickstat"): "there is no sweep `quickstat`; did you mean `quickstart`?",
    ("sweep", "../quickstart"): "'../quickstart' cannot name a folder of results",
    ("plan", "/etc/passwd"): "'/etc/passwd' cannot name a folder of results",
    (
        "status",
        "nothing",
    ): "no sweep 'nothing' under results (there: none): name its folder with --results, or start it",
    ("status", "../here"): "'../here' cannot name a folder of results",
    ("failures", ".."): "'..' cannot name a folder of results",
    ("report", "nothing"): "no sweep 'nothing'",
    ("compact", "nothing"): "no sweep 'nothing'",
    ("gc", "nothing"): "no sweep 'nothing'",
    ("gc", "nothing", "--keep", "last"): "--keep 'last' is not known: choose best or none",
    ("score", "nothing", "--protocol", "ring"): "no sweep 'nothing'",
    ("export", "nothing"): "name a sweep's folder or its scores.parquet",
    ("export", "nothing", "xml"): "choose csv or optuna",
    ("export", "../nothing"): "'../nothing' cannot name a folder of results",
    (
        "list",
        "nothing",
    ): "nothing to list under 'nothing': choose sweeps, papers, references, budgets, datasets",
}


@pytest.mark.parametrize("arguments", NAMES, ids=" ".join)
def test_names_that_are_not_there(arguments: tuple[str, ...], here: Path) -> None:
    assert NAMES[arguments] in refused(ganbench(*arguments))
    assert contents(here) == {}


FILES = {
    "budgett: smoke": "there is no field `budgett`; did you mean `budget`?",
    "budget: [smoke]": "`budget` must be a text, not ['smoke']",
    "search: {trials: many}": "`search.trials` must be an integer, not 'many'",
    "axes: {model: [ns_gan, ns_gan]}": "`axes.model` must be a list of different values",
    "axes: {model: [ns_gan": "mine.yaml: ",
    "- ns_gan": "the file must hold a mapping",
    "\tbudget: smoke": "mine.yaml: ",
}


@pytest.mark.parametrize("line", FILES)
def test_a_sweep_file_with_a_typo(line: str, here: Path) -> None:
    (here / "sweeps").mkdir()
    (here / "sweeps" / "mine.yaml").write_text(line + "\n")
    before = contents(here)
    assert FILES[line] in refused(ganbench("sweep", "mine"))
    assert contents(here) == before


FLOAT = "{_target_: optuna.distributions.FloatDistribution, low: %s, high: %s, log: true}"
SPACES = {
    "model.lr: " + FLOAT % (1.0e-2, 1.0e-4): "space `mine`, `model.lr`: ",
    "model.lr: " + FLOAT % (-1.0, 1.0e-4): "space `mine`, `model.lr`: ",
    "model.nope: " + FLOAT % (1.0e-4, 1.0e-2): "space `mine`, `model.nope`: no such setting",
    "model.d_steps: " + FLOAT % (1.0, 5.0): "`model.d_steps` is an integer",
    "model.lr: {_target_: os.system, command: ls}": "`_target_: os.system` is not a registered component",
    "model.lr: 3": "space `mine`, `model.lr`: write {_target_: optuna.distributions",
}


@pytest.mark.parametrize("entry", SPACES)
def test_a_space_that_cannot_be_searched(entry: str, here: Path) -> None:
    (here / "conf" / "space").mkdir(parents=True)
    text = f"name: mine\nmodel_space: mine\nparams:\n  {entry}\ndefault: {{}}\n"
    (here / "conf" / "space" / "mine.yaml").write_text(text)
    before = contents(here)
    words = ("model=ns_gan", "search.space=mine", "--config-dir", "conf")
    assert SPACES[entry] in refused(ganbench("sweep", "quickstart", *words))
    assert contents(here) == before


def _truncate(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "absent": (lambda folder: None, "does not exist"),
    "empty": (lambda folder: folder.mkdir(), "is empty"),
    "incomplete": (
        lambda folder: write_idx(folder) or (folder / "t10k-labels-idx1-ubyte").unlink(),
        "t10k-labels",
    ),
    "truncated": (lambda folder: write_idx(folder) or _truncate(folder), "train-images-idx3-ubyte"),
    "of another shape": (lambda folder: write_idx(folder, side=27), "27"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_data_folder_that_is(damage: str, here: Path) -> None:
    make, words = DAMAGE[damage]
    make(here / "data")
    before = contents(here)
    message = refused(ganbench("train", *IMAGES, *SHORT, "dataset.root=data"))
    assert words in message
    assert "data" in message
    assert contents(here) == before


def test_a_network_that_does_not_fit_the_data_is_named(here: Path) -> None:
    write_idx(here / "data")
    words = (*IMAGES[:1], *IMAGES[3:], *FEW, *SHORT, "dataset.root=data", "network=mlp")
    assert "network=mlp is for vectors" in refused(ganbench("train", *words))
