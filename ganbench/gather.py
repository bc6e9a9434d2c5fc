"""What an analysis reads, gathered from a store. Torch-free."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd

from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes
from ganbench.store import Store
from ganbench.store.later import named, protocols
from ganbench.store.plan import Plan
from ganbench.store.rows import merged
from ganbench.store.states import DIVERGED


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
        if identity in _own_protocols(own.definition):
            return own
        rules = {**protocols(store)[identity], "id": identity}
        definition = {**own.definition, "protocols": dict.fromkeys(own.definition["protocols"], rules)}
        ours = _with_divergence(scores, identity)
        return replace(own, definition=definition, scores=_coded(ours), own=(own, outcomes(own)))


def _own(store: Store, scores: pd.DataFrame) -> Results:
    definition = store.definition()
    ours = scores[scores["protocol"].isin(_own_protocols(definition))]
    return Results(
        name=store.name,
        definition=definition,
        trials=_coded(store.trial_states()),
        scores=_coded(ours),
        baselines=store.baselines(),
        samples={},
    )


def _own_protocols(definition: dict[str, Any]) -> set[str]:
    return {protocol["id"] for protocol in definition["protocols"].values()}


def _with_divergence(scores: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Return a later protocol's rows, and one for each of its metrics where training had diverged.

    Such a checkpoint left no snapshot to be scored, and is diverged under any protocol.
    """
    later = scores["protocol"] == protocol
    found, bad = scores[later], scores[~later & (scores["status"] == DIVERGED)]
    places = bad.drop_duplicates(["trial_id", "step"]).drop(columns=["metric", "protocol"])
    rows = places.merge(found[["metric", "protocol"]].drop_duplicates(), how="cross")
    return pd.concat([found, rows[found.columns]], ignore_index=True) if len(rows) else found


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
