"""Folders that cannot be written, are full, cut or damaged: one line, exit code 2, and nothing finished is lost."""

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


def test_a_sweep_continues_when_its_data_are_there(here: Path) -> None:
    few = (*IMAGES, *FEW, *SHORT, "search.trials=1", "rerun=null", f"dataset.root={here / 'data'}")
    words = ("quickstart", "model=ns_gan", *few, "--launcher", "inline")
    with _process_ends():
        assert "data does not exist" in refused(ganbench("sweep", *words))
    assert not list(here.rglob("sweep.yaml"))
    assert not list(here.rglob("trials.jsonl"))
    assert not list(here.rglob("attempt-*"))
    write_idx(here / "data")
    ran = ganbench("sweep", *words)
    assert ran.code == 0, ran.err
    assert ganbench("status", "quickstart", "--json").json()["done"] == 1


@contextmanager
def _process_ends() -> Iterator[None]:
    """Let what is claimed in this block be claimed by a process that has ended after it."""
    import ganbench.store.attempts
    import ganbench.store.driver
    import ganbench.store.folder

    real = ganbench.store.folder.identity
    with pytest.MonkeyPatch.context() as patch:
        for module in (ganbench.store.folder, ganbench.store.driver):
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
    for verb, name, words in (
        ("status", "sweep.yaml", "sweep.yaml"),
        ("status", "trials.jsonl", "is damaged at line 1"),
        ("compact", "scores.parquet", "restore it, or delete it if packs/ is complete"),
    ):
        text = (folder / name).read_bytes()
        (folder / name).write_bytes(b"{[" + text[40:])
        assert words in refused(ganbench(verb, "quickstart", "--results", tmp_path)), name
        (folder / name).write_bytes(text)
    assert ganbench("status", "quickstart", "--results", tmp_path).code == 0
