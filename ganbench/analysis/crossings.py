"""How much more budget the worse model needs until it passes the better."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from functools import cache, partial
from itertools import combinations

import pandas as pd

from ganbench.analysis.comparisons import HOLM_AT, Pair, matched
from ganbench.analysis.draws import KNOWN, LONGEST, chosen, draws, independent, shared
from ganbench.analysis.duel import Duel
from ganbench.analysis.results import Results

NOT_REACHED = float("inf")
HALF = 0.5 - 1e-9  # but for rounding
COLUMNS = (
    "dataset",
    "metric",
    "budget",
    "better",
    "worse",
    "n_better",
    "n_worse",
    "share",
    "k",
    "lower",
    "upper",
    "limit",
)


def crossings(
    results: Results, table: pd.DataFrame, *, at: str = "best", keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the smallest budget at which the worse model passes the better at budgets 1, 5 and 10.

    One row per (dataset, metric, budget, pair): `share` is P(better beats worse) at that budget each, `k`
    the least k with P(best of k of the worse beats best of `budget` of the better) ≥ ½, ∞ where it is not
    reached with `limit` = n/2 settings. The 95 % interval holds each k at which ½ lies inside the interval
    of that probability (see `Duel.judge`): `upper` is ∞ where it is open at n/4, beyond which there are no
    intervals, and `lower` is then at least the last k that was ruled out plus 1. No row where `budget`
    exceeds half of a model's settings, NaN bounds where it exceeds a quarter of the better's. Raises
    `StatisticsError` for draws that are not independent.
    """
    independent(results, "crossing budgets")
    rows = []
    for dataset in results.datasets:
        for metric in chosen(results, dataset, keys):
            found = draws(results, table, dataset, metric, at=at)
            for a, b in combinations(results.variants, 2):
                pair = matched(found, a, b, together=shared(results))
                if pair is not None:
                    rows += [
                        (dataset, metric.key, *row) for row in _crossed((a, b), pair, paired=shared(results))
                    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _crossed(names: tuple[str, str], pair: Pair, *, paired: bool) -> Iterator[tuple[object, ...]]:
    duels = Duel(*pair, paired=paired), Duel(pair[1], pair[0], paired=paired)
    for budget in HOLM_AT:
        if budget > max(KNOWN * min(len(losses) for losses in pair), 1):
            continue
        share = duels[0].share(budget, budget)
        first = 0 if share >= HALF else 1
        catching = duels[1 - first]
        limit = max(int(KNOWN * catching.n_a), 1)
        k = _least(partial(_share, catching, budget), limit)
        yield (
            budget,
            names[first],
            names[1 - first],
            catching.n_b,
            catching.n_a,
            max(share, 1.0 - share),
            k,
            *_interval(catching, budget),
            limit,
        )


def _share(duel: Duel, budget: int, k: int) -> float:
    return duel.share(k, budget)


def _interval(duel: Duel, budget: int) -> tuple[float, float]:
    """Return the least k whose interval reaches ½, and the least whose interval lies above it."""
    last = int(LONGEST * duel.n_a)
    if last < 1 or budget > LONGEST * duel.n_b:
        return float("nan"), float("nan")
    judged = cache(lambda k: duel.judge(k, budget))  # both searches begin alike
    low = _least(lambda k: judged(k).upper, last)
    return min(low, last + 1.0), _least(lambda k: judged(k).lower, last)


def _least(share: Callable[[int], float], limit: int) -> float:
    """Return the least k up to the limit with share(k) ≥ ½, by bisection: the share grows with k."""
    place = bisect_left(range(1, limit + 1), True, key=lambda k: share(k) >= HALF)  # noqa: FBT003
    return float(place + 1) if place < limit else NOT_REACHED
