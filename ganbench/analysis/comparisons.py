"""P(A beats B) at a budget for every pair of models, with what survives Holm's correction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np
import pandas as pd

from ganbench.analysis.bands import Array
from ganbench.analysis.draws import Losses, chosen, draws, independent, reach, shared
from ganbench.analysis.duel import LEVEL, Duel, Estimate, band_bounds
from ganbench.analysis.permutation import judged
from ganbench.analysis.results import Metric, Results

Pair: TypeAlias = tuple[Array, Array]

HOLM_AT = (1, 5, 10)
UNDECIDED = "undecided"
ALIKE = 0.75  # as sure as the better of two alike models may be to come out ahead
COLUMNS = ("dataset", "metric", "k", "a", "b", "n_a", "n_b", "share", "lower", "upper", "line", "p")


def comparisons(
    results: Results,
    table: pd.DataFrame,
    *,
    at: str = "best",
    keys: Collection[str] | None = None,
    conservative: bool = False,
) -> pd.DataFrame:
    """Compare every pair of variants at budgets 1, 5 and 10, one row per (dataset, metric, k, a, b).

    `share` is P(a beats b), see `Duel`, with its 95 % interval `lower`, `upper` and the p-value `p` of ½, at
    k = 1 of few settings by permutation (`permutation.judged`). Holm (1979) corrects p to `p_holm` over all
    pairs and budgets of a dataset and metric. `verdict` is the winner where p_holm < .05, else `undecided`;
    a pair at more than n/4 is undecided and has no interval. `alike` where the whole interval lies within
    [¼, ¾], uncorrected; a decided pair can be.
    `line` is how an interval is drawn: solid to n/8, dashed to n/4, none. ``conservative`` adds
    `band_lower`, `band_upper`, see `band_bounds`. Diverged is worst, and equal to diverged; a pair of which
    one has no draw has a row without numbers. Raises `StatisticsError` for draws that are not independent.
    """
    return corrected(_frame(results, table, HOLM_AT, at=at, keys=keys, conservative=conservative))


def corrected(frame: pd.DataFrame) -> pd.DataFrame:
    """Return compared pairs with `p_holm`, `verdict` and `alike`, see `comparisons`."""
    families = frame.groupby(["dataset", "metric"], sort=False)["p"]
    frame["p_holm"] = families.transform(holm) if len(frame) else frame["p"]
    won = frame["a"].where(frame["share"] > 0.5, frame["b"])
    alike = (frame["lower"] >= 1.0 - ALIKE) & (frame["upper"] <= ALIKE)
    return frame.assign(verdict=won.where(frame["p_holm"] < 1.0 - LEVEL, UNDECIDED), alike=alike)


def comparison_curves(
    results: Results, table: pd.DataFrame, *, at: str = "best", keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Return P(a beats b) at up to forty budgets until n/4 as rows like those of `comparisons`, uncorrected."""
    frame = _frame(results, table, None, at=at, keys=keys, conservative=False)
    return frame[frame["line"] != "none"].reset_index(drop=True)


def _frame(
    results: Results,
    table: pd.DataFrame,
    at_budgets: Sequence[int] | None,
    *,
    at: str,
    keys: Collection[str] | None,
    conservative: bool,
) -> pd.DataFrame:
    independent(results, "comparisons at a budget")
    rows = [
        row
        for dataset in results.datasets
        for metric in chosen(results, dataset, keys)
        for row in _pairs(results, draws(results, table, dataset, metric, at=at), at_budgets, dataset, metric)
    ]
    frame = pd.DataFrame([row for row, _ in rows], columns=list(COLUMNS))
    ks, pairs = frame["k"].tolist(), [pair for _, pair in rows]
    if not conservative:
        return frame
    bounds = [
        band_bounds(*pair, k, k) if pair else (np.nan, np.nan) for k, pair in zip(ks, pairs, strict=True)
    ]
    return frame.assign(band_lower=[low for low, _ in bounds], band_upper=[high for _, high in bounds])


def _pairs(
    results: Results,
    found: dict[str, Losses],
    at_budgets: Sequence[int] | None,
    dataset: str,
    metric: Metric,
) -> Iterator[tuple[tuple[object, ...], Pair | None]]:
    for a, b in combinations(results.variants, 2):
        for row, pair in compared(found, a, b, at_budgets, paired=shared(results)):
            yield (dataset, metric.key, *row), pair


def compared(
    found: Mapping[str, Losses], a: str, b: str, at_budgets: Sequence[int] | None, *, paired: bool
) -> Iterator[tuple[tuple[object, ...], Pair | None]]:
    """Yield the columns from `k` to `p` of one pair at budgets, None: forty until n/4, with its losses.

    The sizes are those of what is compared: of paired draws the ones that both have.
    """
    pair = matched(found, a, b, together=paired)
    sizes = [len(ours) for ours in pair] if pair else [len(found.get(name, ())) for name in (a, b)]
    least = min(sizes)
    at_k = _thinned(least // 4) if at_budgets is None else at_budgets
    duel = Duel(*pair, paired=paired) if pair else None
    for k in map(int, at_k):
        found_at = judged(duel, k) if duel else Estimate(*(np.nan,) * 4)
        yield (
            (k, a, b, *sizes, found_at.share, found_at.lower, found_at.upper, reach(k, least), found_at.p),
            pair,
        )


def _thinned(last: int) -> Sequence[int]:
    """Return up to forty budgets from 1 to the last, evenly spread in log k."""
    return sorted({round(float(k)) for k in np.geomspace(1, last, 40)}) if last else ()


def matched(found: Mapping[str, Losses], a: str, b: str, *, together: bool) -> Pair | None:
    """Return the losses of two variants, of shared draws those that both have; None where one has none."""
    if a not in found or b not in found:
        return None
    ours, theirs = found[a], found[b]
    if together:
        both = ours.index.intersection(theirs.index)
        ours, theirs = ours[both], theirs[both]
    return (ours.to_numpy(dtype=float), theirs.to_numpy(dtype=float)) if len(ours) and len(theirs) else None


def holm(p: pd.Series) -> pd.Series:
    """Return Holm's adjusted p-values: in increasing order max over i ≤ j of min(1, (m − i + 1) p_i).

    NaN is no test and counts in no m. Holm 1979, Scandinavian Journal of Statistics 6.
    """
    tested = p.dropna().sort_values(kind="stable")
    factors = np.arange(len(tested), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(tested.to_numpy() * factors), 1.0)
    return pd.Series(adjusted, index=tested.index).reindex(p.index)
