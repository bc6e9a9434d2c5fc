"""Who is first at a budget, on each dataset and over all of them, and how sure that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ganbench.analysis.bands import Array, philox
from ganbench.analysis.comparisons import HOLM_AT
from ganbench.analysis.draws import (
    LONGEST,
    Losses,
    chosen,
    draws,
    independent,
    percentiles,
    resamples,
    shared,
)
from ganbench.analysis.duel import LEVEL
from ganbench.analysis.results import Metric, Results

RESAMPLES = 1000
OVERALL = ""  # the dataset of rows that average over all, by each dataset's headline
COLUMNS = ("dataset", "metric", "k", "variant", "n", "value", "rank", "lower", "upper", "first", "datasets")


def ranks(
    results: Results, table: pd.DataFrame, *, at: str = "best", keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Rank the variants at budgets 1, 5 and 10, one row per (dataset, metric, k, variant); 1 is best.

    The rank is that of `value`, the median best of k random settings; equal medians share their mean rank.
    `lower` and `upper` hold it in 95 % of 1000 bootstrap samples of the settings, `first` is the share of
    them in which the variant is first (with j others: 1/(j + 1)). Rows with an empty dataset average the
    ranks by each dataset's headline, over the datasets on which every variant has draws (`datasets`; no row
    where there is none). A model's settings are the same on every dataset, so its trial indices are
    resampled once for all of them; with `search.shared` once for all models. A variant with fewer
    than 4k draws has no rank; a budget at which none has one has no rows. Raises `StatisticsError` for
    draws that are not independent.
    """
    independent(results, "ranks at a budget")
    boards = [
        (dataset, metric, draws(results, table, dataset, metric, at=at))
        for dataset in results.datasets
        for metric in chosen(results, dataset, keys)
    ]
    counts = _resampled(results, [found for *_, found in boards])
    rows: list[dict[str, object]] = []
    for k in HOLM_AT:
        kept = []
        for dataset, metric, every in boards:
            found = {variant: losses for variant, losses in every.items() if len(losses) * LONGEST >= k}
            if found:
                centre, sampled = _ranked(found, counts, k)
                rows += _rows(results, found, metric, centre, sampled, {"dataset": dataset, "k": k})
                headline = metric.key == results.shown(dataset)[0].key
                kept += [(centre, sampled)] if headline and len(found) == len(results.variants) else []
        rows += _overall(results, kept, k)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _resampled(results: Results, boards: list[dict[str, Losses]]) -> dict[str, pd.DataFrame]:
    """Return, per variant, how often each trial index comes into each bootstrap sample: index × resamples."""
    indices: dict[str, set[int]] = {}
    for found in boards:
        for variant, losses in found.items():
            indices.setdefault(variant, set()).update(losses.index)
    together = sorted(set().union(*indices.values())) if shared(results) else None
    counts = {}
    for variant, own in indices.items():
        drawn = together or sorted(own)
        rng = philox("ranks", "" if together else variant, len(drawn))
        counts[variant] = pd.DataFrame(resamples(len(drawn), RESAMPLES, rng).T, index=drawn)
    return counts


def _ranked(
    found: dict[str, Losses], counts: Mapping[str, pd.DataFrame], k: int
) -> tuple[dict[str, float], dict[str, Array]]:
    """Return each variant's rank, and its ranks in the bootstrap samples."""
    centre = rankdata(
        [median_best(x.to_numpy(dtype=float), np.ones((len(x), 1)), k)[0] for x in found.values()]
    )
    sampled = np.stack(
        [median_best(x.to_numpy(dtype=float), counts[v].loc[x.index].to_numpy(), k) for v, x in found.items()]
    )
    ranked = rankdata(sampled, axis=0)
    return dict(zip(found, centre.tolist(), strict=True)), dict(zip(found, ranked, strict=True))


def median_best(losses: Array, counts: Array, k: int) -> Array:
    """Return the median best of k of weighted losses, [S] for counts [N, S]: the (1 − 2^(−1/k))-quantile.

    A sample without any weight has the median ∞.
    """
    order = np.argsort(losses, kind="stable")
    below = np.cumsum(counts[order], axis=0)
    # The tolerance keeps a share that is the quantile but for rounding.
    enough = (below >= (1.0 - 0.5 ** (1.0 / k)) * below[-1] * (1.0 - 1e-12)) & (below > 0)
    found: Array = np.where(enough.any(axis=0), losses[order][np.argmax(enough, axis=0)], np.inf)
    return found


def _rows(
    results: Results,
    found: dict[str, Losses],
    metric: Metric,
    centre: dict[str, float],
    sampled: dict[str, Array],
    key: dict[str, object],
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    best = _firsts(sampled)
    k = int(str(key["k"]))
    for variant in results.variants:
        row = {
            **key,
            "metric": metric.key,
            "variant": variant,
            "n": len(found.get(variant, ())),
            "datasets": 1,
        }
        if variant in found:
            losses = found[variant].to_numpy(dtype=float)
            loss = float(median_best(losses, np.ones((len(losses), 1)), k)[0])
            row |= {"value": loss if metric.minimize else -loss, "rank": centre[variant]}
            row |= _spread(sampled[variant]) | {"first": best[variant]}
        rows.append(row)
    return rows


def _overall(
    results: Results, kept: list[tuple[dict[str, float], dict[str, Array]]], k: int
) -> list[dict[str, object]]:
    if not kept:
        return []
    means = {v: np.mean([sampled[v] for _, sampled in kept], axis=0) for v in results.variants}
    best = _firsts(means)
    return [
        {
            "dataset": OVERALL,
            "metric": "headline",
            "k": k,
            "variant": variant,
            "rank": float(np.mean([centre[variant] for centre, _ in kept])),
            "datasets": len(kept),
            **_spread(means[variant]),
            "first": best[variant],
        }
        for variant in results.variants
    ]


def _spread(values: Array) -> dict[str, float]:
    lower, upper = percentiles(values, LEVEL)
    return {"lower": float(lower), "upper": float(upper)}


def _firsts(sampled: Mapping[str, Array]) -> dict[str, float]:
    """Return the share of samples in which each variant has the least rank, ties shared."""
    stacked = np.stack(list(sampled.values()))
    first = stacked == stacked.min(axis=0)
    shares = (first / first.sum(axis=0)).mean(axis=1)
    return dict(zip(sampled, shares.tolist(), strict=True))
