"""What trials cost: D steps, images, network passes and seconds, at every checkpoint."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganbench.analysis.passes import passes
from ganbench.analysis.results import Results, places
from ganbench.analysis.runs import PLAN

STEPS = "steps"  # a budget's unit
AXES = ("d_steps", "images", "passes", "seconds")


def planned(table: pd.DataFrame) -> pd.DataFrame:
    """Return the finished runs of `outcomes` once each, whatever metrics they have."""
    return table.drop_duplicates(["dataset", "variant", "stage", "index", "seed"]).reset_index(drop=True)


def spent(results: Results, runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the cumulative cost of runs at each scored step by axis, [runs, steps]; NaN where it is unknown.

    Images are those the critic has seen, seconds the pack's training time ÷ lanes (without scoring and
    compilation), passes counted (`passes`). A run stands still after its last row: a diverged one is
    charged what it used, and one that left no row the whole budget, or where that is unknown the median of
    its variant.
    """
    ids = pd.Index(runs["trial_id"].unique())
    scores = results.history.scores
    rows = scores.assign(trial=places(ids, scores["trial_id"]))
    rows = rows[rows["trial"] >= 0].drop_duplicates(["trial", "step"])
    trials, steps = ids.get_indexer(runs["trial_id"]), np.sort(rows["step"].unique())
    budget = results.definition.get("budget", {})
    reached = rows.groupby("trial")["step"].max().reindex(trials).to_numpy(dtype=float)
    reached = np.where(np.isnan(reached), float(budget.get("steps", np.nan)), reached)
    at = pd.DataFrame(np.minimum(reached[:, None], steps[None, :]), index=runs.index, columns=steps)
    images = _wide(rows, trials, steps, "images_seen").set_index(runs.index)
    found = {
        "d_steps": at
        if budget.get("unit", STEPS) == STEPS
        else at * np.nan,  # imported ones may count otherwise
        "images": images.fillna(at * float(budget.get("batch_size", np.nan))),
        "passes": pd.DataFrame({step: passes(results, runs, at[step]) for step in steps}, index=runs.index),
        "seconds": _wide(rows, trials, steps, "seconds").set_index(runs.index),
    }
    return {axis: _filled(cost, runs["variant"]) for axis, cost in found.items()}


def _wide(rows: pd.DataFrame, trials: NDArray[np.intp], steps: np.ndarray, name: str) -> pd.DataFrame:
    if name not in rows:
        return pd.DataFrame(np.nan, index=trials, columns=steps)
    wide = rows.pivot_table(index="trial", columns="step", values=name)
    return wide.reindex(index=trials, columns=steps).ffill(axis="columns")


def _filled(cost: pd.DataFrame, variant: pd.Series) -> pd.DataFrame:
    return cost.fillna(cost.groupby(variant).transform("median")) if cost.isna().to_numpy().any() else cost


def costs(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Return what each finished run cost altogether, one row a run: `d_steps`, `images`, `passes`, `seconds`.

    `lanes` are the trials of its pack, among which the pack's seconds were divided. NaN where a cost is not
    known: passes of models that were not counted, seconds of scores without times.
    """
    runs = planned(table)
    found = runs[[*PLAN, *(name for name in ("pack_id",) if name in runs)]].copy()
    for axis, cost in spent(results, runs).items():
        found[axis] = cost.max(axis="columns")
    if "pack_id" in runs:
        lanes = results.trials.drop_duplicates("trial_id").groupby("pack_id").size()
        found["lanes"] = runs["pack_id"].map(lanes)
    return found
