"""What an analysis reads, gathered from a store. Torch-free."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from ganbench.analysis.results import Results
from ganbench.store import Store
from ganbench.store.plan import Plan
from ganbench.store.rows import merged


def gather(store: Store, packs: Collection[str] | None = None) -> Results:
    """Return a sweep as an analysis reads it, without samples; with the scores of some packs only, if named.

    Scores under other protocols than the sweep's own, which no table may mix in, stay out.
    """
    definition, plan = store.definition(), store.plan()
    if packs is not None:
        plan = Plan(plan.trials, {name: plan.packs[name] for name in packs})
    scores = store.scores() if packs is None else merged(store.folder, plan, store.attempts)
    own = {protocol["id"] for protocol in definition["protocols"].values()}
    return Results(
        name=store.name,
        definition=definition,
        trials=store.trial_states(),
        scores=_with_shared_texts(scores[scores["protocol"].isin(own)]),
        baselines=store.baselines(),
        samples={},
    )


def _with_shared_texts(scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores whose texts are Python's, equal ones one object: what pandas finds and groups fastest."""
    texts = [str(name) for name, kind in scores.dtypes.items() if isinstance(kind, pd.StringDtype)]
    return scores.assign(**{name: scores[name].astype("category").astype(object) for name in texts})
