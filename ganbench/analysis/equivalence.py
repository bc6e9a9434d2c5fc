"""Whether two choices of an axis give the same scores: two one-sided tests within a margin named beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ganbench.analysis.bands import Array
from ganbench.analysis.curves import winsorised
from ganbench.analysis.results import Metric, ReportError, Results

ALPHA = 0.05
EQUIVALENT, DIFFERENT, UNDECIDED = "equivalent", "different", "undecided"
COLUMNS = (
    *("dataset", "metric", "model", "n_reference", "n_other", "mean_reference", "mean_other", "sd_reference"),
    *("sd_other", "difference", "lower", "upper", "margin", "p", "verdict"),
)


def equivalences(
    results: Results,
    table: pd.DataFrame,
    ceilings: pd.DataFrame,
    metric: Metric,
    *,
    dataset: str,
    axis: str,
    pair: tuple[str, str],
    margin: float,
    ratio: bool = False,
    at: str = "best",
) -> pd.DataFrame:
    """Compare an axis's choices ``pair`` = (reference, other) model by model over the trials of the search.

    `difference` is other minus reference of the mean scores, with the 90 % interval `lower`, `upper` of Welch's t; `p`
    is the larger of the two one-sided p-values of |difference| ≥ ``margin`` (Schuirmann 1987, two one-sided tests).
    With ``ratio`` it is other over reference of the geometric means of positive scores, by the same tests of their
    logarithms; within the margin lies what is between 1/``margin`` and ``margin``.
    `verdict`: *equivalent* where p < .05, which is where the interval lies within ±margin; *different* where it lies
    outside; else *undecided*. No correction for many models: a claim about all of them needs every test to pass
    (intersection-union, Berger 1982). Diverged runs count as the ceiling. Raises `ReportError` for an axis the sweep
    lacks, or ratios of scores that are not positive.
    """
    if axis not in results.definition["axes"] or axis not in table:
        raise ReportError(
            f"sweep {results.name!r} has no axis {axis!r}: choose one of {', '.join(results.definition['axes'])}"
        )
    rows = table[
        (table["stage"] == "search") & (table["dataset"] == dataset) & (table["metric"] == metric.key)
    ]
    bottom = float(ceilings.set_index(["dataset", "metric"])["ceiling"][dataset, metric.key])
    found = []
    for model in results.axis("model"):
        of_model = rows[rows["model"] == model]
        scores = of_model[at].to_numpy(dtype=float)
        reference, other = (
            winsorised(scores[of_model[axis].astype(str) == choice], bottom, minimize=metric.minimize)
            for choice in pair
        )
        if min(len(reference), len(other)) > 1:
            place = {"dataset": dataset, "metric": metric.key, "model": model}
            found.append({**place, **(_tost_of_ratio if ratio else tost)(reference, other, margin)})
    return pd.DataFrame(found, columns=list(COLUMNS))


def _tost_of_ratio(reference: Array, other: Array, margin: float) -> dict[str, Any]:
    if min(reference.min(), other.min()) <= 0.0:
        raise ReportError("ratios are of positive scores: compare differences (ratio: false) of this metric")
    found = tost(np.log(reference), np.log(other), math.log(margin))
    back = {name: math.exp(found[name]) for name in ("difference", "lower", "upper")}
    return {**found, **_moments(reference, other), **back, "margin": margin}


def tost(reference: Array, other: Array, margin: float) -> dict[str, Any]:
    """Test |mean(other) − mean(reference)| < ``margin`` by two one-sided Welch tests of two samples of at least two.

    Samples without any spread are compared as they stand.
    """
    difference = float(other.mean() - reference.mean())
    if not reference.std() and not other.std():
        lower = upper = difference
        p = 0.0 if abs(difference) < margin else 1.0
    else:
        welch = stats.ttest_ind(other, reference, equal_var=False)
        lower, upper = map(float, welch.confidence_interval(1.0 - 2.0 * ALPHA))
        above = stats.ttest_ind(other + margin, reference, equal_var=False, alternative="greater").pvalue
        below = stats.ttest_ind(other - margin, reference, equal_var=False, alternative="less").pvalue
        p = float(max(above, below))
    outside = lower > margin or upper < -margin
    return {
        **_moments(reference, other),
        "difference": difference,
        "lower": lower,
        "upper": upper,
        "margin": margin,
        "p": p,
        "verdict": EQUIVALENT if p < ALPHA else DIFFERENT if outside else UNDECIDED,
    }


def _moments(reference: Array, other: Array) -> dict[str, float]:
    return {
        "n_reference": len(reference),
        "n_other": len(other),
        "mean_reference": float(reference.mean()),
        "mean_other": float(other.mean()),
        "sd_reference": float(reference.std(ddof=1)),
        "sd_other": float(other.std(ddof=1)),
    }
