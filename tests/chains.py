"""Training whose every row depends on all steps before it: a wrong resume, a lost row and a doubled one all show."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ganbench.records import Score
from ganbench.store import Store
from ganbench.store.attempts import Attempt
from ganbench.store.frames import KEY

STEPS, EVERY = 20, 5
METRICS = ("f1_ring", "energy_ring")
_SHOWN = [*KEY, "images_seen", "value", "status", "pack_id"]


def link(state: str, step: int) -> str:
    """Return the state after a step."""
    return hashlib.sha256(f"{state} {step}".encode()).hexdigest()[:12]


def rows(trial_id: str, step: int, state: str) -> list[Score]:
    """Return what is scored of a state; every third trial diverges at its end."""
    bad = step == STEPS and int(hashlib.sha256(trial_id.encode()).hexdigest(), 16) % 3 == 0
    value, status = (None, "diverged") if bad else (int(state, 16) / 16**12, "ok")
    return [
        Score(trial_id, step, 64 * step, time.monotonic(), metric, value, status, "p0") for metric in METRICS
    ]


def train(store: Store, attempt: Attempt, stop: Callable[[], bool], pause: float, **facts: object) -> None:
    """Do as a worker does: resume, score, save, and end as done or stopped; a step lasts `pause` seconds."""
    attempt.start(facts)
    trials = store.plan().packs[attempt.pack_id].trial_ids
    step, states = _resumed(store, attempt.pack_id, trials)
    while step < STEPS:
        time.sleep(pause)
        step, states = step + 1, {trial: link(state, step + 1) for trial, state in states.items()}
        if step % EVERY == 0:
            attempt.append_logs([{"trial_id": trial, "step": step} for trial in trials])
            attempt.append_scores([row for trial in trials for row in rows(trial, step, states[trial])])
        halt = stop()
        if step % EVERY == 0 or halt:
            content = json.dumps([step, states]).encode()
            attempt.write(f"checkpoint-{step}.pt", lambda path, content=content: path.write_bytes(content))
            attempt.forget_checkpoints(keep=1)
            attempt.heartbeat()
        if halt and step < STEPS:
            attempt.finish("stopped")
            return
    attempt.forget_checkpoints(keep=0)
    attempt.finish("done")


def _resumed(store: Store, pack_id: str, trials: tuple[str, ...]) -> tuple[int, dict[str, str]]:
    for path in store.checkpoints(pack_id):
        try:
            step, states = json.loads(path.read_bytes())
        except ValueError:
            continue
        return step, states
    return 0, dict(zip(trials, trials, strict=True))


def undisturbed(store: Store) -> pd.DataFrame:
    """Return the rows that the plan's trials have if nothing ever goes wrong."""
    found, pack_of = [], store.plan().pack_of()
    for trial in dict.fromkeys(t.trial_id for t in store.plan().trials):
        state = trial
        for step in range(1, STEPS + 1):
            state = link(state, step)
            if step % EVERY == 0:
                found += [row.to_json() | {"pack_id": pack_of[trial]} for row in rows(trial, step, state)]
    table = pd.DataFrame(found)[_SHOWN].astype({"value": "float64"})
    return table.sort_values(KEY, ignore_index=True)


def assert_whole(store: Store, said: str = "", *, compacting: bool = True) -> None:
    """Require every row exactly once, as of an undisturbed sweep, before compaction and after it."""
    fresh = Store(store.results, store.name)
    states = fresh.states()
    assert set(states.values()) == {"done"}, (states, said)
    expected = undisturbed(fresh)
    for again in (False, True)[: 1 + compacting]:
        if again:
            fresh.compact()
        table = fresh.scores()[_SHOWN].sort_values(KEY, ignore_index=True)
        pd.testing.assert_frame_equal(table, expected, check_dtype=False, obj=said or "scores")
        assert len(fresh.tidy()) == len(fresh.plan().trials) * len(METRICS) * STEPS // EVERY


def one_slot(results: Path | str, name: str = "toy", pause: float = 0.0) -> None:
    """Claim packs until none is left."""
    store = Store(results, name)
    while (attempt := next(filter(None, map(store.claim, store.plan().packs)), None)) is not None:
        train(store, attempt, lambda: False, pause)
