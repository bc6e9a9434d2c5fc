"""Who is first at a budget, on each dataset and over all of them, and how sure that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ganbench.analysis.bands import Array, philox
from ganbench.analysis.comparisons import HOLM_AT
from ganbench.analysis.curves import median_best
from ganbench.analysis.draws import (
    LONGEST,
    Losses,
    chosen,
    draws,
    independent,
    mostly_nothing,
    percentiles,
    resamples,
    shared,
)
from ganbench.analysis.duel import LEVEL
from ganbench.analysis.results import Metric, Results

RESAMPLES, MOST = 1000, 1_000_000  # bootstrap samples; large searches, which are surer, get fewer
OVERALL = ""  # the dataset of rows that average over all, by each dataset's headline
COLUMNS = ("dataset", "metric", "k", "variant", "n", "value", "rank", "lower", "upper", "first", "datasets")


def ranks(
    results: Results, table: pd.DataFrame, *, at: str = "best", keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Rank the variants at budgets 1, 5 and 10, one row per (dataset, metric, k, variant); 1 is best.

    The rank is that of `value`, the median best of k random settings; equal medians share their mean rank.
    `lower` and `upper` hold it in 95 % of 1000 bootstrap samples of the settings (of large searches at least
    200), `first` is the share of them in which the variant is first (with j others: 1/(j + 1)). Rows with
    an empty dataset average the ranks by each dataset's headline, over the datasets on which every variant
    has draws (`datasets`; no row where there is none). A model's settings are the same on every dataset,
    so its trial indices are resampled once for all of them; with `search.shared` once for all models. A
    variant with fewer than 4k draws has no rank; a budget at which none has one has no rows, and neither has
    one where the medians of most are 0 and more is better. Raises `StatisticsError` for draws that are not
    independent.
    """
    independent(results, "ranks at a budget")
    drawn = {
        (dataset, metric): draws(results, table, dataset, metric, at=at)
        for dataset in results.datasets
        for metric in dict.fromkeys([*chosen(results, dataset, keys), *results.shown(dataset)])
    }
    counts = _resampled(results, list(drawn.values()))  # of all that is shown, whatever is asked for
    boards = [(*board, found) for board, found in drawn.items() if keys is None or board[1].key in keys]
    medians = [sampled_medians(found, counts) for *_, found in boards]
    rows: list[dict[str, object]] = []
    for place, k in enumerate(HOLM_AT):
        kept = []
        for (dataset, metric, found), both in zip(boards, medians, strict=True):
            sizes = {variant: len(losses) for variant, losses in found.items()}
            here = {v: values[place] for v, values in both.items() if sizes[v] * LONGEST >= k}
            medians_of_k = np.array([values[0] for values in here.values()])
            if here and not mostly_nothing(medians_of_k, minimize=metric.minimize):
                ranked = sampled_ranks(here)
                rows += _rows(results, here, ranked, metric, sizes, {"dataset": dataset, "k": k})
                headline = metric.key == results.shown(dataset)[0].key
                kept += [ranked] if headline and len(here) == len(results.variants) else []
        rows += _overall(results, kept, k)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _resampled(results: Results, boards: list[dict[str, Losses]]) -> dict[str, pd.DataFrame]:
    """Return, per variant, how often each trial index comes into each bootstrap sample: index × resamples."""
    indices: dict[str, set[int]] = {}
    for found in boards:
        for variant, losses in found.items():
            indices.setdefault(variant, set()).update(losses.index)
    together = sorted(set().union(*indices.values())) if shared(results) else None
    most = max((len(own) for own in indices.values()), default=1)
    times, counts = samples_of(most), {}
    for variant, own in indices.items():
        drawn = together or sorted(own)
        rng = philox("ranks", "" if together else variant, len(drawn))
        counts[variant] = pd.DataFrame(resamples(len(drawn), times, rng).T, index=drawn)
    return counts


def samples_of(n: int) -> int:
    """Return how many bootstrap samples there are of n settings."""
    return int(np.clip(MOST // n, RESAMPLES // 5, RESAMPLES))


def sampled_medians(found: dict[str, Losses], counts: Mapping[str, pd.DataFrame]) -> dict[str, Array]:
    """Return each variant's median best, [budgets, 1 + samples]: of its settings, then of bootstrap samples of them."""
    medians = {}
    for variant, losses in found.items():
        drawn = counts[variant]
        drawn = drawn if len(drawn) == len(losses) else drawn.loc[losses.index]
        weights = np.concatenate([np.ones((len(losses), 1)), drawn.to_numpy()], axis=1)
        medians[variant] = median_best(losses.to_numpy(dtype=float), weights, HOLM_AT)
    return medians


def sampled_ranks(medians: Mapping[str, Array]) -> dict[str, Array]:
    """Return each variant's rank among them, and in each bootstrap sample."""
    return dict(zip(medians, rankdata(np.stack(list(medians.values())), axis=0), strict=True))


def _rows(
    results: Results,
    medians: Mapping[str, Array],
    ranked: Mapping[str, Array],
    metric: Metric,
    sizes: Mapping[str, int],
    key: dict[str, object],
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    best = _firsts(ranked)
    for variant in results.variants:
        row = {**key, "metric": metric.key, "variant": variant, "n": sizes.get(variant, 0), "datasets": 1}
        if variant in ranked:
            value = float(medians[variant][0])
            row |= {"value": value if metric.minimize else -value, "rank": float(ranked[variant][0])}
            row |= _spread(ranked[variant]) | {"first": best[variant]}
        rows.append(row)
    return rows


def _overall(results: Results, kept: list[dict[str, Array]], k: int) -> list[dict[str, object]]:
    if not kept:
        return []
    means = {v: np.mean([ranked[v] for ranked in kept], axis=0) for v in results.variants}
    best = _firsts(means)
    return [
        {
            "dataset": OVERALL,
            "metric": "headline",
            "k": k,
            "variant": variant,
            "rank": float(means[variant][0]),
            "datasets": len(kept),
            **_spread(means[variant]),
            "first": best[variant],
        }
        for variant in results.variants
    ]


def _spread(values: Array) -> dict[str, float]:
    lower, upper = percentiles(values[1:], LEVEL)
    return {"lower": float(lower), "upper": float(upper)}


def _firsts(sampled: Mapping[str, Array]) -> dict[str, float]:
    """Return the share of samples in which each variant has the least rank, ties shared."""
    stacked = np.stack(list(sampled.values()))[:, 1:]
    first = stacked == stacked.min(axis=0)
    shares = (first / first.sum(axis=0)).mean(axis=1)
    return dict(zip(sampled, shares.tolist(), strict=True))
