"""Real training, killed at random moments or frozen and woken: the rows are those of an undisturbed sweep."""

from __future__ import annotations

import signal
from pathlib import Path

import pandas as pd
import pytest
from commands import VOLATILE
from slotwork import planned, run
from stores import python, wait_until

from ganbench.launch import launch
from ganbench.store import Store
from ganbench.worker import run_slot

MANY = ("budget.steps=12", "budget.every=4", "budget.checkpoint_seconds=0.0", "search.trials=2", "pack=2")

KILL = """
import os, pathlib, random, signal, sys, time
from killing import fork
from ganbench.store import Store
from ganbench.worker import run_slot
from ganbench.worker.bench import bench_of, trial_config
store, chance, kills, span = Store(sys.argv[1], "quickstart"), random.Random(int(sys.argv[2])), 0, 1.0
bench_of(trial_config(store.definition(), store.plan().trials[0].variant, {}))  # loaded once, not in every life
while any(state != "done" for state in store.work().values()):
    pid = fork(lambda: run_slot(sys.argv[1], "quickstart", 0, lambda: False))
    time.sleep(chance.uniform(0, span))
    os.kill(pid, signal.SIGKILL)
    kills += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    span *= 1.05
print(kills)
"""

ELSEWHERE = """
import sys, ganbench.store.liveness as liveness
liveness._machine = lambda: {"host": "elsewhere", "machine_id": "m", "boot_id": "b", "pid_namespace": 1}
from ganbench.worker import run_slot
run_slot(sys.argv[1], "quickstart", 0, lambda: False)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The rows of a sweep that nothing disturbs."""
    return run(planned(tmp_path_factory.mktemp("undisturbed"), *MANY)).drop(columns=VOLATILE)


def test_killed_at_random_moments(tmp_path: Path, undisturbed: pd.DataFrame) -> None:
    store = planned(tmp_path, *MANY)
    child = python(KILL, tmp_path, 5)
    out, err = child.communicate(timeout=240)
    assert (child.returncode, err) == (0, "")
    assert int(out) >= 3
    assert Store(tmp_path, "quickstart").tidy().drop(columns=VOLATILE).equals(undisturbed)
    store.compact()
    assert store.tidy().drop(columns=VOLATILE).equals(undisturbed)


def test_a_checkpoint_whose_rows_the_disk_has_lost_is_passed_over(
    tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    store, calls = planned(tmp_path, *MANY), list[int]()
    run_slot(str(tmp_path), "quickstart", 0, lambda: calls.append(0) or len(calls) > 9)  # type: ignore[func-returns-value]
    (checkpoint,) = tmp_path.glob("quickstart/packs/*/attempt-1/checkpoint-*.pt")
    rows = checkpoint.parent / "scores.jsonl"
    rows.write_bytes(rows.read_bytes()[:-10])
    assert run(store).drop(columns=VOLATILE).equals(undisturbed)


def test_frozen_until_taken_over_and_woken(tmp_path: Path, undisturbed: pd.DataFrame) -> None:
    """One on another machine stops beating; it is succeeded, and wakes when all is done and compacted."""
    planned(tmp_path, *MANY)
    frozen = python(ELSEWHERE, tmp_path)
    try:
        wait_until(lambda: list(tmp_path.glob("quickstart/packs/*/attempt-1/checkpoint-*.pt")), 120)
        frozen.send_signal(signal.SIGSTOP)
        (checkpoint,) = tmp_path.glob("quickstart/packs/*/attempt-1/checkpoint-*.pt")
        store = Store(tmp_path, "quickstart", patience_s=0.3)
        launch(store, {"kind": "inline"})
        assert set(store.work().values()) == {"done"}
        assert store.tidy().drop(columns=VOLATILE).equals(undisturbed)
        store.compact()
        frozen.send_signal(signal.SIGCONT)
        out, err = frozen.communicate(timeout=120)
    finally:
        frozen.kill()
    assert (frozen.returncode, out, err) == (0, "", "")
    woken = next(a for a in store.attempts(checkpoint.parent.parent.name) if a.folder == checkpoint.parent)
    assert (woken.outcome() or {})["outcome"] == "done", "it went on, in its own folder"
    fresh = Store(tmp_path, "quickstart")
    assert fresh.tidy().drop(columns=VOLATILE).equals(undisturbed)
    fresh.compact()
    assert fresh.tidy().drop(columns=VOLATILE).equals(undisturbed)
