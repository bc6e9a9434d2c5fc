"""What a user can get wrong: one line that names the fix, exit code 2, nothing written and nothing lost."""

from __future__ import annotations

import builtins
import errno
import io
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands import contents, ganbench, plain_reports, refused, sweep, train, values, write_idx

from ganbench.store import Store
from ganbench.training import PackTraining

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
    ("--retry", "nonsense"): "the one choice is `--retry failed`",
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
    ("sweep", "../quickstart"): "there is no sweep `../quickstart`",
    ("plan", "/etc/passwd"): "there is no sweep `/etc/passwd`",
    (
        "status",
        "nothing",
    ): "no sweep 'nothing' under results (there: none); start it with `ganbench sweep nothing`",
    ("status", "../here"): "'../here' cannot name a folder of results",
    ("failures", ".."): "'..' cannot name a folder of results",
    ("report", "nothing"): "no sweep 'nothing'",
    ("compact", "nothing"): "no sweep 'nothing'",
    ("gc", "nothing"): "no sweep 'nothing'",
    ("gc", "nothing", "--keep", "last"): "--keep 'last' is not known: choose best or none",
    ("score", "nothing", "--protocol", "ring"): "no sweep 'nothing'",
    ("export", "nothing"): "name a sweep's folder or its scores.parquet",
    ("export", "nothing", "xml"): "the one form is csv",
    ("export", "../nothing"): "'../nothing' cannot name a folder of results",
    ("list", "nothing"): "nothing to list under 'nothing': choose sweeps, budgets, datasets",
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


def test_a_sweep_continues_when_its_data_are_there(here: Path) -> None:
    words = (
        "quickstart",
        "model=ns_gan",
        *IMAGES,
        *FEW,
        *SHORT,
        "search.trials=1",
        "rerun=null",
        "dataset.root=data",
    )
    words = (*words, "--launcher", "inline")
    with _process_ends():
        assert "data does not exist" in refused(ganbench("sweep", *words))
    write_idx(here / "data")
    ran = ganbench("sweep", *words)
    assert ran.code == 0, ran.err
    assert ganbench("status", "quickstart", "--json").json()["done"] == 1


@contextmanager
def _process_ends() -> Iterator[None]:
    """Let what is claimed in this block be claimed by a process that has ended after it."""
    import ganbench.attempts
    import ganbench.driver
    import ganbench.store

    real = ganbench.store.identity
    with pytest.MonkeyPatch.context() as patch:
        for module in (ganbench.store, ganbench.driver):
            patch.setattr(module, "identity", lambda: {**real(), "pid_start": 1})
        yield


def test_weights_that_are_not_there_end_a_sweep(here: Path) -> None:
    message = refused(sweep(here, "protocol=color", launcher="inline"))
    assert "protocol.extractors.inception.weights=PATH" in message


@contextmanager
def _refusing(folder: Path, number: int) -> Iterator[None]:
    """Let the system refuse every write below a folder."""

    def guard(real: Callable[..., Any], writes: Callable[[Any], object]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            mode = arguments[0] if arguments else options.get("mode", "r")
            if not isinstance(path, int) and str(path).startswith(str(folder)) and writes(mode):
                raise OSError(number, os.strerror(number), str(path))
            return real(path, *arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "rename", "unlink", "rmdir"):
            patch.setattr(os, name, guard(getattr(os, name), lambda _: True))
        patch.setattr(os, "open", guard(os.open, lambda mode: mode != os.O_RDONLY))
        for module in (io, builtins):
            patch.setattr(module, "open", guard(module.open, lambda mode: set("wax+") & set(mode)))
        yield


def test_a_read_only_results_folder(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    for act in (lambda: sweep(results), lambda: train(results)):
        with _refusing(results, errno.EROFS):
            message = refused(act())
        assert message.startswith(f"cannot write to {results}/")
        assert (
            "the file system is read-only: make it writable, or choose another folder with --results"
            in message
        )
        assert contents(results) == {}


def test_a_finished_sweep_can_be_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    assert sweep(tmp_path).code == 0
    with _refusing(tmp_path, errno.EROFS):
        assert sweep(tmp_path).code == 0
        assert ganbench("status", "quickstart", "--results", tmp_path).code == 0
        assert "read-only" in refused(ganbench("compact", "quickstart", "--results", tmp_path))


def test_results_that_are_a_file(here: Path) -> None:
    (here / "results").write_text("")
    assert "a file stands where a folder is needed" in refused(train(here / "results"))
    assert "a file stands where a folder is needed" in refused(sweep(here / "results"))


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """The kernel refuses to grow files beyond a size, after writing what fits: as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The scores of a sweep that nothing disturbs."""
    results = tmp_path_factory.mktemp("whole")
    with plain_reports():
        assert sweep(results, *SIX).code == 0
    return values(results / "quickstart")


@pytest.mark.parametrize("size", [1_000, 6_000])  # too little for the plan, too little for a checkpoint
def test_a_full_results_folder_loses_nothing(tmp_path: Path, size: int, whole: pd.DataFrame) -> None:
    with _process_ends(), _file_size_limit(size):
        ran = sweep(tmp_path, *SIX)
    message = refused(ran)
    assert message.startswith(f"cannot write to {tmp_path}/quickstart")
    assert "nothing finished is lost, the same command continues" in message
    assert sweep(tmp_path, *SIX).code == 0
    assert values(tmp_path / "quickstart").equals(whole)


def _interrupted_at(step: int, results: Path) -> Path:
    """Be killed there, and return the checkpoint that is left."""
    real = PackTraining.advance

    def advance(self: PackTraining) -> Any:
        if self.progress.step == step:
            raise KeyboardInterrupt
        return real(self)

    with pytest.MonkeyPatch.context() as patch, _process_ends():
        patch.setattr(PackTraining, "advance", advance)
        assert sweep(results, *SIX).code == 130
    store = Store(results, "quickstart")
    (pack,) = store.plan().packs
    return store.checkpoints(pack)[0]


@pytest.mark.parametrize("left", [0, 2])
def test_a_checkpoint_cut_in_half_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, whole: pd.DataFrame
) -> None:
    for step in range(left, 5, 2):
        if step:
            newest = _interrupted_at(step, tmp_path)
            assert newest.name == f"checkpoint-{step}.pt"
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    if not left:
        for older in newest.parents[1].glob("*/checkpoint-2.pt"):
            older.write_bytes(b"")
    steps: list[int] = []
    real = PackTraining.advance

    def counted(self: PackTraining) -> Any:
        steps.append(self.progress.step)
        return real(self)

    monkeypatch.setattr(PackTraining, "advance", counted)
    assert sweep(tmp_path, *SIX).code == 0
    assert steps == list(range(left, 6))
    assert values(tmp_path / "quickstart").equals(whole)


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    assert sweep(tmp_path).code == 0
    folder = tmp_path / "quickstart"
    shutil.copytree(folder, tmp_path / "whole")
    for name, words in (
        ("sweep.yaml", "sweep.yaml"),
        ("trials.jsonl", "is damaged at line 1"),
        ("scores.parquet", "restore it, or delete it if packs/ is complete"),
    ):
        text = (folder / name).read_bytes()
        (folder / name).write_bytes(b"{[" + text[40:])
        assert words in refused(ganbench("status", "quickstart", "--results", tmp_path)), name
        (folder / name).write_bytes(text)
    assert ganbench("status", "quickstart", "--results", tmp_path).code == 0


def test_a_network_that_does_not_fit_the_data_is_named(here: Path) -> None:
    write_idx(here / "data")
    words = (*IMAGES[:1], *IMAGES[3:], *FEW, *SHORT, "dataset.root=data", "network=mlp")
    assert "network=mlp is for vectors" in refused(ganbench("train", *words))
