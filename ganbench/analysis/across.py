"""P(A beats B) at a budget between sweeps: what a change did to a model, or where a new one stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TypeAlias

import pandas as pd

from ganbench.analysis.comparisons import COLUMNS, HOLM_AT, compared, corrected
from ganbench.analysis.draws import draws, independent, searched
from ganbench.analysis.results import Metric, Results

Search: TypeAlias = tuple[Results, pd.DataFrame]  # a sweep with its outcomes


def across(sweeps: Sequence[Search], dataset: str, metric: Metric) -> pd.DataFrame:
    """Compare models between sweeps, rows like those of `comparisons` with a column `paired`.

    `a` and `b` are named `<variant> of <sweep>`, see `opponents` for who meets. `paired` where both tried the
    same settings under the same numbers: then these are compared one by one, and the variance is that of paired
    draws. Holm corrects over all pairs and budgets. Raises `StatisticsError` for draws that are not independent.
    """
    for results, _ in sweeps:
        independent(results, "comparisons of sweeps at a budget")
    rows = [
        row for first, second in combinations(sweeps, 2) for row in _between(first, second, dataset, metric)
    ]
    return corrected(pd.DataFrame(rows, columns=[*COLUMNS, "paired"]))


def opponents(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    """Return who meets: a variant of both sweeps itself, and one that only one of them has all of the other's."""
    both = {*first} & {*second}
    return [(a, b) for a in first for b in second if a == b or not {a, b} <= both]


def _between(first: Search, second: Search, dataset: str, metric: Metric) -> Iterator[tuple[object, ...]]:
    found = {
        _named(variant, results): losses
        for results, table in (first, second)
        for variant, losses in draws(results, table, dataset, metric).items()
    }
    for a, b in opponents(first[0].variants, second[0].variants):
        paired = _same(*(_settings(*one, dataset, metric, v) for one, v in ((first, a), (second, b))))
        names = (_named(a, first[0]), _named(b, second[0]))
        for row, _ in compared(found, *names, HOLM_AT, paired=paired):
            yield (dataset, metric.key, *row, paired)


def _named(variant: str, results: Results) -> str:
    return f"{variant} of {results.name}"


def _settings(
    results: Results, table: pd.DataFrame, dataset: str, metric: Metric, variant: str
) -> pd.DataFrame:
    """Return a variant's random settings by their numbers, without parameters of other models."""
    rows = searched(table)
    rows = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric.key) & (rows["variant"] == variant)]
    return rows.set_index("index")[results.parameters].dropna(axis=1, how="all").sort_index(axis=1)


def _same(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Return whether settings that bear one number are the same; False where there is nothing to tell it by."""
    both = ours.index.intersection(theirs.index)
    if not len(both) or not len(ours.columns) or [*ours] != [*theirs]:
        return False
    one, two = ours.loc[both], theirs.loc[both]
    return bool(((one == two) | (one.isna() & two.isna())).to_numpy().all())
