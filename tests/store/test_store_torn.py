"""Last lines that are torn, and clocks that are wrong: the same command ends with the rows of an undisturbed sweep."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from chains import assert_whole, one_slot
from stores import DEFINITION, claimed, planned, python, wait_until

import ganbench.store
from ganbench.launch import launch
from ganbench.store import Store
from ganbench.store.asks import Event, History
from ganbench.store.census import Census

INLINE = {"kind": "inline"}
YEAR_S = 365 * 24 * 3600


@pytest.mark.parametrize("cut", [1, 2, 60, 200])
def test_a_plan_whose_last_line_is_torn_is_planned_again(tmp_path: Path, cut: int) -> None:
    store = planned(tmp_path, packs=3)
    whole = (store.folder / "trials.jsonl").read_bytes()
    claimed(store, "p2")  # what is lost from the plan had begun
    (store.folder / "trials.jsonl").write_bytes(whole[:-cut])
    torn = Store(tmp_path, "toy")
    counts = Census(torn.folder).take(DEFINITION).groups
    assert torn.counts()["total"] == 2
    assert [sum(group.counts.values()) for group in counts.values()] == [2], "status sees the same"
    planned(tmp_path, packs=3)
    assert (store.folder / "trials.jsonl").read_bytes() == whole
    (store.folder / "packs" / "p2" / "attempt-1" / "outcome.json").write_text('{"outcome": "stopped"}')
    one_slot(tmp_path)
    assert_whole(store)


@pytest.mark.parametrize("cut", [1, 2, 50, 100, 500])
def test_rows_that_are_torn_are_trained_again(tmp_path: Path, cut: int) -> None:
    """A slot dies, and its disk has lost the end of what it wrote: rows, logs, or a whole checkpoint's."""
    store = planned(tmp_path, packs=1, lanes=2)
    child = python("import sys, chains; chains.one_slot(sys.argv[1], pause=0.05)", tmp_path)
    wait_until(lambda: store.checkpoints("p0"))
    child.kill()
    child.communicate()
    for name in ("scores.jsonl", "logs.jsonl"):
        path = store.folder / "packs" / "p0" / "attempt-1" / name
        path.write_bytes(path.read_bytes()[:-cut])
    for path in store.checkpoints("p0"):
        path.write_bytes(path.read_bytes()[:-1])
    launch(Store(tmp_path, "toy"), INLINE, target="stores.run_slot")
    assert_whole(store)


def test_a_history_whose_last_line_is_torn_lacks_just_that(tmp_path: Path) -> None:
    events = [Event("ask", {"model": "a"}, 0), Event("tell", {"model": "a"}, 0, "done", 0.5)]
    history = History(tmp_path)
    history.write(events)
    path = tmp_path / "history.jsonl"
    for cut in range(1, len(json.dumps(events[1].__dict__)) + 1):
        history.write(events)
        path.write_bytes(path.read_bytes()[:-cut])
        assert history.read() == events[:1]
    history.write([*history.read(), *events[1:]])
    assert history.read() == events


@pytest.mark.parametrize("years", [-30, 30])
def test_liveness_does_not_look_at_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    """One process's clock is years off, and so are the times of all files: who lives is left alone, who died is not."""
    store = planned(tmp_path, packs=3, patience_s=3600.0)
    skewed = (
        "import sys, time; real = time.time; time.time = lambda: real() + float(sys.argv[2])\n"
        "import ganbench.store.attempts as attempts, ganbench.store.provenance as provenance\n"
        "attempts.now = provenance.now = lambda: '2056-01-01T00:00:00+00:00'\n"
        "import stores; stores.claimed(stores.Store(sys.argv[1], 'toy'), 'p0').start({})\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    living, dead = (python(skewed.replace("'p0'", f"'p{n}'"), tmp_path, years * YEAR_S) for n in (0, 1))
    for child in (living, dead):
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    dead.kill()
    dead.communicate()
    for path in [*tmp_path.rglob("*"), tmp_path]:
        os.utime(path, (time.time() - years * YEAR_S,) * 2)
    monkeypatch.setattr(ganbench.store.attempts, "now", lambda: "1970-01-01T00:00:00+00:00")
    try:
        assert Store(tmp_path, "toy").states() == {"p0": "running", "p1": "lost", "p2": "planned"}
        one_slot(tmp_path)
        assert Store(tmp_path, "toy").states() == {"p0": "running", "p1": "done", "p2": "done"}
    finally:
        living.kill()
        living.communicate()
    one_slot(tmp_path)
    assert_whole(store)


def test_a_heartbeat_counts_and_its_files_time_does_not(tmp_path: Path) -> None:
    """On a machine that cannot be asked, a worker lives while its counter moves, whatever its disk's clock says."""
    elsewhere = (
        "import sys, time, ganbench.store.liveness as liveness\n"
        "liveness._machine = lambda: {'host': 'x', 'machine_id': 'm', 'boot_id': 'b', 'pid_namespace': 1}\n"
        "import os, stores; attempt = stores.claimed(stores.Store(sys.argv[1], 'toy'), 'p0')\n"
        "while True:\n"
        "    attempt.heartbeat(); os.utime(attempt.folder / 'heartbeat', (0, 0)); time.sleep(0.02)"
    )
    planned(tmp_path, packs=1)
    child, store = python(elsewhere, tmp_path), Store(tmp_path, "toy", patience_s=2.0)
    try:
        wait_until(lambda: store.states() == {"p0": "running"})
        time.sleep(2.5)
        assert store.states() == {"p0": "running"}
    finally:
        child.kill()
        child.communicate()
    wait_until(lambda: store.states() == {"p0": "lost"})
    store.take_over("p0")
    one_slot(tmp_path)
    assert_whole(store)
