"""Real processes: killed in the middle of a write, racing for a claim, driving one folder twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from stores import claimed, planned, python, score, wait_until

from ganbench.errors import StoreError
from ganbench.store import Store
from ganbench.store.driver import DrivenError
from ganbench.store.liveness import identity

KILLED_MID_APPEND = """
import os, signal, sys, stores
attempt = stores.claimed(stores.Store(sys.argv[1], "toy"), "p0")
attempt.append_scores([stores.score("t0", 5), stores.score("t0", 10)])
real = os.write
def half(descriptor, data):
    real(descriptor, data[: len(data) // 2 + 20])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = half
attempt.append_scores([stores.score("t0", 15), stores.score("t0", 20)])
"""

KILLED_MID_CHECKPOINT = """
import os, signal, sys, stores
attempt = stores.claimed(stores.Store(sys.argv[1], "toy"), "p0")
attempt.write("checkpoint-5.pt", lambda path: path.write_text("5"))
def half(path):
    path.write_text("1")
    os.kill(os.getpid(), signal.SIGKILL)
attempt.write("checkpoint-10.pt", half)
"""

APPEND_FOR_EVER = """
import sys, time, stores
attempt = stores.claimed(stores.Store(sys.argv[1], "toy"), "p0")
for step in range(10**9):
    attempt.append_scores([stores.score(f"t{lane}", step, 0.1 * step) for lane in range(8)])
"""

RACE = """
import sys, time, pathlib, stores
store, gate = stores.Store(sys.argv[1], "toy"), pathlib.Path(sys.argv[1], "gate")
store.states()
print("ready", flush=True)
while not gate.exists():
    pass
won = [pack for pack in store.plan().packs if store.claim(pack)]
print(*won, flush=True)
time.sleep(60)
"""

DRIVE = """
import sys, time, stores
with stores.Store(sys.argv[1], "toy").driver():
    print("driving", flush=True)
    time.sleep(60)
"""

RACE_TO_DRIVE = """
import sys, time, pathlib, stores
store, gate = stores.Store(sys.argv[1], "toy"), pathlib.Path(sys.argv[1], "gate")
print("ready", flush=True)
while not gate.exists():
    pass
try:
    with store.driver():
        print("driving", flush=True)
        time.sleep(60)
except stores.StoreError:
    print("refused", flush=True)
"""


def test_a_worker_killed_in_the_middle_of_an_append(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    child = python(KILLED_MID_APPEND, tmp_path)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "toy/packs/p0/attempt-1/scores.jsonl").read_bytes().endswith(b"\n")
    assert store.states() == {"p0": "lost"}, "the final row was not whole"
    assert store.scores()["step"].tolist() == [5, 10, 15]
    again = claimed(store, "p0")
    again.append_scores([score("t0", 15), score("t0", 20)])
    again.finish("done")
    assert store.states() == {"p0": "done"}
    assert store.scores()["step"].tolist() == [5, 10, 15, 20]


def test_a_worker_killed_in_the_middle_of_a_checkpoint(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    child = python(KILLED_MID_CHECKPOINT, tmp_path)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert [path.name for path in store.checkpoints("p0")] == ["checkpoint-5.pt"]
    assert store.checkpoints("p0")[0].read_text() == "5"


def test_rows_read_while_they_are_written_are_whole(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=8)
    child = python(APPEND_FOR_EVER, tmp_path)
    wait_until(lambda: len(store.scores()) > 200)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    table = store.scores()
    assert (table["value"] == 0.1 * table["step"]).all()
    assert table.groupby("step").size().iloc[:-1].eq(8).all()


def test_processes_racing_for_claims_win_each_exactly_once(tmp_path: Path) -> None:
    packs = planned(tmp_path, packs=40).plan().packs
    racers = [python(RACE, tmp_path) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    (tmp_path / "gate").touch()
    won = [racer.stdout.readline().split() for racer in racers if racer.stdout]
    assert sorted(pack for packs in won for pack in packs) == sorted(packs)
    assert all(len(list((tmp_path / "toy/packs" / pack).iterdir())) == 1 for pack in packs), (
        "nothing is left behind"
    )
    for racer in racers:
        racer.kill()
        racer.communicate()


def test_a_second_driver_is_refused_and_a_dead_one_succeeded(tmp_path: Path) -> None:
    store = planned(tmp_path)
    first = python(DRIVE, tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == "driving\n"
    with (
        pytest.raises(StoreError, match=f"toy is driven by process {first.pid} on .*: wait for it"),
        store.driver(),
    ):
        pass
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    for _ in range(2):
        with store.driver(), pytest.raises(StoreError, match=f"process {os.getpid()}"), store.driver():
            pass
    assert len(list(store.slots.glob("driver-*"))) == 1, "old claims are forgotten"


def test_a_driver_that_ends_in_an_error_is_no_longer_one(tmp_path: Path) -> None:
    store = planned(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.driver():
        raise KeyboardInterrupt
    with store.driver():
        pass


def test_of_drivers_racing_for_a_dead_ones_place_one_wins(tmp_path: Path) -> None:
    planned(tmp_path)
    dead = python(DRIVE, tmp_path)
    assert dead.stdout is not None
    assert dead.stdout.readline() == "driving\n"
    os.kill(dead.pid, signal.SIGKILL)
    dead.communicate()
    racers = [python(RACE_TO_DRIVE, tmp_path) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    (tmp_path / "gate").touch()
    said = sorted(racer.stdout.readline() for racer in racers if racer.stdout)
    assert said == ["driving\n", "refused\n", "refused\n"]
    for racer in racers:
        racer.kill()
        racer.communicate()


def out_of_sight(monkeypatch: pytest.MonkeyPatch, **times: float) -> None:
    """Let claims be those of another machine, and a heartbeat tell sooner."""
    here = identity()
    monkeypatch.setattr("ganbench.store.driver.identity", lambda: {**here, "host": "another"})
    for name, seconds in times.items():
        monkeypatch.setattr(f"ganbench.store.driver.{name}", seconds)


def test_a_driver_out_of_sight_is_known_by_its_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path)
    out_of_sight(monkeypatch, BEAT_S=0.05, PATIENCE_S=20.0, _LOOK_S=0.1)
    with (
        store.driver(),
        pytest.raises(DrivenError, match=f"is driven by process {os.getpid()} on another: wait for it"),
        store.driver(),
    ):
        pass


def test_a_driver_out_of_sight_whose_heartbeat_stops_is_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path)
    out_of_sight(monkeypatch, BEAT_S=60.0, PATIENCE_S=0.3, _LOOK_S=0.1)
    with store.driver():
        wait_until(lambda: [path.read_text() for path in store.slots.glob("driver-1/heartbeat")] == ["1\n"])
        started = time.monotonic()
        with store.driver():
            assert time.monotonic() - started >= 0.3
    out_of_sight(monkeypatch, PATIENCE_S=60.0)
    with store.driver():
        assert [path.name for path in store.slots.glob("driver-*")] == ["driver-3"]


def test_status_writes_nothing(tmp_path: Path) -> None:
    store = planned(tmp_path)
    claimed(store, "p0").finish("stopped")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    reader = Store(tmp_path, "toy")
    (
        reader.counts(),
        reader.states(),
        reader.trial_states(),
        reader.scores(),
        reader.tidy(),
        reader.claimable(),
    )
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
