"""What choosing the best checkpoint on the images it is scored on adds to a score."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.special import log_ndtr

from ganbench.analysis.bands import Array
from ganbench.analysis.costs import planned
from ganbench.analysis.distributions import scale_of
from ganbench.analysis.draws import by_variant, chosen, oriented
from ganbench.analysis.reruns import student_half
from ganbench.analysis.results import Metric, Results

HALVES = ("a", "b")
COLUMNS = (
    "dataset",
    "metric",
    "variant",
    "n",
    "checkpoints",
    "scale",
    "noise",
    "bound",
    "same",
    "other",
    "optimism",
    "lower",
    "upper",
    "scaled",
    "scaled_lower",
    "scaled_upper",
    "missing",
)


@cache
def expected_best(m: int) -> float:
    """Return the expected largest of m standard normal numbers: 1.163 for 5, 1.889 for 21.

    ∫ x m φ(x) Φ(x)^(m−1) dx.
    """
    norm = -0.5 * np.log(2.0 * np.pi)

    def density(x: float) -> float:
        return float(x * m * np.exp(norm - 0.5 * x * x + (m - 1) * log_ndtr(x)))

    return float(quad(density, -12.0, 12.0)[0])


def half_keys(metric: Metric) -> tuple[str, str]:
    """Return the keys of a metric's scores on two halves of the test set: `fd_a_lenet28` and `fd_b_lenet28`."""
    threshold = f"@{metric.at}" if metric.at else ""
    first, second = (f"{metric.bare}_{half}_{metric.space}{threshold}" for half in HALVES)
    return first, second


def checkpoint_optimism(
    results: Results, table: pd.DataFrame, *, keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Return how much better the best checkpoint looks than it is, one row per (dataset, metric, variant).

    Where scores on two halves of the test set are stored (`half_keys`), each searched run's checkpoint is
    chosen on one half and reported on the other, both ways: `same` and `other` are the mean score where it
    was chosen and where it was not, `optimism` how much worse the latter is, with Student's interval over
    the `n` runs; `scaled`, `scaled_lower` and `scaled_upper` are the same on `scale` (log of what is minimised,
    logit of shares), where bad runs do not drown good ones. Without halves these are NaN and `missing` names
    them. `bound` is what noise alone could do, on that scale: the expected best of as many normal numbers as
    there are `checkpoints` times `noise`, the runs' sd about a straight line through neighbouring
    checkpoints, σ² = ⅔ mean (½ y₋ − y + ½ y₊)² (Gasser et al. 1986), pooled over runs and checkpoints. Real ups
    and downs of training count as noise in it, so it is an upper bound. Runs with a
    checkpoint that is not finite are left out.
    """
    runs = planned(table)
    runs = runs[runs["stage"] == "search"]
    rows = [
        {"dataset": dataset, "metric": metric.key, **row}
        for dataset in results.datasets
        for metric in chosen(results, dataset, keys)
        for row in _rows(results, runs[runs["dataset"] == dataset], metric, dataset)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(results: Results, runs: pd.DataFrame, metric: Metric, dataset: str) -> Iterator[dict[str, object]]:
    halves = half_keys(metric)
    there = set(halves) <= set(results.scored.loc[results.scored["dataset"] == dataset, "metric"])
    missing = "" if there else f"scores on halves of the test set: {' and '.join(halves)}"
    (every,) = complete(results, runs, [metric.key])
    pair = complete(results, runs, list(halves)) if there else []
    for variant, ours in by_variant(results, runs):
        known, *split = (_rows_of(scores, ours) for scores in (every, *pair))
        found = crossed(split[0], split[1], metric) if there else {}
        yield {"variant": variant, **_noise(known, metric), **found, "missing": missing}


def _rows_of(scores: pd.DataFrame, runs: pd.DataFrame) -> Array:
    return scores.loc[scores.index.intersection(runs.index)].to_numpy(dtype=float)


def _noise(scores: Array, metric: Metric) -> dict[str, object]:
    row: dict[str, object] = {"n": len(scores)}
    if scores.size:
        scale, values = scale_of(scores, minimize=metric.minimize)
        noise = float(np.sqrt((roughness(values) ** 2).mean())) if scores.shape[1] > 2 else np.nan
        row |= {"checkpoints": scores.shape[1], "scale": scale, "noise": noise}
        row["bound"] = noise * expected_best(scores.shape[1])
    return row


def complete(results: Results, runs: pd.DataFrame, keys: list[str]) -> list[pd.DataFrame]:
    """Return the scores of the runs that are finite at every checkpoint in every key, [runs, steps] each."""
    rows = results.scores[results.scores["trial_id"].isin(runs["trial_id"])]
    rows = rows[rows["metric"].isin(keys)]
    value = rows["value"].where(rows["status"] == "ok")
    wide = rows.assign(value=value).pivot_table(
        index="trial_id", columns=["metric", "step"], values="value", dropna=False
    )
    wide = wide.reindex(index=runs["trial_id"]).set_index(runs.index).dropna(axis="index")
    return [wide.loc[:, wide.columns.get_level_values(0) == key] for key in keys]


def roughness(values: Array) -> Array:
    """Return each row's noise sd from second differences, [runs] of [runs, steps ≥ 3]."""
    bends = values[:, :-2] / 2.0 - values[:, 1:-1] + values[:, 2:] / 2.0
    found: Array = np.sqrt(2.0 / 3.0 * (bends**2).mean(axis=1))
    return found


def crossed(first: Array, second: Array, metric: Metric) -> dict[str, float]:
    """Return the mean score where a checkpoint was chosen, where it was not, and their difference, on the scale too."""
    if not first.size:
        return {}
    _, (a, b) = scale_of(np.stack([first, second]), minimize=metric.minimize)
    scaled = _differing(*_ends(a, b, metric), metric, ("scaled", "scaled_lower", "scaled_upper"))
    same, other = _ends(first, second, metric)
    found = _differing(same, other, metric, ("optimism", "lower", "upper"))
    return {**found, **scaled, "same": float(same.mean()), "other": float(other.mean())}


def _ends(first: Array, second: Array, metric: Metric) -> tuple[Array, Array]:
    """Return each run's score on the half that chose its checkpoint and on the other one, both ways averaged."""
    runs = np.arange(len(first))
    by_first, by_second = (oriented(scores, metric).argmin(axis=1) for scores in (first, second))
    same = (first[runs, by_first] + second[runs, by_second]) / 2.0
    other = (second[runs, by_first] + first[runs, by_second]) / 2.0
    return same, other


def _differing(same: Array, other: Array, metric: Metric, names: tuple[str, str, str]) -> dict[str, float]:
    """Return how much worse the other half is, with Student's interval."""
    worse = oriented(other, metric) - oriented(same, metric)
    half = student_half(float(worse.std(ddof=1)), len(worse)) if len(worse) > 1 else np.nan
    mean = float(worse.mean())
    return dict(zip(names, (mean, mean - half, mean + half), strict=True))
