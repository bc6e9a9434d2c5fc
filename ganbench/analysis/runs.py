"""Every run as a row, for box and violin plots; precision and recall that belong together; failures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from ganbench.analysis.curves import LEVEL
from ganbench.analysis.distributions import LEAST_RUNS, outliers
from ganbench.analysis.results import FINISHED, Results

PARTS = ("f1", "precision", "recall")
PLAN = ("trial_id", "dataset", "variant", "stage", "index", "seed", "is_default")


def runs(results: Results, table: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Return one row per (finished run, metric) as distribution plots want it.

    Columns: `sweep`, `space`, `group` (`search` of that space, or `seeds` of a re-run setting), those of
    the plan, `metric`, `best`, `last` and whether they are finite, `shown` (best winsorised at the ceiling,
    which also stands in for diverged), `outlier` (reruns only, see `outliers`) and `divergence`. Frames of
    several sweeps, such as one of the wide and one of the narrow space, may be put below each other.
    """
    found = table.merge(ceilings[["dataset", "metric", "ceiling"]], on=["dataset", "metric"], how="left")
    directions = {m.key: m.minimize for d in results.datasets for m in results.metrics(d)}
    down = found["metric"].map(directions).astype(bool)
    shown = np.where(
        down,
        np.fmin(found["best"], found["ceiling"]),
        np.fmax(found["best"], found["ceiling"]),
    )
    shown = np.where(found["best_finite"], shown, found["ceiling"])
    group = np.where(found["stage"] == "rerun", "seeds", "search")
    found = found.assign(
        sweep=results.name,
        space=str(results.definition.get("search", {}).get("space", "")),
        group=group,
        shown=shown,
        outlier=_outliers(found, down),
    )
    names = ["sweep", "space", "group", *PLAN, "metric", "best", "best_step", "last"]
    return found[[*names, "best_finite", "last_finite", "shown", "outlier", "divergence"]]


def _outliers(found: pd.DataFrame, down: pd.Series) -> pd.Series:
    """Flag the outliers of each re-run setting."""
    flags = pd.Series(data=False, index=found.index)
    rows = found[(found["stage"] == "rerun") & found["best_finite"]]
    for _, ours in rows.groupby(["dataset", "metric", "variant", "index"], sort=False):
        if len(ours) < LEAST_RUNS:
            continue
        minimize = bool(down.loc[ours.index[0]])
        flags.loc[ours.index] = outliers(ours["best"].to_numpy(dtype=float), minimize=minimize)
    return flags


def jointly(results: Results, table: pd.DataFrame, *, by: str = "f1") -> pd.DataFrame:
    """Return F1, precision and recall of each finished run at one checkpoint, its best by one of the three.

    One row per (run, threshold) with the plan's columns, `threshold` (δ, empty where there is none),
    `step`, `f1`, `precision`, `recall` and `finite`. Each metric's own best (`outcomes`) is at a checkpoint
    of its own: those three do not belong together. The best is that of the checkpoints where all three were
    scored (some metrics wait for the best and the last). A run that was never finite has 0 of each; a finite one
    without such a checkpoint has no row.
    """
    frames = []
    for dataset in results.datasets:
        metrics = {(m.space, m.at, m.bare): m.key for m in results.metrics(dataset)}
        for space, threshold in dict.fromkeys((s, at) for s, at, bare in metrics if bare == by):
            keys = {part: metrics.get((space, threshold, part)) for part in PARTS}
            if all(keys.values()):
                named = {str(key): part for part, key in keys.items()}
                planned = table[(table["dataset"] == dataset) & (table["metric"] == str(keys[by]))]
                frames.append(_complete(results, planned, named, by).assign(threshold=threshold))
    columns = [*PLAN, "threshold", "step", *PARTS, "finite"]
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).reindex(columns=columns)


def _complete(results: Results, planned: pd.DataFrame, names: Mapping[str, str], by: str) -> pd.DataFrame:
    """Return each run at the best, by a share to maximise, of the checkpoints that have all metrics."""
    scores = results.scores
    scores = scores[scores["metric"].isin(list(names)) & (scores["status"] == "ok")]
    scores = scores.astype({"trial_id": str, "metric": str}).set_index(["trial_id", "step"])
    wide = (
        scores.pivot(columns="metric", values="value")
        .reindex(columns=list(names))
        .rename(columns=dict(names))
    )
    wide = wide.replace([np.inf, -np.inf], np.nan).dropna().reset_index()
    best = wide.sort_values([by, "step"], ascending=[False, True], kind="stable").drop_duplicates("trial_id")
    found = planned[[*PLAN, "best_finite"]].astype({"trial_id": str}).merge(best, on="trial_id", how="left")
    finite = found["step"].notna()
    found = found.assign(finite=finite).fillna(dict.fromkeys(PARTS, 0.0))
    return found[finite | ~found.pop("best_finite").astype(bool)]


def at_best(
    results: Results, table: pd.DataFrame, dataset: str, names: Mapping[str, str], by: str
) -> pd.DataFrame:
    """Return several metrics of each finished run at one checkpoint, its best by the metric ``by``.

    One row per run with the plan's columns, `step`, a column for each metric, named by ``names`` (key → column), and
    `finite`: whether all of them are numbers there. A metric that was not scored there is NaN.
    """
    planned = table[(table["dataset"] == dataset) & (table["metric"] == by)]
    steps = planned.drop_duplicates("trial_id").set_index("trial_id")["best_step"]
    scores = results.scores
    scores = scores[scores["metric"].isin(list(names)) & (scores["status"] == "ok")]
    there = scores["step"].to_numpy() == steps.reindex(scores["trial_id"]).to_numpy()
    wide = scores[there].astype({"trial_id": str, "metric": str})
    values = wide.pivot(index="trial_id", columns="metric", values="value").reindex(columns=list(names))
    found = planned[list(PLAN)].assign(step=planned["best_step"])
    found = found.join(values.rename(columns=dict(names)), on="trial_id")
    return found.assign(finite=np.isfinite(found[list(names.values())].to_numpy(dtype=float)).all(axis=1))


def searched_at_best(
    results: Results, table: pd.DataFrame, dataset: str, names: Mapping[str, str], by: str
) -> pd.DataFrame:
    """Return the searched runs of `at_best` that have all metrics there, without `finite`."""
    found = at_best(results, table, dataset, names, by)
    return found[(found["stage"] == "search") & found["finite"]].drop(columns="finite")


def failure_shares(counts: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Return the shares of diverged and of never finite trials, from `counts`.

    One row per (dataset, stage, variant, kind): `n` trials that came to an end, `count` of the kind,
    `share` with the exact binomial interval `lower`, `upper` (Clopper and Pearson 1934); NaN for n = 0. Trials
    that failed raised an error and are no result: they are in `failed`, and in no share.
    """
    rows = []
    for row in counts.to_dict("records"):
        n = sum(int(row[state]) for state in FINISHED)
        for kind in ("diverged", "never_finite"):
            key = {name: row[name] for name in ("dataset", "stage", "variant")}
            count = int(row[kind])
            share, lower, upper = proportion(count, n, level)
            found = {"n": n, "count": count, "share": share, "lower": lower, "upper": upper}
            rows.append({**key, "kind": kind, **found, "failed": int(row["failed"])})
    return pd.DataFrame(rows)


def proportion(count: int, n: int, level: float = LEVEL) -> tuple[float, float, float]:
    """Return a share with its Clopper–Pearson interval, NaN for n = 0."""
    if n == 0:
        return (float("nan"),) * 3
    tail = (1.0 - level) / 2.0
    lower = betaincinv(count, n - count + 1, tail) if count else 0.0
    upper = betaincinv(count + 1, n - count, 1.0 - tail) if count < n else 1.0
    return count / n, float(lower), float(upper)
