"""What the page draws, as plain values: curves, distributions and trials of every dataset."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.best import of_metric
from ganbench.analysis.results import Metric
from ganbench.analysis.summary import Summary
from ganbench.report import words
from ganbench.report.page.budgets import AXES, against_cost, budget_curves
from ganbench.report.page.trials import columns, shorten
from ganbench.report.style import looks, spread
from ganbench.report.tables import BASELINES


def packed(value: Any) -> str:
    """Return a value as JSON, compressed, in base64: no character of it means anything to HTML."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode("ascii")


def payload(summary: Summary) -> dict[str, Any]:
    """Return everything the page's scripts read."""
    results = summary.results
    look, priced = looks(results.variants), against_cost(summary)
    return {
        "name": results.name,
        "variants": [
            {"name": v, "colour": look[v].colour, "marker": look[v].marker} for v in results.variants
        ],
        "axes": AXES,
        "datasets": [_dataset(summary, d, priced) for d in results.datasets if results.metrics(d)],
    }


def _dataset(summary: Summary, dataset: str, priced: pd.DataFrame) -> dict[str, Any]:
    results = summary.results
    return {
        "name": dataset,
        "protocol": words.protocol_note(results, dataset),
        "metrics": [_metric(summary, dataset, metric) for metric in results.shown(dataset)],
        "curves": {m.key: budget_curves(summary, dataset, m, priced) for m in results.shown(dataset)},
        "boxes": {m.key: _boxes(summary, dataset, m) for m in results.shown(dataset)},
        "trials": columns(summary, dataset),
    }


def _metric(summary: Summary, dataset: str, metric: Metric) -> dict[str, Any]:
    results = summary.results
    levels = {name: results.baseline(dataset, name, metric.key) for name in BASELINES}
    return {
        "key": metric.key,
        "name": words.metric_name(metric),
        "arrow": words.arrow(metric),
        "minimize": metric.minimize,
        "baselines": {name: level for name, level in levels.items() if np.isfinite(level)},
        **_scales(summary, dataset, metric),
        "notes": _notes(summary, dataset, metric),
    }


def _notes(summary: Summary, dataset: str, metric: Metric) -> dict[str, str]:
    """Return what must be said under each kind of curve."""
    few = words.small_n_note(summary, dataset)
    return {
        "median": f"{words.MEDIAN} {few}",
        "mean": f"Mean of the best of k random settings, unbiased (U-statistic). {_counted(summary, dataset, metric)}",
        "study": "The study's form: mean ± sd of the best of k over 5000 resamples, the default setting counted in. "
        + _counted(summary, dataset, metric),
        "running": few,
    }


def _counted(summary: Summary, dataset: str, metric: Metric) -> str:
    rows = of_metric(summary.ceilings, dataset, metric)
    level, source = float(rows["ceiling"].iloc[0]), rows["source"].iloc[0]
    return f"A run without a finite score counts as the ceiling ({source}, {level:.4g})."


def _scales(summary: Summary, dataset: str, metric: Metric) -> dict[str, Any]:
    """Return which axes are best logarithmic, and whether scores are shares: by what the figures draw."""
    curves = of_metric(summary.curves, dataset, metric)
    runs = of_metric(summary.outcomes, dataset, metric)
    drawn = curves[["median", "study_mean", "best_so_far"]].to_numpy(dtype=float)
    scores = runs.loc[runs["best_finite"].astype(bool), "best"].to_numpy(dtype=float)
    return {
        "log_k": bool(len(curves)) and int(curves["k"].max()) > 12,
        "log_curves": spread(drawn, minimize=metric.minimize),
        "log_runs": spread(scores, minimize=metric.minimize),
        "share": not metric.minimize and bool(np.all((scores >= 0) & (scores <= 1))),
    }


def _boxes(summary: Summary, dataset: str, metric: Metric) -> dict[str, Any]:
    """Return quartiles and medians by stage and checkpoint, in the order of the variants."""
    found: dict[str, Any] = {}
    for stage, frame in (("search", summary.settings), ("rerun", summary.seeds)):
        rows = of_metric(frame, dataset, metric) if len(frame) else frame
        if stage == "rerun" and len(rows):
            rows = rows[rows["rank"] == 0]
        found[stage] = {at: _quartiles(summary, rows, at, stage) for at in ("best", "last") if len(rows)}
    return found


def _quartiles(summary: Summary, rows: pd.DataFrame, at: str, stage: str) -> list[dict[str, Any]]:
    ours = rows[rows["at"] == at].set_index("variant").reindex(summary.results.variants)
    names = ["n", "no_score", "q05", "q25", "q50", "q75", "q95"]
    names += ["setting", "searched"] if stage == "rerun" else []
    values = {name: shorten(ours[name].astype(float)) for name in names}
    return [{name: values[name][place] for name in names} for place in range(len(ours))]
