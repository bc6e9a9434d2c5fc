"""Whether two metrics order runs, and models, alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from ganbench.analysis.bands import Array, philox
from ganbench.analysis.curves import median_best
from ganbench.analysis.draws import oriented, percentiles, resamples
from ganbench.analysis.duel import LEVEL
from ganbench.analysis.results import Metric, Results

RESAMPLES = 500
MOST = 500  # runs that enter; beyond, a fixed random choice of them: Kendall's tau looks at all pairs
COLUMNS = (
    "dataset",
    "metric_a",
    "metric_b",
    "unit",
    "n",
    "left_out",
    "spearman",
    "spearman_lower",
    "spearman_upper",
    "kendall",
    "kendall_lower",
    "kendall_upper",
)


def agreement(
    results: Results, table: pd.DataFrame, *, at: str = "best", keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Correlate the ranks that two metrics give, one row per (dataset, pair of metrics, unit).

    `unit` is `runs` (every searched trial, the default's too) or `models` (each variant's median over its
    runs). Spearman's rho and Kendall's tau-b, positive where the metrics agree on what is better, each with
    the percentiles that hold 95 % of 500 bootstrap samples of the runs within every variant. Runs without a
    finite score in both are left out and counted; of more than 500 a random 500 enters. NaN where fewer
    than three units differ. Without ``keys`` the metrics are the protocol's, one threshold of each.
    """
    frames = [
        row
        for dataset in results.datasets
        for row in _dataset(results, table[table["dataset"] == dataset], dataset, at, keys)
    ]
    return pd.DataFrame(frames, columns=list(COLUMNS))


def _dataset(
    results: Results, table: pd.DataFrame, dataset: str, at: str, keys: Collection[str] | None
) -> list[dict[str, object]]:
    metrics = [m for m in results.metrics(dataset) if (m.key in keys if keys is not None else True)]
    metrics = metrics if keys is not None else _one_threshold(metrics)
    rows = table[table["stage"] == "search"]
    finite = rows[rows[f"{at}_finite"]]
    runs = finite.pivot_table(index=["variant", "index"], columns="metric", values=at)
    every = rows.groupby(["variant", "index"]).ngroups
    found = []
    for a, b in combinations(metrics, 2):
        if a.key in runs and b.key in runs:
            both = runs[[a.key, b.key]].dropna()
            key = {"dataset": dataset, "metric_a": a.key, "metric_b": b.key, "left_out": every - len(both)}
            found += [{**key, **row} for row in correlated(both, a, b, dataset)]
    return found


def _one_threshold(metrics: Sequence[Metric]) -> list[Metric]:
    """Return the first metric of each (bare name, space): the headline's threshold where it has one."""
    first: dict[tuple[str, str], Metric] = {}
    for metric in metrics:
        first.setdefault((metric.bare, metric.space), metric)
    return list(first.values())


def correlated(both: pd.DataFrame, a: Metric, b: Metric, dataset: str) -> list[dict[str, object]]:
    """Return the rows of `agreement` for two columns of finite scores by (variant, index)."""
    rng = philox("agreement", dataset, a.key, b.key)
    if len(both) > MOST:
        both = both.iloc[np.sort(rng.choice(len(both), MOST, replace=False))]
    x, y = (oriented(both[metric.key].to_numpy(dtype=float), metric) for metric in (a, b))
    variants = both.index.get_level_values(0)
    groups = [np.flatnonzero(variants == variant) for variant in variants.unique()]
    counts = np.zeros((RESAMPLES, len(x)))
    for places in groups:
        counts[:, places] = resamples(len(places), RESAMPLES, rng)

    def medians(weights: Array) -> list[Array]:
        return [
            np.stack([median_best(scores[places], weights[:, places].T, (1,))[0] for places in groups]).T
            for scores in (x, y)
        ]

    models = _of_models(medians(np.ones((1, len(x)))), medians(counts))
    return [
        {"unit": "runs", "n": len(x), **_of_runs(x, y, counts)},
        {"unit": "models", "n": len(groups), **models},
    ]


def _of_runs(x: Array, y: Array, counts: Array) -> dict[str, Any]:
    if min(len(np.unique(x)), len(np.unique(y)), len(x)) < 3:
        return {}
    once = np.ones((1, len(x)))
    found: dict[str, Any] = {}
    for name, measure in (("spearman", weighted_spearman), ("kendall", weighted_kendall)):
        found |= _named(name, measure(x, y, once), measure(x, y, counts))
    return found


def _of_models(centre: list[Array], medians: list[Array]) -> dict[str, Any]:
    if centre[0].shape[1] < 3:
        return {}
    return _named("spearman", _spearman(*centre), _spearman(*medians)) | _named(
        "kendall", _kendall(*centre), _kendall(*medians)
    )


def _named(name: str, centre: Array, sampled: Array) -> dict[str, Any]:
    known = sampled[~np.isnan(sampled)]
    lower, upper = percentiles(known, LEVEL) if len(known) else (np.nan, np.nan)
    return {name: float(centre[0]), f"{name}_lower": float(lower), f"{name}_upper": float(upper)}


def weighted_spearman(x: Array, y: Array, counts: Array) -> Array:
    """Return Spearman's rho of samples in which run i comes counts[s, i] times, [S]: Pearson's of mean ranks."""
    ranks = [_weighted_ranks(values, counts) for values in (x, y)]
    n = counts.sum(axis=1, keepdims=True)
    centred = [r - (counts * r).sum(axis=1, keepdims=True) / n for r in ranks]
    cross, left, right = ((counts * centred[i] * centred[j]).sum(axis=1) for i, j in ((0, 1), (0, 0), (1, 1)))
    return _ratio(cross, left * right)


def _weighted_ranks(values: Array, counts: Array) -> Array:
    """Return mean ranks of repeated values: the number below, plus half of the equal ones and ½."""
    mass, place = _mass(values, counts)
    ranks: Array = (np.cumsum(mass, axis=1) - mass / 2.0 + 0.5)[:, place]
    return ranks


def _mass(values: Array, counts: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return the weight of each distinct value, [S, values], and each run's place among them."""
    points, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(points)))
    mass: Array = np.add.reduceat(counts[:, order], starts, axis=1)
    return mass, place


def weighted_kendall(x: Array, y: Array, counts: Array) -> Array:
    """Return Kendall's tau-b of samples in which run i comes counts[s, i] times, [S].

    Σ w_i w_j sign(x_i − x_j) sign(y_i − y_j) over the root of the same sums of sign² of x and of y.
    """
    weights = counts.astype(np.float32)
    signs = [np.sign(v[:, None] - v[None, :]).astype(np.float32) for v in (x, y)]
    cross = np.einsum("si,si->s", weights @ (signs[0] * signs[1]), weights, dtype=float)
    return _ratio(cross, _untied(x, counts) * _untied(y, counts))


def _untied(values: Array, counts: Array) -> Array:
    """Return the weight of all ordered pairs that differ: that of all pairs without those of equal values."""
    found: Array = counts.sum(axis=1) ** 2 - (_mass(values, counts)[0] ** 2).sum(axis=1)
    return found


def _spearman(x: Array, y: Array) -> Array:
    a, b = (rankdata(values, axis=1) for values in (x, y))
    a, b = (r - r.mean(axis=1, keepdims=True) for r in (a, b))
    return _ratio((a * b).sum(axis=1), (a * a).sum(axis=1) * (b * b).sum(axis=1))


def _kendall(x: Array, y: Array) -> Array:
    a, b = (np.sign(values[:, :, None] - values[:, None, :]) for values in (x, y))
    sums = ((p * q).sum(axis=(1, 2)) for p, q in ((a, b), (a, a), (b, b)))
    cross, left, right = sums
    return _ratio(cross, left * right)


def _ratio(cross: Array, squares: Array) -> Array:
    """Return cross / √squares, NaN where nothing varies."""
    known = squares > 0
    found: Array = np.where(known, cross / np.sqrt(np.where(known, squares, 1.0)), np.nan)
    return found
