"""Budget curves for the page: against settings tried, and against what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.best import of_metric
from ganbench.analysis.draws import LONGEST, searched
from ganbench.analysis.results import Metric
from ganbench.analysis.summary import Summary
from ganbench.report.figures import STUDY_SHARE
from ganbench.report.page.trials import shorten

SETTINGS = "k"  # the axis that counts settings
AXES = {
    "d_steps": "D steps",
    "images": "images the critic has seen",
    "passes": "network passes",
    "seconds": "training seconds (pack's ÷ lanes)",
}
PERMUTED_UP_TO = 300  # settings a model; beyond, permuting takes longer than the rest of the report
KEYS = ["dataset", "metric", "variant"]
AVERAGE, EXACT = "average", "exact"  # methods whose curve is that of k settings, stretched

Curve = dict[str, Any]


def against_cost(summary: Summary) -> pd.DataFrame:
    """Return the curves against every known cost: `axis`, `cost`, `median` with its band, `mean`, `method`.

    Permuted (`compute_curves`) up to 300 settings a model; beyond, k settings cost k times the average one.
    Empty where the sampler's draws are not independent.
    """
    if not summary.iid:
        return pd.DataFrame(columns=[*KEYS, "axis", "cost"])
    if int(summary.curves["n"].max()) > PERMUTED_UP_TO:
        return _averaged(summary)
    found = summary.compute_curves
    bands = summary.curves[[*KEYS, "k", "band"]].rename(columns={"k": "finished"})
    found = found.merge(bands.astype({"finished": float}), on=[*KEYS, "finished"], how="left")
    return found.assign(band=found["band"].where(found["method"] == EXACT, "two-sided"))


def _averaged(summary: Summary) -> pd.DataFrame:
    spent = searched(summary.costs)
    means = spent.groupby(["dataset", "variant"])[list(AXES)].mean().reset_index()
    means = means.melt(["dataset", "variant"], var_name="axis", value_name="price")
    curves = summary.curves[summary.curves["k"] <= LONGEST * summary.curves["n"]]
    found = curves.merge(means[means["price"] > 0], on=["dataset", "variant"])
    return found.assign(cost=found["k"] * found["price"], mean=found["u_mean"], method=AVERAGE)


def budget_curves(summary: Summary, dataset: str, metric: Metric, priced: pd.DataFrame) -> list[Curve]:
    """Return one entry a variant: `n` and, by axis and kind, the points that are drawn.

    ``priced`` is what `against_cost` gives.
    """
    rows, dear = of_metric(summary.curves, dataset, metric), of_metric(priced, dataset, metric)
    counted = _independent if summary.iid else _running
    return [
        {
            "n": int(ours["n"].max()) if len(ours) else 0,
            "axes": {SETTINGS: counted(ours, metric), **_priced(paid, metric)},
        }
        for variant in summary.results.variants
        for ours, paid in [(rows[rows["variant"] == variant], dear[dear["variant"] == variant])]
    ]


def _independent(rows: pd.DataFrame, metric: Metric) -> dict[str, Curve]:
    """Return the curves of a sampler with independent draws, as the static figures cut them."""
    drawn = rows[rows["line"] != "none"]
    study = rows[rows["k"] <= np.maximum(STUDY_SHARE * rows["n_study"], 1)]
    solid = {"solid": int((drawn["line"] == "solid").sum())}
    found = {
        "median": {**_line(drawn, "k", "median"), **solid, **_band(drawn, metric)},
        "mean": {**_line(drawn, "k", "u_mean"), **solid},
        "study": {**_line(study, "k", "study_mean"), "sd": shorten(study["study_sd"].astype(float))},
    }
    return {kind: curve for kind, curve in found.items() if curve["x"]}


def _running(rows: pd.DataFrame, _: Metric) -> dict[str, Curve]:
    return {"running": _line(rows, "k", "best_so_far")}


def _priced(rows: pd.DataFrame, metric: Metric) -> dict[str, dict[str, Curve]]:
    build: dict[str, Callable[[pd.DataFrame], Curve]] = {
        "median": lambda ours: {**_line(ours, "cost", "median"), **_band(ours, metric)},
        "mean": lambda ours: _line(ours, "cost", "mean"),
    }
    found: dict[str, dict[str, Curve]] = {}
    for axis, ours in rows.groupby("axis", sort=False):
        method = {"method": str(ours["method"].iloc[0])}
        found[str(axis)] = {kind: {**make(ours), **method} for kind, make in build.items()}
    return found


def _line(rows: pd.DataFrame, x: str, y: str) -> Curve:
    return {"x": shorten(rows[x].astype(float)), "y": shorten(rows[y].astype(float))}


def _band(rows: pd.DataFrame, metric: Metric) -> Curve:
    """Return the band's sides, how many points have both, how many any, and which is the bad one."""
    return {
        "lower": shorten(rows["lower"].astype(float)),
        "upper": shorten(rows["upper"].astype(float)),
        "two": int((rows["band"] == "two-sided").sum()),
        "one": int((rows["band"] != "none").sum()),
        "bad": "upper" if metric.minimize else "lower",
    }
