"""What the chosen setting's runs are like by several metrics at once, at one checkpoint each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganbench.analysis.draws import bounds
from ganbench.analysis.reruns import student_half
from ganbench.analysis.results import Results
from ganbench.analysis.runs import at_best
from ganbench.analysis.selection import rerun_order

COLUMNS = ("dataset", "variant", "setting", "n", "metric", "mean", "sd", "lower", "upper")


def traits(results: Results, table: pd.DataFrame, dataset: str, keys: Sequence[str]) -> pd.DataFrame:
    """Return means over the seeds of each variant's chosen setting, every metric at the same checkpoint of a run.

    That checkpoint is the run's best by the protocol's selecting metric; the setting is the best of those that were
    re-run, as the rerun ranks them. One row per (variant, metric): `n` runs with all of the metrics, `mean`, `sd` and
    Student's 95 % interval `lower`, `upper` (NaN for one run), cut where no score can be (0, and 1 for shares). No rows
    for a variant without reruns.
    """
    found = at_best(
        results, table, dataset, dict(zip(keys, keys, strict=True)), results.protocol(dataset)["select"]
    )
    runs = found[(found["stage"] == "rerun") & found["finite"]]
    rows = []
    for variant in results.variants:
        setting = next(iter(rerun_order(results, table, dataset, variant)), None)
        ours = runs[(runs["variant"] == variant) & (runs["index"] == setting)]
        for key in keys if len(ours) else ():
            mean, sd, n = float(ours[key].mean()), float(ours[key].std(ddof=1)), len(ours)
            half = student_half(sd, n)
            low, high = np.clip(
                [mean - half, mean + half], *bounds(table, dataset, results.metric(dataset, key))
            )
            rows.append((dataset, variant, setting, n, key, mean, sd, float(low), float(high)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
