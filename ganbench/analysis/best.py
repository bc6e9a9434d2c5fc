"""Best scores: the default's, the median setting's, the best setting's and the chosen one's over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganbench.analysis.results import Metric
from ganbench.analysis.selection import rerun_counts
from ganbench.analysis.summary import Summary

CHOSEN = ("mean", "sd", "trimmed_mean", "trimmed_sd", "outliers", "no_score", "failure_share", "stars")


def of_metric(frame: pd.DataFrame, dataset: str, metric: Metric) -> pd.DataFrame:
    """Return the rows of one dataset and metric."""
    return frame[(frame["dataset"] == dataset) & (frame["metric"] == metric.key)]


def wide_counts(summary: Summary, dataset: str) -> pd.DataFrame:
    """Return one row per variant, in order, with its counts: `search_planned`, …, `rerun_failed`."""
    rows = summary.counts[summary.counts["dataset"] == dataset].drop(columns="dataset")
    stages = [
        rows[rows["stage"] == stage].set_index("variant").drop(columns="stage").add_prefix(f"{stage}_")
        for stage in rows["stage"].unique()
    ]
    wide: pd.DataFrame = pd.concat(stages, axis="columns").reindex(summary.results.variants)
    return wide.reset_index()


def of_each_setting(frame: pd.DataFrame, summary: Summary, dataset: str) -> pd.DataFrame:
    """Return a frame with `variant` and `setting` whose counts `rerun_…` are of the row's setting alone."""
    names = [name for name in frame if str(name).startswith("rerun_")]
    if not names:
        return frame
    keys = ["variant", "setting"]
    found = rerun_counts(summary.results)
    found = found[found["dataset"] == dataset].drop(columns="dataset").set_index(keys).add_prefix("rerun_")
    own = frame.drop(columns=names).merge(
        found.reset_index().astype({"variant": object}), how="left", on=keys, validate="many_to_one"
    )
    return own.assign(**own[names].fillna(0).astype(int))[list(frame.columns)]


def best_scores(summary: Summary, dataset: str, metric: Metric) -> pd.DataFrame:
    """Return, per variant, counts, `default`, `median_setting`, `best` and the chosen setting over seeds.

    `best` is the best of the search by ``metric``, `best_setting` its index; `setting` is the one that the rerun
    chose, by its own metric, and `searched`, `mean`, …, `gap` and the counts of reruns are of that one.
    A score that no checkpoint gave is ∞ to minimise and −∞ to maximise; what is missing is NaN.
    """
    rows = of_metric(summary.outcomes, dataset, metric)
    searched = rows[rows["stage"] == "search"]
    diverged = np.inf if metric.minimize else -np.inf
    searched = searched.assign(best=searched["best"].where(searched["best_finite"], diverged))
    default = searched[searched["is_default"].astype(bool)].groupby("variant")["best"].first()
    settings = of_metric(summary.settings, dataset, metric)
    settings = settings[settings["at"] == "best"].set_index("variant")
    seeds = of_metric(summary.seeds, dataset, metric)
    seeds = seeds[(seeds["at"] == "best") & (seeds["rank"] == 0)].set_index("variant")
    first = searched[searched["best_finite"]].sort_values(
        ["best", "index"], ascending=[metric.minimize, True], kind="stable"
    )
    frame = wide_counts(summary, dataset).set_index("variant")
    frame = frame.assign(
        default=default,
        median_setting=settings["q50"].mask(settings["no_score"] > settings["n"] / 2, diverged),
        best=searched.groupby("variant")["best"].agg("min" if metric.minimize else "max"),
        best_setting=first.drop_duplicates("variant").set_index("variant")["index"],
    ).join(seeds[[*CHOSEN, "setting", "searched", "gap"]])
    frame = of_each_setting(frame.reset_index(), summary, dataset)
    return frame.assign(dataset=dataset, metric=metric.key).fillna({"stars": ""})


def best_by_metric(summary: Summary, dataset: str) -> pd.DataFrame:
    """Return, per variant and metric, counts and the best searched score with its setting and step."""
    rows = summary.outcomes
    rows = rows[(rows["dataset"] == dataset) & (rows["stage"] == "search")]
    frames = []
    for metric in summary.results.metrics(dataset):
        diverged = np.inf if metric.minimize else -np.inf
        ours = rows[rows["metric"] == metric.key]
        ours = ours.assign(best=ours["best"].where(ours["best_finite"], diverged))
        ordered = ours.sort_values(["best", "index"], ascending=[metric.minimize, True], kind="stable")
        found = ordered.drop_duplicates("variant").set_index("variant")[
            ["best", "index", "best_step", "last"]
        ]
        frame = wide_counts(summary, dataset).set_index("variant").join(found).reset_index()
        frames.append(frame.assign(dataset=dataset, metric=metric.key))
    return pd.concat(frames, ignore_index=True)
