"""A slot: claims packs until none is left or it is told to stop, trains and scores them, survives anything."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ganbench.attempts import Attempt
from ganbench.errors import UserError
from ganbench.identity import protocol_id
from ganbench.instantiation import instantiate, load_plugins
from ganbench.nodes import resolve, set_values
from ganbench.protocols import Images, Procedure, Snapshot
from ganbench.records import Pack, Score, Trial
from ganbench.rng import Rng
from ganbench.scoring import Scorer, is_finite, metric_key, shown
from ganbench.store import Store
from ganbench.training import PackTraining

Stop = Callable[[], bool]
OnStep = Callable[[float], None]
HEARTBEAT_SECONDS = 2.0


def checkpoint_steps(budget: dict[str, Any]) -> list[int]:
    """Return the scored steps: every `every` steps and the last one."""
    return sorted({*range(budget["every"], budget["steps"] + 1, budget["every"]), budget["steps"]})


def trial_config(
    definition: dict[str, Any], variant: dict[str, str], params: dict[str, Any]
) -> dict[str, Any]:
    """Return a trial's resolved config from the sweep's frozen definition; nothing is composed."""
    base = next(v["config"] for v in definition["variants"] if v["choices"] == variant)
    return resolve(set_values(base, params))


@dataclass(frozen=True)
class Bench:
    """A dataset with its protocol, loaded once per process."""

    images: Images
    scorer: Scorer
    protocol: str


@lru_cache(maxsize=1)
def _bench(dataset: str, protocol: str) -> Bench:
    source, rules = instantiate(json.loads(dataset)), json.loads(protocol)
    for extractor in instantiate(rules["extractors"]).values():
        extractor.weights_hash()  # missing weights are found out before anything is trained
    images = source.load()
    return Bench(images, Scorer(rules, source, images), protocol_id(rules))


def bench_of(config: dict[str, Any], protocol: dict[str, Any] | None = None) -> Bench:
    """Return the bench of a resolved config, under its own protocol or another."""
    return _bench(json.dumps(config["dataset"]), json.dumps(protocol or config["protocol"]))


def pack_training(
    definition: dict[str, Any], pack: Pack, trials: list[Trial], images: Images
) -> PackTraining:
    """Build a pack as planned; lanes beyond its trials repeat the last one and are discarded."""
    configs = [trial_config(definition, t.variant, t.params) for t in trials]
    procedures = [instantiate(c["model"]["procedure"]) for c in configs]
    padding = pack.lanes - len(trials)
    return PackTraining(
        procedures + procedures[-1:] * padding,
        [t.seed for t in trials] + [trials[-1].seed] * padding,
        images,
        batch_size=configs[0]["budget"]["batch_size"],
        mode=pack.mode,
    )


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
        """Continue from the newest checkpoint that can be read, of any attempt."""
        for path in self._store.checkpoints(self._pack.pack_id):
            try:
                notes = self.training.restore(path)
            except (ValueError, RuntimeError, EOFError, KeyError, OSError):
                continue  # cut in half or foreign: an older one will do
            self._best = {k: Best(step, value) for k, (step, value) in notes["best"].items()}
            return

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
        seconds = self.training.progress.seconds / len(self._trials)
        images = step * self.training.batch_size
        status = "diverged" if values is None else "ok"
        return [
            Score(
                trial_id=trial.trial_id,
                step=step,
                images_seen=images,
                seconds=seconds,
                metric=key,
                value=None if values is None else values[key],
                status=status,
                protocol=self.bench.protocol,
                extra={"score_seconds": cost / len(keys)},
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
            tensors = {**_flat(snapshot), "shown": few}
            self._attempt.write(
                f"snapshots/{trial.trial_id}-{step}.safetensors", lambda p: save_file(tensors, p)
            )
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


def direction_of(protocol: dict[str, Any], key: str) -> str:
    """Return `min` or `max` for a metric key of a protocol."""
    for metric in protocol["metrics"].values():
        for name, direction in metric["directions"].items():
            if metric_key(name, metric["space"]) == key.partition("@")[0]:
                return str(direction)
    raise UserError(f"protocol {protocol['name']!r} gives no metric {key!r}")


def finite_or_none(values: dict[str, float]) -> dict[str, float] | None:
    """Return a checkpoint's scores, None if one is not finite: samples so large that features overflow."""
    return values if all(map(math.isfinite, values.values())) else None


def _plain(value: torch.Tensor) -> float | None:
    return value.item() if bool(value.isfinite()) else None


def _flat(snapshot: Snapshot) -> dict[str, torch.Tensor]:
    parts = (("generator", snapshot.generator), ("standing", snapshot.standing))
    return {f"{part}/{name}": value.contiguous() for part, tree in parts for name, value in tree.items()}


def load_snapshot(path: Path) -> Snapshot:
    """Read a snapshot; raises SafetensorError on a file that is not one."""
    tensors = load_file(path)

    def part(name: str) -> dict[str, torch.Tensor]:
        return {k.partition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{name}/")}

    return Snapshot(part("generator"), part("standing"))


def run_slot(
    results: str,
    name: str,
    slot: int,
    stop: Stop,
    *,
    retry_failed: bool = False,
    on_step: OnStep = lambda _: None,
) -> None:
    """Claim and run packs of a sweep until none is left or `stop()`; every outcome is in the store.

    A pack that raises is recorded as failed and the slot goes on; a full disk or an unreadable store ends the slot.
    """
    store = Store(Path(results), name)
    load_plugins(list(store.definition().get("plugins", {})))
    while not stop():
        claimed = _claim(store, slot, retry_failed=retry_failed)
        if claimed is None:
            return
        _attempt(store, *claimed, stop, on_step)


def _claim(store: Store, slot: int, *, retry_failed: bool) -> tuple[Attempt, Pack | dict[str, Any]] | None:
    """Return the first unit of work nobody holds: baselines first, since every table reads them."""
    for unit, work in _units(store, slot):
        attempt = store.claim(unit, retry_failed=retry_failed)
        if attempt is not None:
            return attempt, work
    return None


def _units(store: Store, slot: int) -> Iterator[tuple[str, Pack | dict[str, Any]]]:
    for baseline in store.definition()["baselines"]:
        yield baseline["id"], baseline
    packs = list(store.plan().packs.items())
    yield from packs[slot % max(1, len(packs)) :]  # slots start apart, so that claims rarely collide
    yield from packs[: slot % max(1, len(packs))]


def _attempt(
    store: Store, attempt: Attempt, work: Pack | dict[str, Any], stop: Stop, on_step: OnStep
) -> None:
    try:
        if isinstance(work, Pack):
            _run_pack(store, attempt, work, stop, on_step)
        else:
            _run_baselines(store, attempt, work)
    except UserError:
        raise
    except Exception:
        attempt.fail(traceback.format_exc())


def _run_pack(store: Store, attempt: Attempt, pack: Pack, stop: Stop, on_step: OnStep) -> None:
    torch.set_num_threads(pack.threads)
    by_id = {t.trial_id: t for t in store.plan().trials}
    run = PackRun(store, attempt, pack, [by_id[i] for i in pack.trial_ids])
    attempt.start({"torch": torch.__version__, "device": "cpu", "dataset": run.bench.images.content_hash})
    run.resume()
    attempt.finish(run.run(stop, on_step))


def _run_baselines(store: Store, attempt: Attempt, work: dict[str, Any]) -> None:
    attempt.start({"torch": torch.__version__, "device": "cpu"})
    config = trial_config(store.definition(), work["variant"], {})
    bench = bench_of(config)
    procedure = instantiate(config["model"]["procedure"])
    scores = bench.scorer.baselines((procedure, procedure.init(Rng.of(0).fold("init"))))
    for baseline, values in scores.items():
        attempt.append_baselines(
            [
                {
                    "dataset": work["dataset"],
                    "protocol": bench.protocol,
                    "baseline": baseline,
                    "metric": k,
                    "value": v,
                }
                for k, v in values.items()
            ]
        )
    real = {"shown": shown(bench.scorer.real_images)}
    attempt.write("real.safetensors", lambda path: save_file(real, path))
    attempt.finish("done")
