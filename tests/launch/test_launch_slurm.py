"""Slots for SLURM, without one: the script, what a slot does with signals, and what rounds of slots come to."""

from __future__ import annotations

import os
import pickle
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import contents, refused, sweep
from stores import claimed, finish, planned, score

from ganbench import scheduler
from ganbench.errors import ConfigError, StoreError
from ganbench.launch import batch_script, jobs, launcher_settings, rounds
from ganbench.launch.jobs import ClusterSlot, Continuation, folder_of, word
from ganbench.launch.rounds import judge, left, progress
from ganbench.launch.slots import Slots
from ganbench.launch.slurm import check
from ganbench.scheduler import Job
from ganbench.store import Store
from ganbench.store.causes import is_out_of_memory
from ganbench.store.driver import DrivenError
from ganbench.store.liveness import identity


def script(tmp_path: Path, units: int = 99, **more: Any) -> tuple[dict[str, str], list[str]]:
    """Return a batch script's options, and its lines of bash."""
    text = batch_script(Store(tmp_path, "toy"), {**launcher_settings("slurm"), **more}, units)
    lines = [line for line in text.splitlines() if line and not line.startswith(("# ", "#!"))]
    options = [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")]
    bash = [line for line in lines if not line.startswith("#SBATCH")]
    return dict(option.partition("=")[::2] for option in options), bash


def test_the_script_says_what_the_site_was_given(tmp_path: Path) -> None:
    given = {"account": "a", "constraint": "fast", "gres": "gpu:1", "exclude": "n[1-2]", "partition": "gpu"}
    more = {"setup": ["module load x"], "srun": ["--cpu-bind=none"], "sbatch": {"reservation": "mine"}}
    options, bash = script(tmp_path, **given, **more, qos="low", cpus=3, mem="9G", time_min=30, signal_s=60)
    assert {key: shlex.split(options[key])[0] for key in given} == given
    assert (options["qos"], options["cpus-per-task"], options["mem"]) == ("low", "3", "9G")
    assert (options["time"], options["signal"], options["reservation"]) == ("30", "USR2@60", "mine")
    assert "requeue" in options
    assert bash[:4] == [
        "export OMP_NUM_THREADS=1",
        "export MKL_NUM_THREADS=1",
        "export OPENBLAS_NUM_THREADS=1",
        "module load x",
    ]
    call = shlex.split(bash[-1])
    assert call[0] == "srun"
    assert {"--cpus-per-task=3", "--cpu-bind=none"} <= set(call)
    assert call[call.index("-u") - 1] == sys.executable
    assert not (tmp_path / "toy").exists(), "showing a script writes nothing"


def test_what_is_left_to_the_site_is_not_mentioned(tmp_path: Path) -> None:
    options, _ = script(tmp_path)
    assert set(options) == {
        *("array", "cpus-per-task", "job-name", "mem", "nodes", "open-mode"),
        *("output", "requeue", "signal", "time"),
    }


def test_without_srun_the_slot_is_the_batch_process_and_hears_its_signals(tmp_path: Path) -> None:
    options, bash = script(tmp_path, use_srun=False, signal_s=90, python="singularity exec x python")
    assert options["signal"] == "B:USR2@90"
    assert bash[-1].startswith("exec singularity exec x python -u -m submitit")


@pytest.mark.parametrize(("workers", "units", "array"), [(4, 99, "0-3%4"), (4, 2, "0-1%2"), (4, 1, None)])
def test_as_many_slots_as_there_is_work_for(
    tmp_path: Path, workers: int, units: int, array: str | None
) -> None:
    assert script(tmp_path, units, workers=workers)[0].get("array") == array
    assert script(tmp_path, units, workers=9, total=workers)[0].get("array") == array


@pytest.mark.parametrize(
    "changed", [{"time_min": 0}, {"cpus": 0}, {"signal_s": 60, "time_min": 1}, {"signal_s": 0}]
)
def test_numbers_that_cannot_be_meant(changed: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"`launcher.{next(iter(changed))}` must be"):
        check({**launcher_settings("slurm"), **changed})


def test_the_command_line_shows_the_script_and_does_nothing(tmp_path: Path) -> None:
    ran = sweep(tmp_path, "launcher.partition=gpu", "--workers", "2", "--dry-run", launcher="slurm")
    assert (ran.code, ran.err) == (0, "")
    assert "planned now: 2 trials in 1 packs" in ran.out
    assert "#SBATCH --partition=gpu\n" in ran.out
    assert "#SBATCH --array=0-1%2\n" in ran.out, "one for the baselines, one for the pack"
    assert contents(tmp_path) == {}


def test_where_there_is_no_slurm_the_command_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "nowhere"))
    scheduler._site.cache_clear()
    assert "SLURM does not answer" in refused(sweep(tmp_path, launcher="slurm"))


def test_pickles_are_small() -> None:
    assert len(pickle.dumps(ClusterSlot("/a/results/folder", "quickstart", 3))) < 500
    last = {"jobs": ["1"], "progress": "0" * 16}
    settings = {**launcher_settings("slurm"), "round": last}
    assert len(pickle.dumps(Continuation("/a/results/folder", "quickstart", settings, "x.y"))) < 2000


# Signals


@pytest.fixture
def handed_over() -> Iterator[list[int]]:
    """Stand in for submitit, whose handler queues the job again."""
    calls: list[int] = []
    before = {
        n: signal.signal(n, lambda number, _: calls.append(number)) for n in (signal.SIGUSR2, signal.SIGTERM)
    }
    yield calls
    for number, handler in before.items():
        signal.signal(number, handler)


def stopped(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Save on the signals that the environment names."""
    attempt = claimed(Store(results, name), "p0")
    for number in os.environ["GANBENCH_TEST_SIGNALS"].split():
        signal.raise_signal(int(number))
    assert stop() is bool(os.environ["GANBENCH_TEST_SIGNALS"])
    attempt.finish("stopped")


@pytest.mark.parametrize(
    ("sent", "requeued"),
    [
        ([signal.SIGUSR2], True),
        ([signal.SIGUSR2, signal.SIGUSR2], True),
        ([signal.SIGTERM], False),
        ([signal.SIGUSR2, signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGUSR2], False),
        ([], False),
    ],
)
def test_only_usr2_brings_a_slot_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    handed_over: list[int],
    sent: list[signal.Signals],
    requeued: bool,
) -> None:
    store = planned(tmp_path, packs=1)
    monkeypatch.setenv("GANBENCH_TEST_SIGNALS", " ".join(str(int(number)) for number in sent))
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    ClusterSlot(str(tmp_path), "toy", 0, "test_launch_slurm.stopped")()
    assert handed_over == ([signal.SIGUSR2] if requeued else [])
    ended = Slots(folder_of(store)).ended("41")
    assert ended == {"error": None, "mendable": False, "signal": sent[-1].name if sent else None}


def all_done(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Finish everything, whatever comes."""
    signal.raise_signal(signal.SIGUSR2)
    finish(claimed(Store(results, name), "p0"), score("t0"))


def test_a_slot_without_work_does_not_come_back(tmp_path: Path, handed_over: list[int]) -> None:
    planned(tmp_path, packs=1)
    ClusterSlot(str(tmp_path), "toy", 0, "test_launch_slurm.all_done")()
    assert handed_over == []


# Rounds


def known_as(monkeypatch: pytest.MonkeyPatch, **states: str) -> None:
    jobs = [Job("7", f"7_{key.removeprefix('s')}", state, 0, "") for key, state in states.items()]
    monkeypatch.setattr(rounds.scheduler, "known", lambda arrays: jobs if arrays == ["7"] else [])


def last(store: Store) -> dict[str, Any]:
    return {"jobs": ["7"], "progress": progress(store, left(store.work()))}


def test_a_round_after_progress_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = planned(tmp_path, packs=2)
    before = last(store)
    known_as(monkeypatch, s0="COMPLETED")
    with pytest.raises(StoreError, match=r"before they began any work \(no word\): see "):
        judge(store, before, 3)
    claimed(store, "p1").finish("stopped")
    judge(store, before, 3)


def test_a_round_after_a_cancel_waits_for_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = planned(tmp_path, packs=1)
    before = last(store)
    attempt = claimed(store, "p0")
    attempt.finish("stopped")
    known_as(monkeypatch, s0="COMPLETED", s1="CANCELLED")
    with pytest.raises(
        StoreError, match="slot 7_1 of toy was cancelled: what is left waits; the same command"
    ):
        judge(store, before, 3)
    finish(claimed(store, "p0"), score("t0"))
    judge(store, before, 3)


def test_a_round_after_an_error_of_the_users_waits_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path, packs=1)
    before = last(store)
    Slots(folder_of(store)).leave("7_0", StoreError("the disk is full"))
    known_as(monkeypatch, s0="FAILED")
    with pytest.raises(StoreError, match=r"^the disk is full; the same command continues$"):
        judge(store, before, 3)
    Slots(folder_of(store)).leave("7_0", ZeroDivisionError("a bug"))
    with pytest.raises(StoreError, match=r"\(ZeroDivisionError: a bug\): see "):
        judge(store, before, 3)


def killer(results: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what claims p0 and is killed, after it saved something or before."""
    here = identity()

    def killed(*, saved: bool = False) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("ganbench.store.folder.identity", lambda: {**here, "pid_start": 1})
            attempt = claimed(Store(results, "toy"), "p0")
        if saved:
            attempt.write("checkpoint-5.pt", lambda path: path.write_text("5"))

    return killed


def test_a_pack_is_given_up_when_its_newest_attempts_saved_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, before = planned(tmp_path, packs=2), {"jobs": ["7"], "progress": ""}
    known_as(monkeypatch, s0="FAILED")
    killed = killer(tmp_path, monkeypatch)
    killed()
    killed(saved=True)
    killed()
    judge(store, before, 2)
    assert store.work()["p0"] == "lost", "one of the last two saved something"
    store.take_over("p0")
    killed()
    judge(store, before, 2)
    assert store.work() == {"p0": "failed", "p1": "planned"}, "what the launcher put between does not count"
    assert store.failures("p0")[-1]["message"].startswith(
        "KilledError: 2 attempts were killed before they saved"
    )


def test_a_pack_that_is_to_run_again_has_all_its_attempts_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, before = planned(tmp_path, packs=1), {"jobs": ["7"], "progress": ""}
    known_as(monkeypatch, s0="FAILED")
    killed = killer(tmp_path, monkeypatch)
    for _ in range(2):
        killed()
    judge(store, before, 2)
    assert store.work()["p0"] == "failed"
    Store(tmp_path, "toy").take_over("p0", retry_failed=True)
    killed()
    judge(store, before, 2)
    assert store.work()["p0"] == "lost", "killed once since it was freed"
    store.take_over("p0")
    killed()
    judge(store, before, 2)
    assert store.work()["p0"] == "failed", "what the launcher put between does not start the count again"


def test_a_pack_that_slurm_killed_for_memory_is_given_up_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, before = planned(tmp_path, packs=1), {"jobs": ["7"], "progress": ""}
    known_as(monkeypatch, s0="OUT_OF_MEMORY", s1="FAILED")
    monkeypatch.setattr(rounds.scheduler, "ask", lambda *words: None)
    here = identity()
    for task in ("0", "1"):
        slurm = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": task, "SLURM_JOB_ID": "9"}
        with monkeypatch.context() as patch:
            patch.setattr(
                "ganbench.store.folder.identity", lambda slurm=slurm: {**here, "pid_start": 1, "slurm": slurm}
            )
            claimed(Store(tmp_path, "toy"), "p0")
    judge(store, before, 2)
    (failure,) = store.failures("p0")
    assert failure["signature"] == "OutOfMemoryError"
    assert (
        "of 2 attempts that were killed before they saved anything, 1 ran out of memory as SLURM says"
        in (failure["message"])
    )
    assert "launcher.mem" in failure["message"]
    assert is_out_of_memory(failure["message"])


# The continuation


def halt(results: Path, name: str, settings: dict[str, Any]) -> None:
    raise StoreError("the disk is full")


def refuse(results: Path, name: str, settings: dict[str, Any]) -> None:
    raise DrivenError("somebody else does it")


def refuse_twice(results: Path, name: str, settings: dict[str, Any]) -> None:
    """Find the sweep driven, until somebody who scores it again has done so."""
    with (results / "tries").open("a") as file:
        file.write("x")
    if len((results / "tries").read_text()) < 3:
        raise DrivenError("somebody else does it")


def break_down(results: Path, name: str, settings: dict[str, Any]) -> None:
    raise ZeroDivisionError("a bug")


def test_a_continuation_leaves_word(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    assert word(store) == ""
    with pytest.raises(SystemExit) as end:
        Continuation(str(tmp_path), "toy", {}, "test_launch_slurm.halt")()
    assert (end.value.code, word(store)) == (2, "the disk is full")
    with pytest.raises(ZeroDivisionError):
        Continuation(str(tmp_path), "toy", {}, "test_launch_slurm.break_down")()
    assert word(store).startswith("ZeroDivisionError: a bug: see ")


HOUR = {"continuation": {"time_min": 60}}


def test_a_continuation_waits_for_whoever_drives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, slept = planned(tmp_path, packs=1), list[float]()
    now = jobs.time.monotonic()
    monkeypatch.setattr(jobs.time, "sleep", slept.append)
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now + sum(slept))
    Continuation(str(tmp_path), "toy", HOUR, "test_launch_slurm.refuse_twice")()
    assert (word(store), capsys.readouterr().out) == ("", "somebody else does it\n" * 2)
    assert sum(slept) == 60.0
    with pytest.raises(SystemExit) as end:
        Continuation(str(tmp_path), "toy", HOUR, "test_launch_slurm.refuse")()
    assert (end.value.code, word(store)) == (2, "somebody else does it; then the same command continues")
    assert 58 * 60 < sum(slept) - 60.0 < 60 * 60, "there is time for a last word"


@pytest.mark.parametrize("how", ["a request", "a signal"])
def test_a_continuation_that_waits_can_be_told_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    store, slept = planned(tmp_path, packs=1), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        store.halts.request() if how == "a request" else signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(jobs.time, "sleep", sleep)
    with pytest.raises(SystemExit):
        Continuation(str(tmp_path), "toy", HOUR, "test_launch_slurm.refuse")()
    assert word(store).startswith("somebody else does it")
    assert len(slept) == 1
