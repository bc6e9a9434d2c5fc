"""Distributions over seeds and over settings: centre, spread, failures, outliers and the selection gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganbench.analysis.bands import Array
from ganbench.analysis.results import Metric, Results
from ganbench.analysis.selection import rerun_order

Flags: TypeAlias = NDArray[np.bool_]
Groups: TypeAlias = Callable[[str, str], list[tuple[pd.Series, dict[str, float]]]]

CUT = 3.5  # of the robust z (Iglewicz and Hoaglin 1993)
NORMAL_MAD = 0.6745  # the normal law's median absolute deviation, in sd
LEAST_SPREAD = 0.01  # of the median: agreement below one per cent makes no outlier
EDGE = 1e-3  # shares are kept this far from 0 and 1 before the logit
MANY = 0.2  # share of failures that earns the second star
LEAST_RUNS = 5  # with fewer no run is called an outlier, and no star is given: see `describe`
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DESCRIBED = (
    "n",
    "mean",
    "sd",
    "trimmed_mean",
    "trimmed_sd",
    "outliers",
    "no_score",
    "failure_share",
    "stars",
    *(f"q{round(100 * q):02d}" for q in QUANTILES),
)


def scale_of(scores: Array, *, minimize: bool) -> tuple[str, Array]:
    """Return finite scores on the scale on which their spread is compared, and its name.

    `log` of positive scores to minimise, `logit` of shares in [0, 1] to maximise (kept .001 off its ends),
    else the `score` itself.
    """
    if minimize and bool(np.all(scores > 0)):
        return "log", np.log(scores)
    if not minimize and bool(np.all((scores >= 0) & (scores <= 1))):
        shares = np.clip(scores, EDGE, 1 - EDGE)
        return "logit", np.log(shares / (1 - shares))
    return "score", scores


def robust_z(scores: Array, *, minimize: bool) -> Array:
    """Return how far each finite score lies on the bad side of the median, in robust sd.

    z = 0.6745 (t − med t) / MAD with t as `scale_of` has it; MAD is at least what one per cent of the median
    score spans on t's scale.
    """
    scale, t = scale_of(scores, minimize=minimize)
    centre = float(np.median(scores))
    inner = float(np.clip(centre, EDGE, 1 - EDGE))
    floors = {"log": LEAST_SPREAD, "logit": LEAST_SPREAD / (1 - inner), "score": LEAST_SPREAD * abs(centre)}
    floor = floors[scale]
    deviation = t - np.median(t)
    spread = max(float(np.median(np.abs(deviation))), floor, 1e-12)
    z: Array = NORMAL_MAD * deviation / spread * (1.0 if minimize else -1.0)
    return z


def outliers(scores: Array, *, minimize: bool) -> Flags:
    """Return which finite scores are outliers: robust z above 3.5, on the bad side only."""
    return robust_z(scores, minimize=minimize) > CUT


def describe(scores: Array, finite: Flags, *, minimize: bool, ceiling: float) -> dict[str, float | int | str]:
    """Describe runs of one setting, or of many.

    ``scores`` [N] hold what stands in where ``finite`` [N] is false. Means untrimmed count the ceiling
    there; the trimmed ones leave out failures, that is runs without a score and outliers. Stars: `*` some
    run failed, `**` at least a fifth did. Quantiles may be infinite.

    No outliers among fewer than `LEAST_RUNS` scores, and no star for fewer runs: the MAD of three is the smaller
    of two gaps (15 % of samples of three normal numbers had an outlier, 6 % of those of twenty), and one of four is
    more than a fifth, so that every star would be two.
    """
    good = scores[finite]
    judged = len(good) >= LEAST_RUNS
    odd = outliers(good, minimize=minimize) if judged else np.zeros(len(good), dtype=bool)
    counted, kept = np.where(finite, scores, ceiling), good[~odd]
    failures = len(scores) - len(kept)
    share = failures / len(scores) if len(scores) else np.nan
    values: tuple[float | int | str, ...] = (
        len(scores),
        *_mean_sd(counted),
        *_mean_sd(kept),
        int(odd.sum()),
        int((~finite).sum()),
        share,
        _stars(len(scores), failures),
        *(quantile(scores, q) for q in QUANTILES),
    )
    return dict(zip(DESCRIBED, values, strict=True))


def _stars(n: int, failures: int) -> str:
    if n < LEAST_RUNS or not failures:
        return ""
    return "**" if failures / n >= MANY else "*"


def quantile(scores: Array, q: float) -> float:
    """Return the q-quantile, interpolated between neighbours; scores may hold ∞."""
    if not len(scores):
        return np.nan
    ordered, place = np.sort(scores), q * (len(scores) - 1)
    low, part = int(place), place - int(place)
    if part == 0 or ordered[low] == ordered[low + 1]:
        return float(ordered[low])
    return float((1 - part) * ordered[low] + part * ordered[low + 1])


def _mean_sd(scores: Array) -> tuple[float, float]:
    """Return mean and sample sd, NaN where too few scores say either."""
    mean = float(np.mean(scores)) if len(scores) else np.nan
    return mean, float(np.std(scores, ddof=1)) if len(scores) > 1 else np.nan


def over_settings(results: Results, table: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Describe the random settings of the search, one row per (dataset, metric, variant, at)."""
    draws = table[(table["stage"] == "search") & ~table["is_default"].astype(bool)]
    return _described(results, draws, ceilings, lambda _, variant: [(draws["variant"] == variant, {})])


def over_seeds(results: Results, table: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Describe the reruns, one row per (dataset, metric, variant, rank, at).

    `setting` is the search index of the setting that was re-run, `searched` its score in the search and
    `gap` that score minus the reruns' untrimmed mean: what picking the best of many noisy scores costs.
    """
    reruns = table[table["stage"] == "rerun"]

    def groups(dataset: str, variant: str) -> list[tuple[pd.Series, dict[str, float]]]:
        ours = (reruns["dataset"] == dataset) & (reruns["variant"] == variant)
        settings = rerun_order(results, table, dataset, variant)
        found: list[tuple[pd.Series, dict[str, float]]] = [
            (ours & (reruns["index"] == i), {"rank": n, "setting": i}) for n, i in enumerate(settings)
        ]
        return found or [(ours, {"rank": 0, "setting": np.nan})]

    described = _described(results, reruns, ceilings, groups)
    searched = table[table["stage"] == "search"].drop_duplicates(["dataset", "metric", "variant", "index"])
    keys = ["dataset", "metric", "variant"]
    found = described[[*keys, "setting"]].merge(
        searched, how="left", left_on=[*keys, "setting"], right_on=[*keys, "index"], validate="many_to_one"
    )
    best = (described["at"] == "best").to_numpy()
    for_best, for_last = (found[at].where(found[f"{at}_finite"] == 1) for at in ("best", "last"))
    described["searched"] = np.where(best, for_best, for_last)
    described["gap"] = described["searched"].where(np.isfinite(described["searched"])) - described["mean"]
    return described


def _described(results: Results, rows: pd.DataFrame, ceilings: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    bottoms = ceilings.set_index(["dataset", "metric"])["ceiling"]
    found: list[dict[str, object]] = []
    for dataset in results.datasets:
        for variant in results.variants:
            for here, extra in groups(dataset, variant):
                ours = rows[here & (rows["dataset"] == dataset)]
                for metric in results.metrics(dataset):
                    key = {"dataset": dataset, "metric": metric.key, "variant": variant, **extra}
                    bottom = float(bottoms[dataset, metric.key])
                    found += [
                        {**key, **row} for row in _both(ours[ours["metric"] == metric.key], metric, bottom)
                    ]
    return pd.DataFrame(found)


def _both(rows: pd.DataFrame, metric: Metric, ceiling: float) -> list[dict[str, object]]:
    return [
        {
            "at": at,
            **describe(
                rows[at].to_numpy(dtype=float),
                rows[f"{at}_finite"].to_numpy(dtype=bool),
                minimize=metric.minimize,
                ceiling=ceiling,
            ),
        }
        for at in ("best", "last")
    ]
