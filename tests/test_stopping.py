"""`ganbench stop` and local slots: asked, ended, killed; nobody else's."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from commands import ganbench
from stores import claimed, environment, planned, python, wait_until

from ganbench import scheduler, stopping
from ganbench.launch import slots as of_launch
from ganbench.launch.jobs import folder_of
from ganbench.launch.slots import Slots
from ganbench.scheduler import Job
from ganbench.store import Store
from ganbench.store.driver import driven_by
from ganbench.store.liveness import process

DRIVER = """
import sys, stores
from ganbench.launch import launch
store = stores.Store(sys.argv[1], "toy")
with store.driver():
    launch(store, {**stores.LOCAL, "workers": 1, "restarts": 0}, target=sys.argv[2])
"""


@pytest.fixture(autouse=True)
def _no_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "nowhere"))
    scheduler._site.cache_clear()


def stop(results: Path, *more: str) -> Any:
    return ganbench("stop", "toy", *more, "--results", results, "--json").json()


def test_a_slot_that_does_not_end_is_killed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GRACE_S", 0.5)
    store = planned(tmp_path, packs=1)
    driver = python(DRIVER, tmp_path, "stores.deaf")
    wait_until(lambda: store.counts()["running"] == 1 and Slots(store.slots).live())
    assert driven_by(store.slots) == f"process {driver.pid} on {os.uname().nodename}"
    said = stop(tmp_path)
    assert (said["running"], said["slots"], said["killed"]) == (True, [0], [])
    assert Slots(store.slots).live() == [0], "it was asked, no more"
    assert stop(tmp_path, "--now")["killed"] == [0]
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 0, errors
    assert driven_by(store.slots) == ""
    assert Slots(store.slots).live() == []
    assert Store(tmp_path, "toy").counts()["lost"] == 1
    assert stop(tmp_path)["running"] is False


def test_what_runs_elsewhere_is_asked_by_the_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = of_launch.identity()
    with monkeypatch.context() as patch:
        patch.setattr("ganbench.store.folder.identity", lambda: {**here, "host": "another"})
        claimed(planned(tmp_path, packs=1), "p0")
    ran = ganbench("stop", "toy", "--results", tmp_path)
    assert ran.err == (
        "toy: every slot asked to save at the next step and end; the same `ganbench sweep toy …` continues\n"
    )
    assert Store(tmp_path, "toy").halts.requested() is not None


def test_another_process_of_the_same_number_is_left_alone(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    slots = Slots(store.slots)
    slots.reserve(0, os.getpid())
    record = {**process(os.getpid()), "pid_start": 1}
    of_launch.files.replace_json(slots._path(0), record)
    assert slots.terminate(signal.SIGKILL) == []
    assert stop(tmp_path, "--now")["running"] is False


def test_continuations_are_cancelled_before_the_slots_they_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path, packs=1)
    folder_of(store).mkdir(parents=True)
    jobs = stopping.Queued(
        [Job("7", "7_0", "RUNNING", 0, ""), Job("7", "7_1", "PENDING", 0, "")],
        [Job("N/A", "8", "PENDING", 0, "")],
    )
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(stopping, "queued", lambda store: jobs)
    monkeypatch.setattr(stopping.scheduler, "ask", lambda *words: asked.append(words) or "")
    said = stop(tmp_path, "--now")
    assert asked == [("scancel", "8", "7")]
    assert said["cancelled"] == ["8", "7"]
    monkeypatch.setattr(stopping.scheduler, "ask", lambda *words: None)
    ran = ganbench("stop", "toy", "--now", "--results", tmp_path)
    assert (ran.code, "scancel 8 7 fails" in ran.err) == (2, True)
