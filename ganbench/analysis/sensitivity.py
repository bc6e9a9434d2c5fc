"""How much of the spread of scores each hyperparameter explains."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import rankdata

from ganbench.analysis.bands import Array
from ganbench.analysis.curves import LEVEL
from ganbench.analysis.draws import chosen, independent, searched
from ganbench.analysis.results import Results

ALL = "(all together)"
LEVELS, LEAST = 5, 8  # at most so many levels of a number, with at least so many settings each
COLUMNS = ("dataset", "metric", "variant", "parameter", "levels", "n", "share", "lower", "upper")


def sensitivity(
    results: Results,
    table: pd.DataFrame,
    *,
    at: str = "best",
    keys: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return the share of the score's spread that each hyperparameter explains by itself.

    One row per (dataset, metric, variant, parameter). Scores are replaced by their ranks (diverged is worst;
    ties share a rank), a number is cut into at most five levels of equal counts, and `share` is
    ε² = 1 − (1 − η²)(n − 1)/(n − levels), η² the sum of squares between levels over the total: unbiased
    where nothing depends on the parameter, so it may be below 0 (Kelley 1935; the effect size of Kruskal
    and Wallis' test). `lower`, `upper` hold it at 95 %, see `explained`.
    The row `(all together)` is the adjusted R² of all main effects at once; what it leaves is interaction,
    seeds and what levels are too coarse for. NaN where every score is the same or settings are too few
    (n < 16). Draws have to be independent, also of each other: raises `StatisticsError` where not.
    """
    independent(results, "variance shares")
    rows = [
        (dataset, metric.key, variant, *row)
        for dataset in results.datasets
        for metric in chosen(results, dataset, keys)
        for variant, names, ours in settings(results, table, dataset, metric.key)
        for row in _shares(ours[at].to_numpy(dtype=float), ours, names)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def settings(
    results: Results, table: pd.DataFrame, dataset: str, key: str
) -> Iterator[tuple[str, list[str], pd.DataFrame]]:
    """Yield each variant with its searched parameters, those of at least two values, and its random settings."""
    names = results.parameters
    rows = searched(table)
    rows = rows.loc[
        (rows["dataset"] == dataset) & (rows["metric"] == key),
        ["variant", "best", "last", "best_finite", "last_finite", *names],
    ]
    for variant in results.variants:
        ours = rows[rows["variant"] == variant]
        drawn = [name for name in names if ours[name].notna().all() and ours[name].nunique() > 1]
        if drawn:
            yield variant, drawn, ours


def levels(values: pd.Series) -> NDArray[np.int64]:
    """Return each setting's level: its value where there are few, else one of up to five of equal counts."""
    numbers = pd.to_numeric(values, errors="coerce") if values.dtype != bool else pd.Series(dtype=float)
    if numbers.isna().any() or numbers.empty or numbers.nunique() <= LEVELS:
        return pd.factorize(values.astype(str), sort=True)[0].astype(np.int64)
    count = min(LEVELS, max(2, len(values) // LEAST))
    places = np.asarray(rankdata(numbers, method="ordinal"), dtype=np.int64) - 1
    return places * count // len(values)


def _shares(scores: Array, rows: pd.DataFrame, names: list[str]) -> Iterator[tuple[object, ...]]:
    ranks = rankdata(scores)
    cut = {name: levels(rows[name]) for name in names}
    for name, level in cut.items():
        count = int(level.max()) + 1
        yield (name, count, len(ranks), *explained(ranks, _indicators([level])))
    together = _indicators(list(cut.values()))
    yield (ALL, together.shape[1], len(ranks), *explained(ranks, together))


def _indicators(cut: list[NDArray[np.int64]]) -> Array:
    """Return a column of ones, and one per level but the first of each parameter."""
    columns = [np.ones(len(cut[0]))]
    columns += [(level == value).astype(float) for level in cut for value in range(1, int(level.max()) + 1)]
    return np.stack(columns, axis=1)


def explained(ranks: Array, design: Array) -> tuple[float, float, float]:
    """Return ε² of a linear model of the ranks, and its interval: ε² ± t · jackknife error.

    Leaving setting i out takes e_i²/(1 − h_i) from the residual and n/(n − 1) of its squared deviation from the
    total sum of squares, with residual e and leverage h.
    """
    basis, weights, _ = np.linalg.svd(design, full_matrices=False)
    basis = basis[:, weights > 1e-9 * weights[0]]
    n, within = len(ranks), len(ranks) - basis.shape[1]
    centred = ranks - ranks.mean()
    total = float(centred @ centred)
    if total == 0.0 or n < 2 * LEAST or within < 2:
        return (float("nan"),) * 3
    residual = centred - basis @ (basis.T @ centred)
    left, without = float(residual @ residual), total - centred**2 * n / (n - 1)
    free = 1.0 - (basis**2).sum(axis=1)
    share = 1.0 - (left / within) / (total / (n - 1))
    if (free < 1e-9).any() or (without <= 0).any():  # a level of one setting
        return share, float("nan"), float("nan")
    others = 1.0 - ((left - residual**2 / free) / (within - 1)) / (without / (n - 2))
    error = float(np.sqrt((n - 1) / n * ((others - others.mean()) ** 2).sum()))
    half = float(stdtrit(within, (1.0 + LEVEL) / 2.0)) * error
    return share, share - half, share + half
