"""Every planned trial of a dataset as columns: what the page's table shows, small enough to embed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ganbench.analysis.best import of_metric
from ganbench.analysis.results import Metric, Results
from ganbench.analysis.summary import Summary
from ganbench.report import words

Column: TypeAlias = dict[str, Any]

KEYS = ["variant", "stage", "index", "seed"]  # what a planned trial is, within its dataset
FOUND = ["best", "best_step", "last", "best_finite", "last_finite"]
DIGITS = 6
DIVERGED = "x"  # in place of a number


def columns(summary: Summary, dataset: str) -> list[Column]:
    """Return the columns of a dataset's trials, in the plan's order.

    A column has `id`, `title`, `kind` and `values`: numbers with six digits (null where missing, "x" where
    no checkpoint was finite), or codes of the column's `levels`.
    """
    results = summary.results
    plan = results.plan()
    plan = plan[plan["dataset"] == dataset].reset_index(drop=True)
    first, scores = None, []
    for metric in results.shown(dataset):
        found = of_metric(summary.outcomes, dataset, metric).drop_duplicates(KEYS)
        joined = plan[KEYS].merge(found[[*KEYS, *FOUND, "divergence"]], on=KEYS, how="left")
        first = joined if first is None else first
        scores += _scores(joined, metric)
    state = plan["state"] if first is None else _states(plan["state"], first["divergence"])
    return [
        _words("model", "model", plan["variant"]),
        *scores,
        _words("state", "state", state),
        _words("stage", "stage", plan["stage"]),
        _numbers("setting", "setting", plan["index"]),
        _numbers("seed", "seed", plan["seed"]),
        _words("default", "default", plan["is_default"].map({True: "default", False: ""})),
        *_parameters(results, plan),
        {"id": "trial", "title": "trial", "kind": "name", "values": plan["trial_id"].astype(str).tolist()},
    ]


def _scores(joined: pd.DataFrame, metric: Metric) -> list[Column]:
    """Return best and last score, and the step of the best."""
    name = words.metric_name(metric)
    best, last = (
        _numbers(
            f"{at}.{metric.key}", f"{at} {name}", joined[at], diverged=joined[f"{at}_finite"].eq(other=False)
        )
        for at in ("best", "last")
    )
    step = _numbers(f"step.{metric.key}", f"step of best {name}", joined["best_step"])
    return [{**best, "metric": metric.key}, {**last, "metric": metric.key}, {**step, "metric": metric.key}]


def _states(states: pd.Series, divergence: pd.Series) -> pd.Series:
    """Return a trial's state, telling the two kinds of divergence apart."""
    told = divergence.fillna("")
    return states.astype(str).mask((told != "").to_numpy(), told.to_numpy())


def _parameters(results: Results, plan: pd.DataFrame) -> list[Column]:
    """Return what was searched and is not empty here."""
    return [_parameter(name, plan[name]) for name in results.parameters if plan[name].notna().any()]


def _parameter(name: str, values: pd.Series) -> Column:
    title, there = name.removeprefix("model."), values.dropna()
    if there.map(lambda value: isinstance(value, int | float) and not isinstance(value, bool)).all():
        return _numbers(name, title, values.astype(float))
    return _words(name, title, values.astype(object).where(values.notna(), "").astype(str))


def _words(name: str, title: str, values: pd.Series) -> Column:
    codes, levels = pd.factorize(values)
    return {
        "id": name,
        "title": title,
        "kind": "word",
        "values": codes.tolist(),
        "levels": [*map(str, levels)],
    }


def _numbers(name: str, title: str, values: pd.Series, diverged: pd.Series | None = None) -> Column:
    found: list[Any] = shorten(values.astype(float))
    if diverged is not None:
        found = [DIVERGED if lost else value for value, lost in zip(found, diverged, strict=True)]
    return {"id": name, "title": title, "kind": "number", "values": found}


def shorten(values: Iterable[float]) -> list[float | int | None]:
    """Return numbers with six significant digits; whole ones as integers, what is not finite as None."""
    found = np.asarray(values, dtype=float)
    finite = np.isfinite(found)
    whole = finite & (np.abs(found) < 2**53)
    whole[whole] = found[whole] == np.rint(found[whole])
    if whole.all():
        return [*map(int, found.tolist())]
    texts = zip(found.tolist(), finite.tolist(), whole.tolist(), strict=True)
    return [
        int(v) if is_whole else float(f"{v:.{DIGITS}g}") if is_finite else None
        for v, is_finite, is_whole in texts
    ]
