"""Sweeps on a real SLURM for tests: slots that only pretend to train, and what to ask and tell the scheduler."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stores import claimed, run_slot, wait_until

from ganbench import scheduler
from ganbench.files import read_json
from ganbench.launch import Launched, launch, launcher_settings
from ganbench.launch.jobs import folder_of
from ganbench.launch.slurm import job_name, queued
from ganbench.store import Store

PATIENCE_S = (
    150.0  # the scheduler looks at time limits every half minute, and this machine has other things to do
)
THEN = "slurmwork.continue_toy"
# a login that submits: sys.argv[2] says where it is killed, or that it waits for a gate and then says how it went
CONTINUE_DRIVING = """
import os, pathlib, signal, sys, time
import slurmwork
from ganbench.launch import slurm
from ganbench.store import Store
from ganbench.store.driver import DrivenError
store, where = Store(sys.argv[1], "toy"), sys.argv[2]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if where in ("before", "between"):
    setattr(slurm, "_submit_slots" if where == "before" else "_continue_after", die)
if where == "whole":
    print("ready", flush=True)
    while not pathlib.Path(sys.argv[1], "gate").exists():
        time.sleep(0.001)
try:
    with store.driver():
        slurmwork.start(store, then=slurmwork.THEN)
        if where == "after":
            die()
    print("submitted")
except DrivenError:
    print("refused")
"""


def settings(**more: Any) -> dict[str, Any]:
    """Return the launcher's settings for two small slots; `launcher.<name>` as keywords."""
    small = {"workers": 2, "time_min": 60, "signal_s": 30, "mem": "200M"}
    return {**launcher_settings("slurm"), **small, **more}


def start(store: Store, target: str = "stores.run_slot", *, then: str = "", **more: Any) -> Launched:
    """Submit slots that run a target of the tests."""
    os.environ["GANBENCH_TEST_TARGET"] = target  # jobs inherit it
    return launch(store, settings(**more), target=target, then=then)


def continue_toy(results: Path, name: str, settings: dict[str, Any]) -> None:
    """Do as a sweep does when its slots have ended, without stages and a report."""
    store = Store(results, name)
    with store.driver():
        launch(store, settings, target=os.environ["GANBENCH_TEST_TARGET"], then=THEN)


def hang_driving(results: Path, name: str, settings: dict[str, Any]) -> None:
    """Drive, and come to no end."""
    with Store(results, name).driver():
        time.sleep(600)


def tell(*command: str) -> str:
    """Run a command of SLURM that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cancel(store: Store) -> None:
    """Take all jobs of a sweep out of the queue."""
    for name in (job_name(store), f"{job_name(store)}-then"):  # scancel takes one name, unlike squeue
        subprocess.run(["scancel", f"--name={name}"], check=False)


def slots(store: Store) -> list[scheduler.Job]:
    """Return the sweep's slots that wait or run, in order."""
    return sorted(queued(store).slots, key=lambda job: job.key)


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait for something that must happen, without pestering the scheduler."""
    wait_until(lambda: condition() or time.sleep(0.3), seconds)


def wait_for_steps(store: Store, packs: int = 1) -> None:
    """Wait until so many packs are being trained."""
    wait_for(lambda: Store(store.results, store.name).counts()["running"] >= packs)


def wait_for_end(store: Store, seconds: float = PATIENCE_S) -> None:
    """Wait until nothing of the sweep waits or runs."""
    wait_for(lambda: not queued(store).any, seconds)


def record(store: Store, key: str) -> dict[str, Any]:
    """Return what a slot recorded of itself."""
    return read_json(folder_of(store) / f"{key}.json") or {}


def outcomes(store: Store, pack_id: str) -> list[str | None]:
    """Return how a pack's attempts ended, the first one first."""
    return [outcome and outcome["outcome"] for a in store.attempts(pack_id) if [outcome := a.outcome()]]


def logs(store: Store) -> str:
    """Return what the sweep's jobs printed, for a failing test's message."""
    return "\n".join(path.read_text() for path in sorted(folder_of(store).glob("*_log.out")))


# Targets: what slots run, besides those of `stores`


def idle(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Go home at once."""


def die_always(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Be killed by the first pack, over and over, before it saves anything; train the others."""
    store = Store(Path(results), name)
    attempt = store.claim("p0")
    if attempt is not None:
        attempt.start({})
        os.kill(os.getpid(), 9)
    run_slot(results, name, slot, stop=stop)


def finish_deaf(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Hear the signal only when all is done."""
    run_slot(results, name, slot, stop=lambda: False)
    assert stop()


def tell_where(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Write down what a job looks like from inside."""
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "SLURMD_NODENAME", "SLURM_CPUS_PER_TASK", "MARK")
    attempt = claimed(Store(Path(results), name), f"p{slot}")
    attempt.start({"seen": {key: os.environ.get(key) for key in names}})
    attempt.finish("stopped")
