"""Scores along each hyperparameter by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
from scipy.stats import binom

from ganbench.analysis.bands import Array
from ganbench.analysis.curves import LEVEL
from ganbench.analysis.distributions import quantile
from ganbench.analysis.draws import chosen, independent
from ganbench.analysis.results import Results
from ganbench.analysis.sensitivity import levels, settings

COLUMNS = (
    "dataset",
    "metric",
    "variant",
    "parameter",
    "level",
    "low",
    "high",
    "n",
    "median",
    "lower",
    "upper",
    "q25",
    "q75",
    "no_score",
)


def marginals(
    results: Results, table: pd.DataFrame, *, at: str = "best", keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the median score at each level of each hyperparameter, all others drawn at random.

    One row per (dataset, metric, variant, parameter, level): the `low`est and `high`est value in the level
    (of words and truth values the value itself), `n` settings, `median` with its exact interval `lower`,
    `upper` (at least 95 %, order statistics; NaN for n < 6), quartiles, and the share `no_score` of runs
    without a finite score, which are worst in the others. Raises `StatisticsError` for draws that are not
    independent.
    """
    independent(results, "marginal curves")
    rows = [
        (dataset, metric.key, variant, name, *row)
        for dataset in results.datasets
        for metric in chosen(results, dataset, keys)
        for variant, names, ours in settings(results, table, dataset, metric.key)
        for name in names
        for row in _levels(ours, name, at)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _levels(rows: pd.DataFrame, name: str, at: str) -> Iterator[tuple[object, ...]]:
    cut = levels(rows[name])
    for level in range(int(cut.max()) + 1):
        ours = rows[cut == level]
        scores, values = ours[at].to_numpy(dtype=float), sorted(ours[name])
        middle = (quantile(scores, 0.5), *median_interval(scores))
        quarters = (quantile(scores, 0.25), quantile(scores, 0.75))
        lost = float((~ours[f"{at}_finite"].astype(bool)).mean())
        yield (level, values[0], values[-1], len(ours), *middle, *quarters, lost)


def median_interval(scores: Array, level: float = LEVEL) -> tuple[float, float]:
    """Return the order statistics between which the median lies with probability ``level`` at least.

    P(x₍ᵣ₎ ≤ median ≤ x₍ₙ₋ᵣ₊₁₎) = 1 − 2 P(Bin(n, ½) < r), for any continuous law; NaN where even the extremes
    do not reach the level.
    """
    n = len(scores)
    rank = int(binom.ppf((1.0 - level) / 2.0, n, 0.5)) if n else 0
    if rank < 1:
        return float("nan"), float("nan")
    ordered = np.sort(scores)
    return float(ordered[rank - 1]), float(ordered[n - rank])
