"""The random settings of a search: what every statement about a tuning budget is computed from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ganbench.analysis.bands import Array
from ganbench.analysis.curves import bounds_of, independent_draws, sampler_name
from ganbench.analysis.results import Metric, ReportError, Results

Losses: TypeAlias = "pd.Series[Any]"  # scores by trial index, turned so that smaller is better

SOLID, LONGEST = 1 / 8, 1 / 4  # of n: how far intervals of comparisons are good, and how far they go
KNOWN = 1 / 2  # of n: beyond, the tail that a best of k needs was not seen


class StatisticsError(ReportError):
    """A statistic that these results cannot carry."""


def independent(results: Results, what: str) -> None:
    """Raise `StatisticsError` unless the sweep's settings were drawn independently and alike."""
    if not independent_draws(results):
        raise StatisticsError(
            f"{what} need independent draws, which sampler {sampler_name(results)!r} of sweep"
            f" {results.name!r} does not give: search with hashed or random, or compare the"
            " anytime curves of several searches"
        )


def chosen(results: Results, dataset: str, keys: Collection[str] | None) -> list[Metric]:
    """Return the metrics named, in the order of the report; None: the headline and the curve's.

    A key that a dataset was not scored by is left out there. Raises `StatisticsError` for a key that no
    dataset of the sweep was scored by.
    """
    if keys is None:
        return results.shown(dataset)
    known = set(results.scored["metric"])
    for key in keys:
        if key not in known:
            raise StatisticsError(
                f"no score of sweep {results.name!r} has metric {key!r}; there are {', '.join(sorted(known))}"
            )
    return [metric for metric in results.metrics(dataset) if metric.key in keys]


def oriented(scores: Array, metric: Metric) -> Array:
    """Turn scores so that smaller is better."""
    return scores if metric.minimize else -scores


def searched(table: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes of the random settings: those of the search without the authors' default."""
    return table[(table["stage"] == "search") & ~table["is_default"].astype(bool)]


def draws(
    results: Results, table: pd.DataFrame, dataset: str, metric: Metric, *, at: str = "best"
) -> dict[str, Losses]:
    """Return each variant's losses by trial index, in order; a diverged draw is the worst there is.

    A variant without a finished draw is absent.
    """
    rows = searched(table)
    rows = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric.key) & rows[at].notna()]
    return {
        variant: pd.Series(
            oriented(ours[at].to_numpy(dtype=float), metric), index=ours["index"].to_numpy()
        ).sort_index(kind="stable")
        for variant, ours in by_variant(results, rows)
    }


def by_variant(results: Results, rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each variant that has rows, in the order of the definition, with its rows."""
    split = dict(list(rows.groupby("variant", sort=False)))
    yield from ((variant, split[variant]) for variant in results.variants if variant in split)


def bounds(table: pd.DataFrame, dataset: str, metric: Metric) -> tuple[float, float]:
    """Return the least and greatest score that a metric can have, see `bounds_of`."""
    rows = table[
        (table["dataset"] == dataset) & (table["metric"] == metric.key) & (table["stage"] == "search")
    ]
    return bounds_of(rows.loc[rows["best_finite"], "best"].to_numpy(), minimize=metric.minimize)


def running(results: Results, runs: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the best loss so far of each run at every scored step, [runs, steps]; ∞ before one is finite."""
    rows = results.scores[results.scores["trial_id"].isin(runs["trial_id"])]
    steps = np.sort(rows["step"].unique())
    good = rows[(rows["metric"] == metric.key) & (rows["status"] == "ok")]
    wide = good.pivot_table(index="trial_id", columns="step", values="value")
    wide = wide.reindex(index=runs["trial_id"], columns=steps)
    losses = oriented(wide.to_numpy(dtype=float), metric)
    so_far = np.minimum.accumulate(np.where(np.isfinite(losses), losses, np.inf), axis=1)
    return pd.DataFrame(so_far, index=runs.index, columns=steps)


def shared(results: Results) -> bool:
    """Return whether all variants tried the same draws, so that these are resampled together."""
    return bool(results.definition.get("search", {}).get("shared", False))


def mostly_nothing(scores: Array, *, minimize: bool) -> bool:
    """Return whether more than half of the models score 0, or nothing, where more is better: none is ranked then."""
    return not minimize and bool(np.mean(~np.isfinite(scores) | (scores == 0.0)) > 0.5)


def reach(k: int, n: int) -> str:
    """Say how an interval at budget k of n settings is drawn: `solid` to n/8, `dashed` to n/4, else `none`."""
    return "solid" if k <= SOLID * n else "dashed" if k <= LONGEST * n else "none"


def order_quantile(values: Array, q: float) -> Array:
    """Return the q-quantile over the first axis as an order statistic; values may hold ∞, not NaN."""
    place = int(np.clip(np.ceil(q * len(values)) - 1, 0, len(values) - 1))
    found: Array = np.partition(values, place, axis=0)[place]
    return found


def percentiles(values: Array, level: float) -> tuple[Array, Array]:
    """Return the central interval that holds a share ``level`` of the first axis."""
    tail = (1.0 - level) / 2.0
    return order_quantile(values, tail), order_quantile(values, 1.0 - tail)


def resamples(n: int, times: int, rng: np.random.Generator) -> Array:
    """Return how often each of n draws comes into each of ``times`` bootstrap samples of size n, [times, n]."""
    picked = rng.integers(0, n, (times, n)) + n * np.arange(times)[:, None]
    counts: Array = np.bincount(picked.ravel(), minlength=n * times).reshape(times, n).astype(float)
    return counts
