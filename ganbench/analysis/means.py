"""Mean curves: the best of k on average, and what else the best of k is by other metrics."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganbench.analysis.bands import Array, philox
from ganbench.analysis.curves import (
    LEVEL,
    Budgets,
    bootstrap,
    budgets,
    mean_band,
    resamples_of,
    u_mean,
    u_weights,
    v_mean,
    winsorised,
)
from ganbench.analysis.draws import (
    KNOWN,
    LONGEST,
    by_variant,
    chosen,
    independent,
    percentiles,
    resamples,
    searched,
)
from ganbench.analysis.results import Results
from ganbench.analysis.runs import PARTS, jointly

JOINT_RESAMPLES = 500  # of the percentile band of F1, precision and recall
COLUMNS = ("dataset", "metric", "variant", "k", "n", "mean", "lower", "upper", "v_mean", "sd", "study_mean")


def mean_curves(
    results: Results, table: pd.DataFrame, ceilings: pd.DataFrame, *, keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the mean best of k random settings up to n/2, one row per (dataset, metric, variant, k).

    `mean` is unbiased (`u_mean`), with pointwise percentiles `lower`, `upper` of 1000 bootstrap samples of
    the settings; `v_mean` and `study_mean` with `sd` are the same with replacement, exactly and by the
    study's 5000 resamples. Here all leave the default out and winsorise scores at the ceiling, which also
    stands in for diverged; where nothing finite gives a ceiling there are no rows. Raises
    `StatisticsError` for draws that are not independent.
    """
    independent(results, "mean curves")
    bottoms = ceilings.set_index(["dataset", "metric"])["ceiling"]
    frames = []
    for dataset in results.datasets:
        for metric in chosen(results, dataset, keys):
            rows = searched(table)
            rows = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric.key)]
            ceiling = float(bottoms[dataset, metric.key])
            for variant, ours in by_variant(results, rows) if np.isfinite(ceiling) else ():
                key = (dataset, metric.key, variant)
                frame = _curve(ours["best"], ceiling, key, minimize=metric.minimize)
                frames.append(frame.assign(dataset=key[0], metric=key[1], variant=key[2]))
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).reindex(columns=list(COLUMNS))


def _curve(best: pd.Series, ceiling: float, key: tuple[str, str, str], *, minimize: bool) -> pd.DataFrame:
    scores = winsorised(best.to_numpy(dtype=float), ceiling, minimize=minimize)
    n = len(scores)
    ks = budgets(n)
    ks = ks[ks <= max(KNOWN * n, 1)]
    lower, upper = mean_band(scores, ks, minimize=minimize, level=LEVEL, rng=philox("mean band", *key))
    study, sd = bootstrap(scores, ks, minimize=minimize, rng=philox("study mean", *key))
    return pd.DataFrame(
        {
            "k": ks,
            "n": n,
            "mean": u_mean(scores, ks, minimize=minimize),
            "lower": lower,
            "upper": upper,
            "v_mean": v_mean(scores, ks, minimize=minimize),
            "study_mean": study,
            "sd": sd,
        }
    )


def joint_curves(results: Results, table: pd.DataFrame, *, by: str = "f1") -> pd.DataFrame:
    """Return mean F1, precision and recall of the best of k settings, chosen by one of the three.

    One row per (dataset, threshold, variant, k) up to n/2, with columns `by`, `n`, `f1`, `precision` and
    `recall`: Σ P(best = i) score_i with the weights of `u_weights`, each run at the checkpoint that is its
    best by ``by``. Settings that tie share their weights; diverged runs have 0 of each. `f1_lower`,
    `f1_upper` and those of the other two are pointwise 95 % percentiles of the same over 500 bootstrap
    samples of the settings (fewer of more than 1000), up to n/4, NaN beyond. Raises `StatisticsError` for
    draws that are not independent.
    """
    independent(results, "mean curves")
    runs = searched(jointly(results, table, by=by))
    names = ("dataset", "threshold", "variant")
    frames = []
    for key, ours in runs.groupby(list(names), sort=False):
        address = tuple(map(str, key))
        frame = _joint_curve(ours, by, ("joint band", *address, by))
        frames.append(frame.assign(**dict(zip(names, address, strict=True)), by=by))
    bounds = [f"{part}_{side}" for part in PARTS for side in ("lower", "upper")]
    columns = [*names, "by", "k", "n", *PARTS, *bounds]
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).reindex(columns=columns)


def _joint_curve(runs: pd.DataFrame, by: str, address: tuple[str, ...]) -> pd.DataFrame:
    # By number among equals, so that the order of the rows says nothing about who is drawn.
    ordered = runs.sort_values([by, "index"], ascending=[False, True], kind="stable")
    n, scores = len(ordered), ordered[list(PARTS)].to_numpy(dtype=float)
    ties = np.unique(-ordered[by].to_numpy(dtype=float), return_index=True)[1]
    ks = budgets(n)
    ks = ks[ks <= max(KNOWN * n, 1)]
    counts = resamples(n, resamples_of(n, JOINT_RESAMPLES), philox(*address))
    drawn = best_of_samples(scores, ties, counts, ks)
    bounds = np.where((ks <= LONGEST * n)[:, None], percentiles(drawn, LEVEL), np.nan)
    columns = dict(zip(PARTS, best_of_samples(scores, ties, np.ones((1, n)), ks)[0].T, strict=True))
    for side, bound in zip(("lower", "upper"), bounds, strict=True):
        columns |= {f"{part}_{side}": values for part, values in zip(PARTS, bound.T, strict=True)}
    return pd.DataFrame({"k": ks, "n": n, **columns})


def best_of_samples(scores: Array, ties: NDArray[np.int64], counts: Array, ks: Budgets) -> Array:
    """Return the mean scores of the best of k in samples of N runs, [S, K, parts].

    The runs' scores, [N, parts], stand best first, ``ties`` are the places where another score begins, and
    counts, [S, N], say how often each run is in each sample. Copies of a run tie with it; what ties has the
    mean of its scores in the sample, wherever it stands.
    """
    sizes = np.add.reduceat(counts, ties, axis=1)
    totals = np.add.reduceat(counts[:, :, None] * scores, ties, axis=1)
    shared = (totals / np.maximum(sizes, 1.0)[:, :, None]).reshape(-1, scores.shape[1])
    placed = shared.repeat(sizes.ravel().astype(int), axis=0).reshape(len(counts), *scores.shape)
    means: Array = u_weights(len(scores), ks) @ placed
    return means
