"""Scores of kept snapshots under another protocol: a new metric never needs retraining."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError

from ganbench.config import compose
from ganbench.errors import StoreError
from ganbench.files import called
from ganbench.identity import protocol_id
from ganbench.instantiation import instantiate, load_frozen, load_plugins
from ganbench.nodes import resolve
from ganbench.protocols import Snapshot
from ganbench.records import Score, Trial
from ganbench.scoring import SCHEDULES
from ganbench.store import Store
from ganbench.store.adopted import refuse_imported
from ganbench.store.later import add_baselines, remember
from ganbench.store.opening import open_store
from ganbench.terminal import Console
from ganbench.worker.bench import baseline_rows, bench_of, trial_config
from ganbench.worker.packrun import finite_or_none
from ganbench.worker.snapshots import load_snapshot

Facts: TypeAlias = tuple[int, int, float]  # a checkpoint's step, the images seen until then, and the seconds


def rescore(
    name: str,
    results: Path,
    protocol: str,
    config_dir: Path | None,
    console: Console,
    plugins: tuple[str, ...] = (),
) -> str:
    """Score every kept snapshot of a sweep under a protocol, and its baselines; returns what was done, in lines.

    What was scored under it already is left alone. Raises `StoreError` where no snapshot is kept.
    """
    torch.set_num_threads(1)
    store = open_store(name, results)
    refuse_imported(store, "scored")
    load_frozen(store.definition()["plugins"])
    load_plugins(list(plugins))
    rules = resolve(compose([f"protocol={protocol}"], config_dir).config)["protocol"]
    identity = protocol_id(rules)
    found, todo = _snapshots(store, identity)
    units = _without_baselines(store, identity)
    with console.bar(f"score {protocol}", len(todo)) as update, store.driver():
        # baselines of all datasets first: where a protocol does not fit one of them, nothing is written
        rows = [row for unit in units for row in _baselines(store, unit, rules)]
        if rows:
            add_baselines(store, rows)
        remember(store, identity, rules)
        for n, (trial, facts, path) in enumerate(todo, start=1):
            store.add_scores(_score(store, trial, facts, path, rules))
            update(n)
        store.compact()
    done = f"{name}: {len(todo)} snapshots scored under {identity}, {found - len(todo)} were already"
    return f"{done}\ntables of them: `ganbench report {called(store.folder)} --protocol {identity}`"


def _snapshots(store: Store, protocol: str) -> tuple[int, list[tuple[Trial, Facts, Path]]]:
    """Return how many snapshots are kept, and those that are not scored under a protocol yet."""
    kept = [(key, path) for pack in store.plan().packs for key, path in sorted(store.snapshots(pack).items())]
    if not kept:
        raise StoreError(
            f"{store.name} kept no snapshots under {store.results}: train with budget.keep=best_last, or all"
        )
    scores, keys = store.scores(), ["trial_id", "step"]
    scored = set(scores.loc[scores["protocol"] == protocol, keys].itertuples(index=False, name=None))
    checkpoints = scores.drop_duplicates(keys)[[*keys, "images_seen", "seconds"]]
    facts = {row[:2]: row[2:] for row in checkpoints.itertuples(index=False, name=None)}
    trials = {t.trial_id: t for t in store.plan().trials}
    # a pack that was killed in the middle of a checkpoint has snapshots without rows
    kept = [(key, path) for key, path in kept if key in facts]
    return len(kept), [(trials[t], (s, *facts[t, s]), path) for (t, s), path in kept if (t, s) not in scored]


def _without_baselines(store: Store, protocol: str) -> list[dict[str, Any]]:
    """Return the sweep's units of baselines, of the datasets whose baselines a protocol has not scored yet."""
    known = store.baselines()
    scored = set(known.loc[known["protocol"] == protocol, "dataset"])
    return [unit for unit in store.definition()["baselines"] if unit["dataset"] not in scored]


def _baselines(store: Store, unit: dict[str, Any], rules: dict[str, Any]) -> list[dict[str, Any]]:
    config = trial_config(store.definition(), unit["variant"], {})
    rows = baseline_rows(config, bench_of(config, rules), unit["dataset"])
    return [row | {"unit": f"{unit['id']}-{rules['name']}"} for row in rows]


def _score(store: Store, trial: Trial, facts: Facts, path: Path, rules: dict[str, Any]) -> list[Score]:
    config = trial_config(store.definition(), trial.variant, trial.params)
    bench = bench_of(config, rules)
    procedure = instantiate(config["model"]["procedure"])
    fakes = bench.scorer.generate(procedure, _snapshot(path))
    values = finite_or_none(bench.scorer.score(fakes, procedure, SCHEDULES))
    status = "diverged" if values is None else "ok"
    return [
        Score(trial.trial_id, *facts, key, None if values is None else values[key], status, bench.protocol)
        for key in bench.scorer.keys(SCHEDULES)
    ]


def _snapshot(path: Path) -> Snapshot:
    try:
        return load_snapshot(path)
    except SafetensorError as error:
        raise StoreError(
            f"{path} is damaged ({error}): remove it, the other snapshots can then be scored"
        ) from error
