"""What re-running a chosen setting says about having chosen it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ganbench.analysis.curves import LEVEL
from ganbench.analysis.results import Metric, Results
from ganbench.analysis.runs import proportion

KEYS = ["dataset", "metric", "variant"]
COLUMNS = (*KEYS, "at", "rank", "setting", "n", "searched", "mean", "gap", "lower", "upper")
AS_GOOD = ("as_good", "as_good_lower", "as_good_upper")


def selection_gaps(results: Results, table: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    """Return what the searched score of a re-run setting promised beyond its reruns, from `over_seeds`.

    One row per re-run setting and checkpoint rule `at`: `gap` = searched − mean over its n seeds (untrimmed,
    ceiling for diverged), with Student's interval `lower`, `upper` of that mean; where the better direction
    is down, below 0 is optimism. `as_good` is the share of reruns at least as good as the searched score, with
    Clopper and Pearson's interval: about ½ where nothing was selected on luck. Where several settings were
    re-run, rows of rank −1 hold their mean gap with Student's interval over settings. NaN for fewer than
    two seeds, or settings, and where the searched score was not finite.
    """
    rows = [row for dataset in results.datasets for row in _gaps(results, table, seeds, dataset)]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *AS_GOOD])
    several = frame[frame["gap"].notna()].groupby([*KEYS, "at"], sort=False)["gap"]
    means = [
        dict(zip([*KEYS, "at"], map(str, key), strict=True)) | {"rank": -1, "n": len(gaps)} | _student(gaps)
        for key, gaps in several
        if len(gaps) > 1
    ]
    return (
        pd.concat([frame, pd.DataFrame(means)], ignore_index=True)[[*COLUMNS, *AS_GOOD]] if means else frame
    )


def _student(gaps: pd.Series) -> dict[str, float]:
    half = student_half(float(gaps.std(ddof=1)), len(gaps))
    mean = float(gaps.mean())
    return {"gap": mean, "lower": mean - half, "upper": mean + half}


def student_half(sd: float, n: int, level: float = LEVEL) -> float:
    """Return half the width of Student's interval of a mean, NaN for n < 2."""
    return float(stdtrit(n - 1, (1.0 + level) / 2.0)) * sd / np.sqrt(n) if n > 1 else float("nan")


def _gaps(
    results: Results, table: pd.DataFrame, seeds: pd.DataFrame, dataset: str
) -> Iterator[dict[str, object]]:
    for metric in results.metrics(dataset):
        described = seeds[(seeds["dataset"] == dataset) & (seeds["metric"] == metric.key) & (seeds["n"] > 0)]
        reruns = table[
            (table["dataset"] == dataset) & (table["metric"] == metric.key) & (table["stage"] == "rerun")
        ]
        for row in described.to_dict("records"):
            ours = reruns[(reruns["variant"] == row["variant"]) & (reruns["index"] == row["setting"])]
            yield _gap({str(name): value for name, value in row.items()}, ours, metric)


def _gap(row: dict[str, object], reruns: pd.DataFrame, metric: Metric) -> dict[str, object]:
    n, gap, promised = int(str(row["n"])), float(str(row["gap"])), float(str(row["searched"]))
    half = student_half(float(str(row["sd"])), n)
    scores = reruns[str(row["at"])].to_numpy(dtype=float)
    good = int((scores <= promised if metric.minimize else scores >= promised).sum())
    shares = proportion(good, n) if np.isfinite(promised) else (np.nan,) * 3
    kept = {name: row[name] for name in (*KEYS, "at", "rank", "setting", "n", "searched", "mean", "gap")}
    return {**kept, "lower": gap - half, "upper": gap + half, **dict(zip(AS_GOOD, shares, strict=True))}
