"""Small sweeps for tests of the store and the launcher, and workers that only pretend to train."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chains import STEPS, train

from ganbench.errors import StoreError
from ganbench.files import replace_json
from ganbench.launch.slots import Slots
from ganbench.records import Pack, Score, Trial
from ganbench.store import Store
from ganbench.store.attempts import Attempt

DEFINITION = {"name": "toy", "budget": {"steps": STEPS}, "axes": {"model": ["a"]}}
LOCAL: dict[str, Any] = {
    "kind": "local",
    "workers": 2,
    "per_gpu": 1,
    "restarts": 3,
    "grace_s": 30.0,
    "breaker": 0,
    "umask": None,
}
ROOT = Path(__file__).resolve().parents[1]
AXES = {"model": "a", "dataset": "ring"}


def trial(number: int, pack_id: str, lane: int = 0, *, stage: str = "search", **params: object) -> Trial:
    return Trial(
        f"t{number}", AXES, stage, number, number, number == 0, {"model.lr": 0.1, **params}, pack_id, lane
    )


def pack_of(*trials: Trial) -> Pack:
    ids = tuple(dict.fromkeys(t.trial_id for t in trials))
    return Pack(trials[0].pack_id, trials[0].stage, trials[0].variant, ids, len(ids), "vmap", 1, "float32")


def score(trial_id: str, step: int = STEPS, value: float | None = 0.5, metric: str = "f1_ring") -> Score:
    status = "diverged" if value is None else "ok"
    return Score(
        trial_id, step, 64 * step, 0.25 * step, metric, value, status, "p0", {"score_seconds": 0.125}
    )


def planned(results: Path, packs: int = 2, lanes: int = 1, **options: float) -> Store:
    """A sweep of packs p0, p1, … of trials t0, t1, …"""
    store = Store(results, "toy", **options)
    store.create(DEFINITION)
    groups = [[trial(p * lanes + lane, f"p{p}", lane) for lane in range(lanes)] for p in range(packs)]
    store.extend_plan([t for group in groups for t in group], [pack_of(*group) for group in groups])
    return store


def claimed(store: Store, pack_id: str) -> Attempt:
    attempt = store.claim(pack_id)
    assert attempt is not None
    return attempt


def finish(attempt: Attempt, *scores: Score) -> None:
    attempt.append_scores(scores)
    attempt.finish("done")


def run_slot(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Do as a worker does, `GANBENCH_TEST_STEP` says how many seconds a step lasts."""
    store, pause = Store(Path(results), name), float(os.environ.get("GANBENCH_TEST_STEP", "0.005"))
    while not stop():
        attempt = next(filter(None, map(store.claim, store.plan().packs)), None)
        if attempt is None:
            return
        train(store, attempt, stop, pause, **_inside())


def run_own(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Train every second pack, so that both of two slots have work however late one starts."""
    store = Store(Path(results), name)
    for pack_id in list(store.plan().packs)[slot::2]:
        train(store, claimed(store, pack_id), stop, 0.005, **_inside())


def _inside() -> dict[str, str | None]:
    return {"threads": os.environ.get("OMP_NUM_THREADS"), "cuda": os.environ.get("CUDA_VISIBLE_DEVICES")}


def fail(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Claim packs and fail them all."""
    store = Store(Path(results), name)
    while attempts := [attempt for pack in store.plan().packs if (attempt := store.claim(pack))]:
        for attempt in attempts:
            attempt.fail("Traceback\nValueError: still")


def fail_one_by_one(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Fail as a worker does whose packs all meet the same bug."""
    store = Store(Path(results), name)
    while attempt := next(filter(None, map(store.claim, store.plan().packs)), None):
        attempt.fail("Traceback\nValueError: still")


def deaf(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Hear nothing."""
    claimed(Store(Path(results), name), "p0").start({})
    time.sleep(600)


def die(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Claim a pack and be killed."""
    claimed(Store(Path(results), name), "p0")
    os.kill(os.getpid(), 9)


def die_of_memory(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Be killed as the kernel does it; its counter, which nobody else can raise, is a file of the test's."""
    slots, events = Slots(Store(results, name).slots), Path(os.environ["GANBENCH_TEST_EVENTS"])
    record = {**(slots.record(slot) or {}), "memory": str(events), "oom_kills": 0}
    replace_json(slots._path(slot), record)
    claimed(Store(results, name), "p0")
    time.sleep(0.5)
    events.write_text(f"oom_kill {os.environ['GANBENCH_TEST_KILLS']}\n")
    os.kill(os.getpid(), 9)


def die_once(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Be killed in the first attempt only."""
    if not Store(Path(results), name).attempts("p0"):
        die(results, name, slot, stop=stop)
    run_slot(results, name, slot, stop=stop)


def full_disk(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Meet an error that the user can mend."""
    raise StoreError("the disk is full: free some space")


def broken(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Meet a bug."""
    raise ZeroDivisionError("a bug")


def environment(**more: str) -> dict[str, str]:
    """The environment of a child process that imports ganbench and this module."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return {**os.environ, "PYTHONPATH": paths, **more}


def python(code: str, *arguments: object, **more: str) -> subprocess.Popen[str]:
    """Run code in a process group of its own, its output in pipes."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment(**more), stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something that must happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
