"""Work in a copy of the process: what comes back, what goes wrong, and where there is no copy."""

from __future__ import annotations

import os
import signal
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from synthetic import Run, results

from ganbench.errors import StoreError
from ganbench.report import beside as module
from ganbench.report.beside import beside
from ganbench.report.build import build
from ganbench.report.style import to_bytes

LARGE = 1_000_000  # bytes: no pipe takes so many before they are read


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0, 1})


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0})


def test_work_is_done_elsewhere_with_what_is_known_here():
    known = bytes(LARGE)
    with beside(lambda: (os.getpid(), known)) as answer:
        pid, found = answer()
    assert pid != os.getpid()
    assert found == known


@pytest.mark.usefixtures("one_core")
def test_with_one_core_work_is_done_here_when_it_is_asked_for():
    done: list[int] = []
    with beside(lambda: done.append(os.getpid())) as answer:
        assert done == []
        answer()
    assert done == [os.getpid()]


def test_where_no_process_can_be_made_work_is_done_here(monkeypatch: pytest.MonkeyPatch):
    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with beside(os.getpid) as answer:
        assert answer() == os.getpid()


def test_a_copy_that_is_killed_is_replaced():
    here = os.getpid()

    def work() -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    with beside(work) as answer:
        assert answer() == here


def test_an_error_is_raised_as_if_there_were_no_copy(capfd: pytest.CaptureFixture[str]):
    def work() -> None:
        raise StoreError("the disk is full: free some space")

    with beside(work) as answer, pytest.raises(StoreError, match="free some space"):
        answer()
    assert capfd.readouterr() == ("", "")


def test_warnings_are_repeated():
    def work() -> int:
        warnings.warn("odd numbers", RuntimeWarning, stacklevel=1)
        return os.getpid()

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with beside(work) as answer:
            assert answer() != os.getpid()
    assert [(str(w.message), w.category) for w in seen] == [("odd numbers", RuntimeWarning)]


def test_nobody_has_to_wait_for_an_answer():
    with pytest.raises(KeyError), beside(lambda: bytes(LARGE)):
        raise KeyError


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_report_is_drawn_elsewhere_and_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drawn_here: list[Figure] = []

    def spied(figure: Figure) -> dict[str, bytes]:
        drawn_here.append(figure)
        return to_bytes(figure)

    monkeypatch.setattr("ganbench.report.build.to_bytes", spied)
    made = results({"a": [Run(0, [1.0])]})
    with_copy = contents(build(made, tmp_path / "two", allow_partial=False))
    assert drawn_here == []
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0})
    assert contents(build(made, tmp_path / "one", allow_partial=False)) == with_copy
    assert len(drawn_here) == len([name for name in with_copy if name.endswith(".pdf")]) > 0
