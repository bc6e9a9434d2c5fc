"""What an analysis reads, gathered from a store. Torch-free."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import pandas as pd

from ganbench.analysis.results import Results
from ganbench.store import Store
from ganbench.store.plan import Plan
from ganbench.store.rows import merged


def gather(store: Store, packs: Collection[str] | None = None) -> Results:
    """Return a sweep as an analysis reads it, without samples; with the scores of some packs only, if named.

    Scores under other protocols than the sweep's own, which no table may mix in, stay out.
    """
    with uncollected():
        definition, plan = store.definition(), store.plan()
        if packs is not None:
            plan = Plan(plan.trials, {name: plan.packs[name] for name in packs})
        scores = merged(store.folder, plan, store.attempts, coded=True)
        own = {protocol["id"] for protocol in definition["protocols"].values()}
        ours = scores[scores["protocol"].isin(own)]
        return Results(
            name=store.name,
            definition=definition,
            trials=_coded(store.trial_states()),
            scores=_coded(ours),
            baselines=store.baselines(),
            samples={},
        )


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
