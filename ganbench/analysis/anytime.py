"""Curves over training: the best of k when every trial is stopped at a step, and several searches side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from ganbench.analysis.bands import Array, band_curves
from ganbench.analysis.comparisons import HOLM_AT
from ganbench.analysis.costs import planned
from ganbench.analysis.curves import LEVEL, median_curve
from ganbench.analysis.draws import (
    LONGEST,
    bounds,
    by_variant,
    chosen,
    independent,
    oriented,
    running,
    searched,
)
from ganbench.analysis.results import Metric, Results
from ganbench.analysis.selection import worst

COLUMNS = ("dataset", "metric", "variant", "step", "k", "n", "median", "lower", "upper", "no_score")


def checkpoint_curves(
    results: Results, table: pd.DataFrame, *, keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the median best of k had every trial been stopped at a step, k = 1, 5 and 10 up to n/4.

    One row per (dataset, metric, variant, step, k), over the random settings; a trial's score at a step is
    its best finite one so far, worst before there is one (`no_score` is their share). `lower`, `upper` is
    opda's band, simultaneous over k at each step. Raises `StatisticsError` for draws that are not
    independent.
    """
    independent(results, "curves over checkpoints")
    runs = searched(planned(table))
    frames = []
    for dataset in results.datasets:
        for metric in chosen(results, dataset, keys):
            rows = table[(table["dataset"] == dataset) & (table["metric"] == metric.key)]
            bottom = worst(rows.loc[rows["best_finite"], "best"], metric)
            edges = bounds(table, dataset, metric)
            here = runs[(runs["dataset"] == dataset) & runs["trial_id"].isin(rows["trial_id"])]
            losses = running(results, here, metric)
            for variant, ours in by_variant(results, here):
                frame = _over_steps(losses.loc[ours.index], metric, bottom, edges)
                frames.append(frame.assign(dataset=dataset, metric=metric.key, variant=variant))
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).reindex(columns=list(COLUMNS))


def _over_steps(
    so_far: pd.DataFrame, metric: Metric, bottom: float, edges: tuple[float, float]
) -> pd.DataFrame:
    losses = so_far.to_numpy(dtype=float)
    scores = np.where(np.isfinite(losses), oriented(losses, metric), bottom)
    n = len(scores)
    ks = np.array([k for k in HOLM_AT if k <= max(LONGEST * n, 1)])
    frames = []
    for place, step in enumerate(so_far.columns):
        values = _curve(scores[:, place], ks, edges, minimize=metric.minimize)
        lost = float(np.isinf(losses[:, place]).mean())
        frames.append(pd.DataFrame({"step": step, "k": ks, "n": n, **values, "no_score": lost}))
    return pd.concat(frames) if frames else pd.DataFrame()


def _curve(scores: Array, ks: np.ndarray, edges: tuple[float, float], *, minimize: bool) -> dict[str, Array]:
    lower, upper = band_curves(scores, ks, minimize=minimize, bounds=edges, level=LEVEL)
    median = median_curve(scores, ks, minimize=minimize)
    return {"median": median, "lower": lower, "upper": upper}


def over_searches(curves: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the best so far of several independent searches, one row per (dataset, metric, variant, k).

    ``curves`` are the `budget_curves` of sweeps that differ in nothing but the search's seed; this is the
    statement that also holds for samplers whose draws depend on each other. `median` over the searches
    that got to k, with their extremes `lower`, `upper`, between which the median of all such searches lies
    with probability `level` = 1 − 2^(1 − searches).
    """
    rows = pd.concat([curve.assign(search=n) for n, curve in enumerate(curves)], ignore_index=True)
    groups = rows.dropna(subset=["best_so_far"]).groupby(["dataset", "metric", "variant", "k"], sort=False)
    found = groups["best_so_far"].agg(["size", "median", "min", "max"]).reset_index()
    found = found.rename(columns={"size": "searches", "min": "lower", "max": "upper"})
    return found.assign(level=1.0 - 2.0 ** (1.0 - found["searches"]))
