from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stores import claimed, planned, python, wait_until

from ganbench.store import Store, liveness
from ganbench.store.liveness import ALIVE, DEAD, UNVERIFIED, Observer, alive, identity, process


def elsewhere(**more: object) -> dict[str, object]:
    return {**identity(), "host": "another", **more}


def test_this_process_lives_and_knows_itself() -> None:
    me = identity()
    assert me["pid"] == os.getpid()
    assert isinstance(me["pid_start"], int)
    assert me["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert alive(me) is True


def test_a_process_that_was_killed_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    claim = process(child.pid)
    assert alive(claim) is True
    child.kill()
    wait_until(lambda: alive(claim) is False)  # not yet collected by its parent: a zombie is dead too
    child.wait()
    assert alive(claim) is False


def test_another_process_with_the_same_pid_is_not_it() -> None:
    me = identity()
    assert alive({**me, "pid_start": me["pid_start"] - 1}) is False


def test_the_same_machine_before_its_last_boot_is_dead() -> None:
    assert alive({**identity(), "boot_id": "earlier"}) is False


def test_other_machines_and_containers_cannot_be_told() -> None:
    assert alive(elsewhere()) is None
    assert alive({**identity(), "machine_id": "another"}) is None
    assert alive({**identity(), "pid_namespace": 1}) is None


def test_a_process_of_another_user_that_hides_still_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setattr(liveness, "_status", lambda pid: liveness._Status("", None))
    assert alive({**identity(), "pid_start": 1}) is True


def test_a_name_with_parentheses_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) R (1 2 3"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    wait_until(lambda: b"sleep" not in Path(f"/proc/{child.pid}/comm").read_bytes())
    try:
        status = liveness._status(child.pid)
        assert status.state in "SRD"
        assert status.start is not None
        assert status.start >= (identity()["pid_start"] or 0)
    finally:
        child.kill()
        child.wait()


def test_slurm_ids_are_part_of_an_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SLURM_JOB_ID" not in identity()["slurm"]
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert identity()["slurm"]["SLURM_JOB_ID"] == "17"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_heartbeat_is_judged_over_two_looks() -> None:
    clock = Clock()
    observer = Observer(patience_s=100, clock=clock)
    look = lambda beat: observer.verdict("p0", elsewhere(), beat)  # noqa: E731
    assert look("7") == UNVERIFIED
    clock.now = 99
    assert look("7") == UNVERIFIED
    clock.now = 100
    assert look("7") == DEAD
    assert look("8") == ALIVE, "it was only slow"
    clock.now = 199
    assert look("8") == ALIVE
    clock.now = 200
    assert look("8") == DEAD


def test_one_that_never_beat_is_dead_after_a_while_too() -> None:
    clock = Clock()
    observer = Observer(patience_s=100, clock=clock)
    assert observer.verdict("p0", elsewhere(), None) == UNVERIFIED
    assert observer.verdict("p1", None, None) == UNVERIFIED
    clock.now = 100
    assert observer.verdict("p0", elsewhere(), None) == DEAD
    assert observer.verdict("p1", None, None) == DEAD, "a claim that nobody can read"


def test_the_kernel_is_believed_before_the_heartbeat() -> None:
    observer = Observer(patience_s=0)
    assert [observer.verdict("p0", identity(), "1") for _ in range(2)] == [ALIVE, ALIVE]


def test_the_scheduler_is_asked_about_jobs_elsewhere() -> None:
    asked: list[object] = []

    def answer(claim: object) -> bool | None:
        asked.append(claim)
        return {1: True, 2: False, 3: None}[claim["pid"]]  # type: ignore[index]

    observer = Observer(scheduler=answer)
    job = {"SLURM_JOB_ID": "17"}
    verdicts = [observer.verdict(str(pid), elsewhere(pid=pid, slurm=job), "1") for pid in (1, 2, 3)]
    assert verdicts == [ALIVE, DEAD, UNVERIFIED]
    observer.verdict("x", elsewhere(slurm={}), "1")
    observer.verdict("y", {**identity(), "slurm": job}, "1")
    assert len(asked) == 3


def test_a_pack_on_another_machine_runs_unverified_until_its_heart_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = identity()
    with monkeypatch.context() as patch:
        patch.setattr("ganbench.store.folder.identity", lambda: {**here, "host": "another"})
        attempt = claimed(planned(tmp_path), "p0")
    attempt.heartbeat()
    store = Store(tmp_path, "toy", patience_s=0.05)
    assert store.states()["p0"] == "running (unverified)"
    assert store.counts()["running"] == 1
    assert store.claim("p0") is None
    attempt.heartbeat()
    assert store.states()["p0"] == "running"
    wait_until(lambda: store.states()["p0"] == "lost")
    assert claimed(store, "p0").number == 2


def test_a_killed_claimer_is_lost_at_once(tmp_path: Path) -> None:
    store = planned(tmp_path)
    child = python(
        "import sys, stores, time; stores.claimed(stores.Store(sys.argv[1], 'toy'), 'p0'); time.sleep(60)",
        tmp_path,
    )
    wait_until(lambda: store.states()["p0"] == "running")
    assert store.claim("p0") is None
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert store.states()["p0"] == "lost"
    assert claimed(store, "p0").number == 2
