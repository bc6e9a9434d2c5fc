"""The runs in the corners of the plane of precision and recall: what high and low of either look like."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from ganbench.analysis.results import Metric, Results
from ganbench.analysis.runs import PLAN, searched_at_best

AXES = ("precision", "recall")
HIGH, LOW = "high", "low"
COLUMNS = (*PLAN, "step", *AXES, *(f"{axis}_end" for axis in AXES))


def axes_of(results: Results, dataset: str) -> tuple[Metric, Metric] | None:
    """Return the precision and recall that belong together, the headline's threshold first; None where one lacks."""
    known = {(m.space, m.at, m.bare): m for m in results.metrics(dataset)}
    for space, at, _ in known:
        precision, recall = (known.get((space, at, axis)) for axis in AXES)
        if precision and recall:
            return precision, recall
    return None


def spread(results: Results, table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return precision and recall of each finite searched run at its best checkpoint by the selecting metric.

    That checkpoint's samples are kept (`budget.keep`), and a recall that is scored at the best and the last
    checkpoint only is there. Columns: the plan's, `step`, `precision`, `recall`.
    """
    axes = axes_of(results, dataset)
    if axes is None:
        return pd.DataFrame(columns=[*PLAN, "step", *AXES])
    names = {metric.key: axis for metric, axis in zip(axes, AXES, strict=True)}
    return searched_at_best(results, table, dataset, names, results.protocol(dataset)["select"])


def corners(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the run of `spread` nearest to each corner of the plane of precision and recall.

    Both axes are scaled to the range that the runs span, distances are the larger of the two differences, ties go to
    the earlier in the plan. One row per corner: `precision_end` and `recall_end` are `high` or `low`. Empty
    where either does not vary.
    """
    values = runs[list(AXES)].to_numpy(dtype=float)
    reach = np.ptp(values, axis=0) if len(values) else np.zeros(2)
    if not (reach > 0).all():
        return pd.DataFrame(columns=list(COLUMNS))
    scaled = (values - values.min(axis=0)) / reach
    rows = []
    for ends in product((HIGH, LOW), repeat=len(AXES)):
        away = np.abs(scaled - [float(end == HIGH) for end in ends]).max(axis=1)
        named = {f"{axis}_end": end for axis, end in zip(AXES, ends, strict=True)}
        rows.append(runs.iloc[[int(away.argmin())]].assign(**named))
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]
