"""The run that a search reports by one score, seen by others."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ganbench.analysis.results import Results
from ganbench.analysis.runs import PLAN, searched_at_best


def candidates(
    results: Results, table: pd.DataFrame, dataset: str, by: str, keys: Sequence[str]
) -> pd.DataFrame:
    """Return each searched run at its best checkpoint by the metric ``by``, with all metrics there, the best run first.

    Columns: the plan's, `step` and one a metric. Runs that lack one of the metrics there are left out; of equal ones
    the earlier in the plan comes first.
    """
    found = searched_at_best(results, table, dataset, dict(zip(keys, keys, strict=True)), by)
    return found.sort_values(by, ascending=results.metric(dataset, by).minimize, kind="stable")


def winners(
    results: Results, table: pd.DataFrame, dataset: str, by: Sequence[str], keys: Sequence[str]
) -> pd.DataFrame:
    """Return, for each variant and each metric of ``by``, the searched run that is best by it.

    All metrics are read at the one checkpoint that this metric chooses. Columns: those of `candidates`, and `by`.
    """
    best = [
        candidates(results, table, dataset, key, keys).drop_duplicates("variant").assign(by=key) for key in by
    ]
    found = pd.concat(best, ignore_index=True)
    order = {variant: place for place, variant in enumerate(results.variants)}
    found = found.sort_values("variant", key=lambda names: names.astype(object).map(order), kind="stable")
    return found.reset_index(drop=True)[[*PLAN, "step", *keys, "by"]]
