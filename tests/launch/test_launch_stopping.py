"""Ctrl-C, polite ends and killed drivers: slots save their work, or are adopted."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from stores import LOCAL, environment, planned, python, wait_until

from ganbench.launch import Launched, base, launch
from ganbench.launch.slots import Slots

INLINE = {"kind": "inline"}

DRIVER = """
import sys, stores
from ganbench.launch import launch
store = stores.Store(sys.argv[1], "toy")
settings = {**stores.LOCAL, "kind": sys.argv[2]}
try:
    with store.driver():
        print(launch(store, settings, target="stores.run_slot", on_progress=lambda _: print("driving", flush=True)))
except KeyboardInterrupt as stopped:
    print(stopped)
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def _children_import_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setattr(base, "POLL_S", 0.1)


def drive(tmp_path: Path, kind: str = "local", step: float = 0.05) -> subprocess.Popen[str]:
    return python(DRIVER, tmp_path, kind, GANBENCH_TEST_STEP=str(step))


def test_an_error_of_the_drivers_stops_the_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_TEST_STEP", "5")
    store = planned(tmp_path, packs=2)

    def progress(counts: dict[str, int]) -> None:
        if counts["running"] == 2:
            raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError, match="the terminal is gone"):
        launch(store, LOCAL, target="stores.run_slot", on_progress=progress)
    assert Slots(store.slots).live() == []
    assert store.counts()["lost"] == 2


def test_ctrl_c_reaches_only_the_driver_and_slots_save_first(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=4)
    driver = drive(tmp_path, step=0.2)
    wait_until(lambda: store.counts()["running"] == 2 and len(Slots(store.slots).live()) == 2)
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to everybody
    said, errors = driver.communicate(timeout=60)
    assert driver.returncode == 130, errors
    assert said.endswith("the same command continues where this one ended\n")
    assert Slots(store.slots).live() == []
    outcomes = [a.outcome() for pack in store.plan().packs for a in store.attempts(pack)]
    assert [o and o["outcome"] for o in outcomes].count("stopped") == 2
    counts = store.counts()
    assert (counts["running"], counts["lost"]) == (0, 2)
    assert sum(bool(store.checkpoints(pack)) for pack in store.plan().packs) == 2
    launch(store, INLINE, target="stores.run_slot")
    assert store.counts()["done"] == 4


def test_ctrl_c_inline_finishes_the_step_and_saves(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=2)
    driver = drive(tmp_path, "inline", step=0.2)
    wait_until(lambda: store.counts()["running"] == 1)
    os.killpg(driver.pid, signal.SIGINT)
    said, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert "the same command continues" in said
    assert len(store.checkpoints("p0")) == 1
    assert store.counts()["lost"] == 1


@pytest.mark.parametrize("kind", ["local", "inline"])
def test_a_polite_end_of_the_driver_is_one_of_the_slots(tmp_path: Path, kind: str) -> None:
    store = planned(tmp_path, packs=2)
    driver = drive(tmp_path, kind, step=0.2)
    wait_until(lambda: store.counts()["running"])
    os.kill(driver.pid, signal.SIGTERM)
    driver.communicate(timeout=60)
    assert driver.returncode == 128 + signal.SIGTERM
    assert Slots(store.slots).live() == []
    assert store.counts()["running"] == 0


def test_a_killed_drivers_slots_are_adopted(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=4)
    first = drive(tmp_path, step=0.1)
    wait_until(lambda: store.counts()["running"] == 2)
    os.kill(first.pid, signal.SIGKILL)
    first.stdout.close()  # type: ignore[union-attr]
    first.stderr.close()  # type: ignore[union-attr]
    first.wait()
    assert len(Slots(store.slots).live()) == 2
    with store.driver():
        done = launch(store, LOCAL, target="stores.run_slot")
    assert done == Launched(started=0, adopted=2)
    assert store.counts()["done"] == 4
    assert all(len(store.attempts(pack)) == 1 for pack in store.plan().packs)


def test_adopted_slots_stop_with_their_new_driver(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=4)
    first = drive(tmp_path, step=0.2)
    wait_until(lambda: store.counts()["running"] == 2 and len(Slots(store.slots).live()) == 2)
    os.kill(first.pid, signal.SIGKILL)
    first.stdout.close()  # type: ignore[union-attr]
    first.stderr.close()  # type: ignore[union-attr]
    first.wait()
    second = drive(tmp_path)
    assert second.stdout is not None
    second.stdout.readline()
    os.kill(second.pid, signal.SIGINT)
    second.communicate(timeout=60)
    assert second.returncode == 130
    assert Slots(store.slots).live() == []
    assert store.counts()["lost"] == 2
