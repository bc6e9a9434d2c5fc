"""A planned sweep run by slots that train nothing: real claims, rows and states, through a real launcher.

    python benchmarks/simulate.py NAME --results DIR [--launcher local] [--workers 2] [--mem 2G]

Prints one JSON object: how long submitting took, how long all of it, and the peak memory of this process (the driver).
Scores are made up, two checkpoints of five metrics a trial; one trial in forty diverges.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.launch import launch, launcher_settings
from ganbench.records import Pack, Score
from ganbench.store import Store
from ganbench.store.attempts import Attempt

TARGET = "simulate.run_slot"
METRICS = ("f1_ring", "precision_ring", "recall_ring", "energy_ring", "fd_pixels")
SECONDS_PER_STEP = 0.001
DIVERGED = 40  # one trial in so many
POLL_S = 2.0


def run_slot(results: str, name: str, slot: int, *, stop: Callable[[], bool]) -> None:
    """Be a slot: claim, pretend, write, until nothing is left."""
    store = Store(Path(results), name)
    definition, packs = store.definition(), list(store.plan().packs.items())
    units = [(unit["id"], unit) for unit in definition["baselines"]] + packs
    for unit, work in units[slot % len(units) :] + units[: slot % len(units)]:
        if stop():
            return
        attempt = store.claim(unit)
        if attempt is not None:
            attempt.start({"device": "none", "torch": "none"})
            _pretend(definition, attempt, work)
            attempt.finish("done")


def _pretend(definition: dict[str, Any], attempt: Attempt, work: Pack | dict[str, Any]) -> None:
    protocol = next(iter(definition["protocols"].values()))["id"]
    if isinstance(work, Pack):
        steps = definition["budget"]["steps"]
        attempt.append_scores([row for trial in work.trial_ids for row in _scores(trial, steps, protocol)])
        return
    values = {"real": 0.0, "untrained": 1.0}
    rows = [(name, metric, value) for name, value in values.items() for metric in METRICS]
    facts = {"dataset": work["dataset"], "protocol": protocol}
    attempt.append_baselines([{**facts, "baseline": b, "metric": m, "value": v} for b, m, v in rows])


def _scores(trial: str, steps: int, protocol: str) -> Iterator[Score]:
    numbers = np.random.Generator(np.random.Philox(zlib.crc32(trial.encode())))
    bad = numbers.integers(DIVERGED) == 0
    for step in sorted({max(1, steps // 2), steps}):
        values = numbers.random(len(METRICS)).tolist()
        status = "diverged" if bad else "ok"
        for metric, value in zip(METRICS, values, strict=True):
            seconds, shown = SECONDS_PER_STEP * step, None if bad else value
            yield Score(
                trial, step, 64 * step, seconds, metric, shown, status, protocol, {"score_seconds": 0.01}
            )


def run(store: Store, launcher: str, workers: int, mem: str) -> dict[str, Any]:
    """Launch, wait for the end, and return what it took."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    of_site = [f"launcher.mem={mem}"] if launcher == "slurm" else []
    settings = launcher_settings(launcher, workers=workers, overrides=of_site)
    started = time.perf_counter()
    with store.driver():
        done = launch(store, settings, target=TARGET)
        submitted = time.perf_counter() - started
        while done.detached and any(state != "done" for state in store.work().values()):
            time.sleep(POLL_S)
    counts = Store(store.results, store.name).counts()
    return {
        "launcher": launcher,
        "workers": workers,
        "submit_seconds": round(submitted, 2) if done.detached else None,
        "seconds": round(time.perf_counter() - started, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "counts": counts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--launcher", default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mem", default="2G")
    given = parser.parse_args()
    print(json.dumps(run(Store(given.results, given.name), given.launcher, given.workers, given.mem)))


if __name__ == "__main__":
    main()
