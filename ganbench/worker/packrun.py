"""One attempt at one pack: train, score at the checkpoints, save, resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from ganbench.protocols import Procedure, Snapshot
from ganbench.records import Pack, Score, Trial
from ganbench.scoring import is_finite, shown
from ganbench.store import Store
from ganbench.store.attempts import Attempt, checkpoint_step
from ganbench.worker.bench import bench_of, checkpoint_steps, direction_of, pack_training, trial_config
from ganbench.worker.snapshots import load_snapshot, save_snapshot

Stop = Callable[[], bool]
OnStep = Callable[[float], None]
HEARTBEAT_SECONDS = 2.0


@dataclass
class Best:
    """The best finite checkpoint of a lane so far, by the protocol's `select`."""

    step: int | None = None
    value: float = field(default=float("inf"))  # signed so that smaller is better


class PackRun:
    """One attempt at one pack."""

    def __init__(self, store: Store, attempt: Attempt, pack: Pack, trials: list[Trial]) -> None:
        definition = store.definition()
        self._store, self._attempt, self._pack, self._trials = store, attempt, pack, trials
        self._config = trial_config(definition, trials[0].variant, trials[0].params)
        self.bench = bench_of(self._config)
        self._schedule = checkpoint_steps(self._config["budget"])
        self.training = pack_training(definition, pack, trials, self.bench.images)
        self._best = {t.trial_id: Best() for t in trials}
        protocol = self._config["protocol"]
        self._sign = -1.0 if direction_of(protocol, protocol["select"]) == "max" else 1.0

    def resume(self) -> None:
        """Continue from the newest checkpoint that can be read, of any attempt, and all of whose rows are there."""
        scored = {
            (row["trial_id"], row["step"], row["metric"])
            for attempt in self._store.attempts(self._pack.pack_id)
            for row in attempt.scores()
        }
        for path in self._store.checkpoints(self._pack.pack_id):
            if not self._due(checkpoint_step(path)) <= scored:
                continue  # the disk has lost rows: they are made again
            try:
                notes = self.training.restore(path)
            except (ValueError, RuntimeError, EOFError, KeyError, OSError):
                continue  # cut in half or foreign: an older one will do
            self._best = {k: Best(step, value) for k, (step, value) in notes["best"].items()}
            return

    def _due(self, step: int) -> set[tuple[str, int, str]]:
        """Return what a pack has scored that has come so far: (trial, step, metric)."""
        keys = self.bench.scorer.keys(("every",))
        return {
            (t.trial_id, s, key) for t in self._trials for s in self._schedule if s <= step for key in keys
        }

    def run(self, stop: Stop, on_step: OnStep = lambda _: None) -> str:
        """Train to the end of the budget or until told to stop; returns `done` or `stopped`."""
        steps, interval = self._schedule[-1], self._config["budget"]["checkpoint_seconds"]
        saved = beaten = time.monotonic()
        log_every = max(1, self._config["budget"]["every"] // 10)
        while self.training.progress.step < steps:
            logs = self.training.advance()
            step, now = self.training.progress.step, time.monotonic()
            if step % log_every == 0:
                self._log(step, logs)
            if step in self._schedule:
                self._score(step)
            halt = stop()
            if step in self._schedule or now - saved > interval or halt:
                self._save()
                saved = now
            if now - beaten > HEARTBEAT_SECONDS:
                self._attempt.heartbeat()
                beaten = now
            if halt and step < steps:
                return "stopped"
            on_step(step)
        self._tidy()
        return "done"

    def _save(self) -> None:
        notes = {"best": {k: (b.step, b.value) for k, b in self._best.items()}}
        name = f"checkpoint-{self.training.progress.step}.pt"
        self._attempt.write(name, lambda path: self.training.save(path, notes))
        self._attempt.forget_checkpoints(keep=1)

    def _log(self, step: int, logs: dict[str, torch.Tensor]) -> None:
        rows = [
            {"trial_id": t.trial_id, "step": step, **{k: _plain(v[lane]) for k, v in logs.items()}}
            for lane, t in enumerate(self._trials)
        ]
        self._attempt.append_logs(rows)

    def _score(self, step: int) -> None:
        healthy = self.training.finite()
        rows: list[Score] = []
        for lane, trial in enumerate(self._trials):
            rows += self._score_lane(step, lane, trial, healthy=bool(healthy[lane]))
        self._attempt.append_scores(rows)

    def _score_lane(self, step: int, lane: int, trial: Trial, *, healthy: bool) -> list[Score]:
        started = time.perf_counter()
        procedure, state = self.training.lane(lane)
        scorer, last = self.bench.scorer, step == self._schedule[-1]
        schedules = ("every", "best_last") if last else ("every",)
        values: dict[str, float] | None = None
        if healthy:
            fakes = scorer.generate(procedure, state)
            if is_finite(fakes.images):
                values = finite_or_none(scorer.score(fakes, procedure, schedules))
            if values is not None:
                self._keep(step, trial, values, fakes.settled, shown(fakes.images), last=last)
        rows = self._rows(step, trial, values, scorer.keys(schedules), time.perf_counter() - started)
        return rows + (self._score_best(trial, procedure, step) if last else [])

    def _score_best(self, trial: Trial, procedure: Procedure, step: int) -> list[Score]:
        """Score the best checkpoint by the metrics that wait for the end."""
        best, scorer = self._best[trial.trial_id].step, self.bench.scorer
        keys = scorer.keys(("best_last",))
        if best is None or best == step or not keys:
            return []
        started = time.perf_counter()
        snapshot = load_snapshot(self._store.snapshot(self._pack.pack_id, trial.trial_id, best))
        fakes = scorer.generate(procedure, snapshot)
        values = finite_or_none(scorer.score(fakes, procedure, ("best_last",)))
        return self._rows(best, trial, values, keys, time.perf_counter() - started)

    def _rows(
        self, step: int, trial: Trial, values: dict[str, float] | None, keys: list[str], cost: float
    ) -> list[Score]:
        progress, lanes = self.training.progress, len(self._trials)
        images = step * self.training.batch_size
        status = "diverged" if values is None else "ok"
        return [
            Score(
                trial_id=trial.trial_id,
                step=step,
                images_seen=images,
                seconds=progress.seconds / lanes,
                metric=key,
                value=None if values is None else values[key],
                status=status,
                protocol=self.bench.protocol,
                extra={
                    "score_seconds": cost / len(keys),
                    "compile_seconds": progress.compile_seconds / lanes,
                },
            )
            for key in keys
        ]

    def _keep(
        self,
        step: int,
        trial: Trial,
        values: dict[str, float],
        snapshot: Snapshot | None,
        few: torch.Tensor,
        *,
        last: bool,
    ) -> None:
        """Keep the snapshots of the best and last checkpoints (or all of them) with a few samples each."""
        value = self._sign * values[self._config["protocol"]["select"]]
        best = self._best[trial.trial_id]
        is_best = best.step is None or value < best.value
        if is_best:
            self._best[trial.trial_id] = Best(step, value)
        if snapshot is not None and (is_best or last or self._config["budget"]["keep"] == "all"):
            name = f"snapshots/{trial.trial_id}-{step}.safetensors"
            self._attempt.write(name, lambda path: save_snapshot(path, snapshot, few))
        if is_best and self._config["budget"]["keep"] != "all":
            self._drop(trial, best.step)

    def _drop(self, trial: Trial, step: int | None) -> None:
        (self._attempt.folder / "snapshots" / f"{trial.trial_id}-{step}.safetensors").unlink(missing_ok=True)

    def _tidy(self) -> None:
        """A finished pack needs no resume checkpoint."""
        self._attempt.forget_checkpoints(keep=0)
        if self._config["budget"]["keep"] == "none":
            for path in self._attempt.folder.glob("snapshots/*.safetensors"):
                path.unlink()


def finite_or_none(values: dict[str, float]) -> dict[str, float] | None:
    """Return a checkpoint's scores, None if one is not finite: samples so large that features overflow."""
    return values if all(map(math.isfinite, values.values())) else None


def _plain(value: torch.Tensor) -> float | None:
    return value.item() if bool(value.isfinite()) else None
