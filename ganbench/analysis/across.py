"""P(A beats B) at a budget between sweeps: what a change did to a model, or where a new one stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from ganbench.analysis.best import of_metric
from ganbench.analysis.comparisons import COLUMNS, HOLM_AT, compared, corrected
from ganbench.analysis.curves import sampler_name
from ganbench.analysis.draws import Losses, draws, independent, searched, shared
from ganbench.analysis.results import Metric, Results
from ganbench.analysis.selection import worst

Search: TypeAlias = tuple[Results, pd.DataFrame]  # a sweep with its outcomes

APART, TOGETHER, RUNS = "apart", "together", "the same runs"


class _Side(NamedTuple):
    name: str
    address: tuple[object, ...]
    trials: pd.Series  # ids of its random settings, by their numbers
    parameters: pd.DataFrame


def across(sweeps: Sequence[Search], dataset: str, metric: Metric) -> pd.DataFrame:
    """Compare models between sweeps, rows like those of `comparisons` with a column `drawn`.

    `a` and `b` are named `<variant> of <sweep>`, see `opponents` for who meets. `drawn` is `together` where the
    settings of one number come from the same random numbers, as in two sweeps with one sampler and sampler seed,
    whatever their ranges: then those numbers that both have are compared, and the variance is that of paired
    draws. It is `the same runs` where there is nothing to compare, else `apart`. Holm corrects over all pairs and
    budgets. Raises `StatisticsError` for draws that are not independent.
    """
    for results, _ in sweeps:
        independent(results, "comparisons of sweeps at a budget")
    level = _levelled(sweeps, dataset, metric)
    rows = [
        row for first, second in combinations(level, 2) for row in _between(first, second, dataset, metric)
    ]
    return corrected(pd.DataFrame(rows, columns=[*COLUMNS, "drawn"]))


def opponents(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    """Return who meets: a variant of both sweeps itself, and one that only one of them has all of the other's."""
    both = {*first} & {*second}
    return [(a, b) for a in first for b in second if a == b or not {a, b} <= both]


def _levelled(sweeps: Sequence[Search], dataset: str, metric: Metric) -> list[Search]:
    """Return the searches with one number for diverged runs in all: what is worst may hang on the scores seen."""
    rows = [of_metric(table, dataset, metric) for _, table in sweeps]
    bottom = worst(pd.concat([ours["best"] for ours in rows]), metric)
    return [
        (results, ours.assign(best=ours["best"].where(ours["best_finite"].astype(bool), bottom)))
        for (results, _), ours in zip(sweeps, rows, strict=True)
    ]


def _between(first: Search, second: Search, dataset: str, metric: Metric) -> Iterator[tuple[object, ...]]:
    found: Mapping[str, Losses] = {
        _named(variant, results): losses
        for results, table in (first, second)
        for variant, losses in draws(results, table, dataset, metric).items()
    }
    ours, theirs = ({variant: _side(one, variant) for variant in one[0].variants} for one in (first, second))
    for a, b in opponents([*ours], [*theirs]):
        one, two = ours[a], theirs[b]
        drawn = _drawn(one, two)
        known = {} if drawn == RUNS else found
        for row, _ in compared(known, one.name, two.name, HOLM_AT, paired=drawn == TOGETHER):
            yield (dataset, metric.key, *row, drawn)


def _named(variant: str, results: Results) -> str:
    return f"{variant} of {results.name}"


def _side(search: Search, variant: str) -> _Side:
    results, table = search
    rows = searched(table)
    rows = rows[rows["variant"] == variant].set_index("index")
    parameters = rows[results.parameters].dropna(axis=1, how="all").sort_index(axis=1).astype(object)
    ids = rows["trial_id"].astype(str)  # categories of two sweeps do not compare
    return _Side(_named(variant, results), _address(results, variant), ids, parameters)


def _address(results: Results, variant: str) -> tuple[object, ...]:
    """Return what a variant's random numbers are drawn by; nothing where that is not known."""
    keys: dict[str, Any] = {
        results.label(known["choices"]): known.get("search_key")
        for known in results.definition.get("variants", [])
    }
    seed = results.definition.get("search", {}).get("sampler_seed")
    if keys.get(variant) is None or seed is None:
        return ()
    return (sampler_name(results), seed, "" if shared(results) else keys[variant])


def _drawn(one: _Side, two: _Side) -> str:
    """Say how the settings of two sides hang together; scores made elsewhere are told by their parameters."""
    both = one.trials.index.intersection(two.trials.index)
    if not (len(both) and one.trials.index.is_unique and two.trials.index.is_unique):
        return APART
    if (one.trials[both] == two.trials[both]).all():
        return RUNS
    if one.address and two.address:
        return TOGETHER if one.address == two.address else APART
    return TOGETHER if _same(one.parameters.loc[both], two.parameters.loc[both]) else APART


def _same(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    if not len(ours.columns) or [*ours] != [*theirs]:
        return False
    return bool(((ours == theirs) | (ours.isna() & theirs.isna())).to_numpy().all())
