"""From checkpoints to one number a trial: best and last, and what stands in for a run that has neither."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganbench.analysis.results import CEILING, FINISHED, Metric, Results, places

NEVER, LATER = "never finite", "diverged later"


def worst(values: pd.Series, metric: Metric) -> float:
    """Return what a run without a number is worth: +∞ to minimise; to maximise 0, or −∞."""
    if metric.minimize:
        return np.inf
    # Shares, counts and inception scores are never negative; what was seen below 0 has no least value.
    return -np.inf if bool((values < 0).any()) else 0.0


def outcomes(results: Results) -> pd.DataFrame:
    """Reduce finished trials to one row per (planned trial, metric).

    Columns: those of the plan, `metric`, `best` over finite checkpoints with its `best_step`, `last` (the
    final checkpoint), `best_finite` and `last_finite`, which say whether those are numbers or what stands
    in for them, and `divergence` (empty, never finite or diverged later). A planned trial shares its scores
    with every other that has its `trial_id`. A metric that was never computed for a trial has no row.
    """
    plan = results.plan()
    plan = plan[plan["state"].isin(FINISHED)]
    frames = []
    for dataset in results.datasets:
        planned = plan[plan["dataset"] == dataset]
        ids = pd.Index(planned["trial_id"].unique())
        scores = results.scores[["trial_id", "step", "metric", "value", "status"]]
        scores = scores.assign(trial=places(ids, scores["trial_id"]))
        scores = scores[scores["trial"] >= 0]
        planned = planned.assign(divergence=divergence(planned, scores))
        scores = scores.assign(final=scores["step"] == scores.groupby("trial")["step"].transform("max"))
        split = dict(list(scores.drop(columns="trial_id").groupby("metric", sort=False)))
        frames += [
            _of_metric(planned, ids, split.get(m.key, scores.iloc[:0]), m) for m in results.metrics(dataset)
        ]
    return pd.concat(frames, ignore_index=True) if frames else plan.iloc[:0]


def _of_metric(planned: pd.DataFrame, ids: pd.Index, rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    good, trials = rows[_ok(rows)], ids.get_indexer(pd.Index(planned["trial_id"]))
    bottom = worst(good["value"], metric)
    best = _best(good, metric).reindex(trials)
    # A final checkpoint that diverged has no row among the good ones, hence no last score.
    last = good[good["final"]].set_index("trial")["value"].reindex(trials)
    table = planned.assign(metric=metric.key)
    table["best_step"] = best["step"].to_numpy()
    diverged = table["divergence"] != ""
    for at, value in (("best", best["value"]), ("last", last)):
        found = pd.Series(value.to_numpy(dtype=float), index=table.index)
        table[f"{at}_finite"] = found.notna()
        table[at] = found.mask(found.isna() & diverged, bottom)
    return table[table["best"].notna()]


def _ok(rows: pd.DataFrame) -> pd.Series:
    return (rows["status"] == "ok") & np.isfinite(rows["value"].astype(float))


def divergence(planned: pd.DataFrame, scores: pd.DataFrame) -> pd.Series:
    """Say of each planned trial: never finite, diverged later, or nothing."""
    ok = _ok(scores).groupby(scores["trial_id"])
    some, every = ok.any(), ok.all()
    kinds = pd.Series(np.select([~some, ~every], [NEVER, LATER], ""), index=some.index, dtype=object)
    kind = planned["trial_id"].map(kinds)
    told = np.where(planned["state"] != "diverged", "", np.where(kind.isna(), NEVER, LATER))
    return kind.where(kind.notna() & (kind != ""), pd.Series(told, index=planned.index, dtype=object))


def _best(good: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return each trial's best finite checkpoint, the earliest among equals."""
    ordered = good.sort_values(["value", "step"], ascending=[metric.minimize, True], kind="stable")
    return ordered.drop_duplicates("trial").set_index("trial")[["value", "step"]]


def ceilings(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Return, per dataset and metric, the score that stands in for diverged in means, and whose score it is.

    The untrained generator's; where it is not stored the blank image's, else the worst finite score seen.
    """
    rows = []
    for dataset in results.datasets:
        for metric in results.metrics(dataset):
            value, source = _ceiling(results, table, dataset, metric)
            rows.append({"dataset": dataset, "metric": metric.key, "ceiling": value, "source": source})
    return pd.DataFrame(rows, columns=["dataset", "metric", "ceiling", "source"])


def _ceiling(results: Results, table: pd.DataFrame, dataset: str, metric: Metric) -> tuple[float, str]:
    for name, words in ((CEILING, "untrained generator"), ("blank", "blank sample")):
        value = results.baseline(dataset, name, metric.key)
        if np.isfinite(value):
            return value, words
    seen = table[(table["dataset"] == dataset) & (table["metric"] == metric.key)]
    finite = seen.loc[np.isfinite(seen["best"]), "best"]
    if finite.empty:
        return float("nan"), "nothing finite"
    return float(finite.max() if metric.minimize else finite.min()), "worst finite score"


def counts(results: Results) -> pd.DataFrame:
    """Count the trials of each dataset, stage and variant by what became of them.

    `diverged` includes `never_finite`; `pending` is planned, running or lost. Every variant of the definition
    has its row.
    """
    keys = ["dataset", "stage", "variant"]
    table = _tally(results.plan(), results.scores, keys)
    stages = ["search", "rerun"] if results.definition.get("rerun") else ["search"]
    order = pd.MultiIndex.from_product([results.datasets, stages, results.variants], names=keys)
    return table.reindex(order, fill_value=0).reset_index()


def rerun_counts(results: Results) -> pd.DataFrame:
    """Count reruns as `counts` does, one row per (dataset, variant, setting): its index in the search."""
    plan = results.plan()
    plan = plan[plan["stage"] == "rerun"]
    scores = results.scores[results.scores["trial_id"].isin(plan["trial_id"])]
    table = _tally(plan, scores, ["dataset", "variant", "index"]).reset_index()
    return table.rename(columns={"index": "setting"})


def _tally(plan: pd.DataFrame, scores: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    kind = divergence(plan, scores)
    state = plan["state"].mask((plan["state"] == "done") & (kind != ""), "diverged")
    flags = {
        "planned": state.notna(),
        "done": state == "done",
        "diverged": state == "diverged",
        "never_finite": (state == "diverged") & (kind == NEVER),
        "failed": state == "failed",
        "pending": state.isin(["planned", "running", "lost"]),
    }
    return plan[keys].assign(**flags).groupby(keys, observed=True).sum().astype(int)


def ranked_settings(results: Results, table: pd.DataFrame, dataset: str, variant: str) -> pd.DataFrame:
    """Return a variant's searched trials with a finite score, best first, as the rerun ranks them."""
    results, table = results.own or (results, table)
    metric = results.choosing(dataset)
    at = results.chosen_at
    rows = table[(table["dataset"] == dataset) & (table["variant"] == variant) & (table["stage"] == "search")]
    rows = rows[(rows["metric"] == metric.key) & rows[f"{at}_finite"]]
    return rows.sort_values([at, "index"], ascending=[metric.minimize, True], kind="stable")


def rerun_order(results: Results, table: pd.DataFrame, dataset: str, variant: str) -> list[int]:
    """Return the settings of a variant that were re-run, as the rerun ranks them; those without a rank come last."""
    ours = (table["dataset"] == dataset) & (table["variant"] == variant) & (table["stage"] == "rerun")
    planned: list[int] = table.loc[ours, "index"].unique().tolist()
    ranking = ranked_settings(results, table, dataset, variant)["index"].tolist() if planned else []
    return sorted(planned, key=lambda index: ranking.index(index) if index in ranking else len(ranking))
