"""One variant timed in a process of its own: `python -m ganbench.pilot.measure`, told what on stdin, telling on stdout.

A pack's cost per step is the difference between two step counts, both after whatever is done once (tracing,
compiling), so that starting up is no part of it. Memory is the process's peak so far: sizes come in ascending order.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch

from ganbench.allocator import keep_freed_memory
from ganbench.choices.choice import COMPILED
from ganbench.errors import UserError
from ganbench.files import encode_lines
from ganbench.instantiation import load_plugins
from ganbench.protocols import Procedure
from ganbench.records import Pack, Score, Trial
from ganbench.scoring import shown
from ganbench.stepping import TRACE_AFTER
from ganbench.store import Store
from ganbench.training import PackTraining
from ganbench.worker.bench import Bench, bench_of, pack_training, trial_config
from ganbench.worker.snapshots import save_snapshot

_FEW = 3  # steps at least
_WARM_S = 10.0  # at most; where steps are so long, tracing them gains little
_LONGEST_PERIOD = 64


def measure(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield `start`, then each pack size's cost, then what scoring and keeping cost."""
    store = Store(order["results"], order["name"])
    definition, trials = store.definition(), _commonest(store, order["variant"])
    load_plugins(list(definition.get("plugins", {})))
    torch.set_num_threads(definition["threads"])
    keep_freed_memory()
    config = trial_config(definition, trials[0].variant, trials[0].params)
    bench = bench_of(config)
    yield {"kind": "start", "peak_mib": _peak_mib(), "alike": len(trials)}
    for size in order["sizes"]:
        training = _pack(definition, trials, size, bench)
        yield {
            "kind": "pack",
            "size": size,
            **_timed(training, config["budget"]["steps"], order["seconds"], definition["mode"]),
        }
    yield {"kind": "scoring", **_scoring(training, trials[0], bench, Path(order["results"]))}


def _commonest(store: Store, variant: dict[str, str]) -> list[Trial]:
    """Return the trials of a variant that may share a pack, of the largest such pack."""
    mine = [trial for trial in store.plan().trials if trial.variant == variant]
    largest = Counter(trial.pack_id for trial in mine).most_common(1)[0][0]
    return [trial for trial in mine if trial.pack_id == largest]


def _pack(definition: dict[str, Any], trials: list[Trial], size: int, bench: Bench) -> PackTraining:
    """Build a pack of so many lanes; the last setting fills up what the settings do not."""
    some = trials[:size]
    ids = tuple(trial.trial_id for trial in some)
    mode, threads, precision = definition["mode"], definition["threads"], definition["precision"]
    pack = Pack("pilot", "search", some[0].variant, ids, size, mode, threads, precision)
    return pack_training(definition, pack, some, bench.images)


def _timed(training: PackTraining, steps: int, seconds: float, mode: str) -> dict[str, Any]:
    procedure = training.lane(0)[0]
    warm = _until_prepared(procedure, steps)
    _advance(training, lambda: training.progress.step < warm, _WARM_S)
    prepared, before = training.progress.step >= warm, training.progress
    period, most = _period(procedure), max(1, steps - before.step)
    while (
        training.progress.seconds - before.seconds < seconds and training.progress.step - before.step < most
    ):
        _advance(training, _so_many(training, max(period, _FEW)))
    after = training.progress
    once = mode == COMPILED  # its library serves all packs
    return {
        "step_seconds": (after.seconds - before.seconds) / (after.step - before.step),
        "steps": [before.step, after.step],
        "warm_seconds": before.seconds,
        "compile_seconds": 0.0 if once else after.compile_seconds,
        "library_seconds": after.compile_seconds if once else 0.0,
        "prepared": prepared,
        "peak_mib": _peak_mib(),
    }


def _advance(training: PackTraining, on: Any, seconds: float = float("inf")) -> None:
    end = time.monotonic() + seconds
    while on() and time.monotonic() < end:
        training.advance()
    training.wait()


def _so_many(training: PackTraining, steps: int) -> Any:
    end = training.progress.step + steps
    return lambda: training.progress.step < end


def _until_prepared(procedure: Procedure, steps: int) -> int:
    """Return the step from which on every turn is traced, at most half of a trial's steps."""
    calls: Counter[str] = Counter()
    turns = {procedure.turn(step) for step in range(_LONGEST_PERIOD)}
    for step in count():
        if step >= steps // 2 or all(calls[turn] > TRACE_AFTER + 1 for turn in turns):
            return step
        calls[procedure.turn(step)] += 1
    raise AssertionError


def _period(procedure: Procedure) -> int:
    """Return after how many steps turns repeat, so that the dear ones are timed as often as they come."""
    turns = [procedure.turn(step) for step in range(1, 4 * _LONGEST_PERIOD)]
    return next((p for p in range(1, _LONGEST_PERIOD + 1) if turns[p:] == turns[:-p]), _LONGEST_PERIOD)


def _scoring(training: PackTraining, trial: Trial, bench: Bench, folder: Path) -> dict[str, Any]:
    """Return the seconds of a checkpoint's scores and of the last one's further ones, and the bytes that are kept."""
    procedure, state = training.lane(0)
    scorer = bench.scorer
    scorer.score(scorer.generate(procedure, state), procedure)  # the real side, once a slot
    started = time.perf_counter()
    fakes = scorer.generate(procedure, state)
    values = scorer.score(fakes, procedure)
    every = time.perf_counter() - started
    last = ("best_last",) if scorer.keys(("best_last",)) else ()
    if last:
        scorer.score(fakes, procedure, last)
    final = time.perf_counter() - started - every
    snapshot = folder / "pilot.safetensors"
    if fakes.settled is not None:
        save_snapshot(snapshot, fakes.settled, shown(fakes.images))
    extra = {"score_seconds": every / 3, "compile_seconds": every / 3}
    rows = [
        Score(trial.trial_id, 10**5, 10**7, every / 3, k, v, "ok", bench.protocol, extra)
        for k, v in values.items()
    ]
    return {
        "score_seconds": every,
        "final_seconds": final if last else 0.0,
        "snapshot_bytes": snapshot.stat().st_size if snapshot.exists() else 0,
        "row_bytes": len(encode_lines(row.to_json() for row in rows)),
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure what stdin asks for; one JSON line per finding, the last one `error` where a user can mend it."""
    try:
        for found in measure(json.load(sys.stdin)):
            print(json.dumps(found), flush=True)  # noqa: T201  (this process talks to the one that started it)
    except UserError as error:
        print(json.dumps({"kind": "error", "text": str(error)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
