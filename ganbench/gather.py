"""What an analysis reads, gathered from a store. Torch-free."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd

from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes
from ganbench.store import Store
from ganbench.store.later import named, protocols
from ganbench.store.plan import Plan
from ganbench.store.rows import merged
from ganbench.store.states import DIVERGED

_CHECKPOINT = ["trial_id", "step"]


def gather(store: Store, packs: Collection[str] | None = None) -> Results:
    """Return a sweep as an analysis reads it, without samples; with the scores of some packs only, if named.

    Scores under other protocols than the sweep's own, which no table may mix in, stay out.
    """
    with uncollected():
        plan = store.plan()
        if packs is not None:
            plan = Plan(plan.trials, {name: plan.packs[name] for name in packs})
        return _own(store, merged(store.folder, plan, store.attempts, coded=True))


def gather_under(store: Store, protocol: str) -> Results:
    """Return a sweep with its scores under one protocol, given by name or id: its own, or one it was scored by later.

    Raises `StoreError` where it has no scores under it.
    """
    identity = named(store, protocol)
    with uncollected():
        scores = merged(store.folder, store.plan(), store.attempts, coded=True)
        own = _own(store, scores)
        datasets = own.definition["protocols"]
        if {rules["id"] for rules in datasets.values()} == {identity}:
            return own
        rules = protocols(store)[identity]
        later = scores[scores["protocol"] == identity]
        return replace(
            own,
            definition={**own.definition, "protocols": dict.fromkeys(datasets, rules)},
            scores=_coded(_with_divergence(later, own.scores)),
            baselines=store.baselines().query("protocol == @identity"),
            own=(own, outcomes(own)),
        )


def _own(store: Store, scores: pd.DataFrame) -> Results:
    """Return a sweep under its own protocols, each dataset under its own."""
    definition = store.definition()
    own = {dataset: rules["id"] for dataset, rules in definition["protocols"].items()}
    trained_on = {t.trial_id: t.variant.get("dataset", "") for t in store.plan().trials}
    baselines = store.baselines()
    return Results(
        name=store.name,
        definition=definition,
        trials=_coded(store.trial_states()),
        scores=_coded(_under(scores, scores["trial_id"].map(trained_on), own)),
        baselines=_under(baselines, baselines["dataset"], own),
        samples={},
    )


def _under(rows: pd.DataFrame, datasets: pd.Series, protocol: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of each dataset under its protocol."""
    if len(ids := set(protocol.values())) == 1:
        return rows[rows["protocol"].isin(ids)]
    return rows[rows["protocol"].astype(object) == datasets.map(protocol).astype(object)]


def _with_divergence(later: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Add to a later protocol's rows one for each of its metrics where training had diverged.

    Such a checkpoint left no snapshot to be scored, and is diverged under any protocol. A trial that has finite
    checkpoints, none of which is scored yet, is left out.
    """
    finite = own.loc[own["status"] != DIVERGED, "trial_id"]
    waiting = set(finite.astype(str)) - set(later["trial_id"].astype(str))
    bad = own[(own["status"] == DIVERGED) & ~own["trial_id"].isin(waiting)]
    bad = bad.drop_duplicates(_CHECKPOINT).drop(columns=["metric", "protocol"])
    scored = pd.MultiIndex.from_frame(later[_CHECKPOINT].astype({"trial_id": str}))
    bad = bad[~pd.MultiIndex.from_frame(bad[_CHECKPOINT].astype({"trial_id": str})).isin(scored)]
    rows = bad.merge(later[["metric", "protocol"]].drop_duplicates(), how="cross")
    return pd.concat([later, rows[later.columns]], ignore_index=True) if len(rows) else later


def _coded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts are codes of the different ones: a million rows are found and grouped fastest so."""
    texts = [str(name) for name, kind in table.dtypes.items() if isinstance(kind, pd.StringDtype)]
    return table.astype(dict.fromkeys(texts, "category"))


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no cycles among a million new objects that have none: it takes as long as making them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
