"""Mean curves: the best of k on average, and what else the best of k is by other metrics."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from ganbench.analysis.bands import philox
from ganbench.analysis.curves import (
    LEVEL,
    bootstrap,
    budgets,
    mean_band,
    u_mean,
    u_weights,
    v_mean,
    winsorised,
)
from ganbench.analysis.draws import KNOWN, by_variant, chosen, independent, searched
from ganbench.analysis.results import Results
from ganbench.analysis.runs import jointly

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
    best by ``by``. Settings that tie share their weights; diverged runs have 0 of each. Raises
    `StatisticsError` for draws that are not independent.
    """
    independent(results, "mean curves")
    runs = searched(jointly(results, table, by=by))
    names = ["f1", "precision", "recall"]
    frames = []
    for (dataset, threshold, variant), ours in runs.groupby(["dataset", "threshold", "variant"], sort=False):
        n = len(ours)
        ks = budgets(n)
        ks = ks[ks <= max(KNOWN * n, 1)]
        ordered = ours.assign(order=ours[by]).groupby("order")[names].transform("mean")
        ordered = ordered.loc[ours[by].sort_values(ascending=False, kind="stable").index]
        means = pd.DataFrame(u_weights(n, ks) @ ordered.to_numpy(), columns=names)
        facts = {"dataset": str(dataset), "threshold": str(threshold), "variant": str(variant), "by": by}
        frames.append(means.assign(k=ks, n=n, **facts))
    columns = ["dataset", "threshold", "variant", "by", "k", "n", *names]
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).reindex(columns=columns)
