"""Scores of kept snapshots under another protocol: a new metric never needs retraining."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ganbench.config import compose
from ganbench.errors import StoreError
from ganbench.identity import protocol_id
from ganbench.instantiation import instantiate, load_plugins
from ganbench.nodes import resolve
from ganbench.protocols import Snapshot
from ganbench.records import Score, Trial
from ganbench.store import Store
from ganbench.store.adopted import refuse_imported
from ganbench.store.opening import open_store
from ganbench.terminal import Console
from ganbench.worker.bench import bench_of, trial_config
from ganbench.worker.packrun import finite_or_none
from ganbench.worker.snapshots import load_snapshot

SCHEDULES = ("every", "best_last")


def rescore(name: str, results: Path, protocol: str, config_dir: Path | None, console: Console) -> str:
    """Score every kept snapshot of a sweep under a protocol; returns a line that says what was done.

    Snapshots scored under it already are left alone. Raises `StoreError` where no snapshot is kept.
    """
    torch.set_num_threads(1)
    store = open_store(name, results)
    refuse_imported(store, "scored")
    load_plugins(list(store.definition()["plugins"]))
    rules = resolve(compose([f"protocol={protocol}"], config_dir).config)["protocol"]
    scores = store.scores()
    done = scores.loc[scores["protocol"] == protocol_id(rules), ["trial_id", "step"]]
    scored = set(done.itertuples(index=False, name=None))
    trials = {t.trial_id: t for t in store.plan().trials}
    found = [(t, s, p) for pack in store.plan().packs for (t, s), p in sorted(store.snapshots(pack).items())]
    if not found:
        raise StoreError(
            f"{name} kept no snapshots under {results}: train with budget.keep=best_last, or all"
        )
    unique = scores.drop_duplicates(["trial_id", "step"])
    facts = {(r["trial_id"], r["step"]): (r["images_seen"], r["seconds"]) for r in unique.to_dict("records")}
    todo = [item for item in found if item[:2] not in scored]
    with console.bar(f"score {protocol}", len(todo)) as update, store.driver():
        for n, (trial_id, step, path) in enumerate(todo, start=1):
            store.add_scores(_score(store, trials[trial_id], step, path, rules, facts[trial_id, step]))
            update(n)
        store.compact()
    return f"{name}: {len(todo)} snapshots scored under {protocol_id(rules)}, {len(found) - len(todo)} were already"


def _score(
    store: Store, trial: Trial, step: int, path: Path, rules: dict[str, Any], facts: tuple[int, float]
) -> list[Score]:
    config = trial_config(store.definition(), trial.variant, trial.params)
    bench = bench_of(config, rules)
    procedure = instantiate(config["model"]["procedure"])
    fakes = bench.scorer.generate(procedure, _snapshot(path))
    values = finite_or_none(bench.scorer.score(fakes, procedure, SCHEDULES))
    status = "diverged" if values is None else "ok"
    return [
        Score(
            trial.trial_id, step, *facts, key, None if values is None else values[key], status, bench.protocol
        )
        for key in bench.scorer.keys(SCHEDULES)
    ]


def _snapshot(path: Path) -> Snapshot:
    try:
        return load_snapshot(path)
    except SafetensorError as error:
        raise StoreError(
            f"{path} is damaged ({error}): remove it, the other snapshots can then be scored"
        ) from error
