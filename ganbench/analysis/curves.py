"""Budget curves: what the best of k settings is worth."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from ganbench.analysis.bands import Array, band_curves, philox
from ganbench.analysis.results import Metric, Results

Budgets: TypeAlias = NDArray[np.int64]

LEVEL = 0.95
RESAMPLES = 5000  # the study's
BAND_RESAMPLES = 1000  # of the percentile band of means
KEPT = 2  # weights of as many sizes are kept: models of a sweep share one, and they are large
MOST_DRAWN = 500_000  # scores drawn for it: large samples, whose band is tight, get fewer
IID = frozenset({"hashed", "random", "replay"})  # samplers whose draws are independent and alike, by class
ROOTS = ("ganbench", "optuna")  # whose classes these are; what another package means by a name is not known
COLUMNS = (
    "median",
    "lower",
    "upper",
    "band",
    "line",
    "u_mean",
    "v_mean",
    "study_mean",
    "study_sd",
    "best_so_far",
)


def sampler_name(results: Results) -> str:
    """Return the short name of the sweep's sampler: `hashed`, `tpe`, …"""
    sampler = results.definition.get("search", {}).get("sampler", "hashed")
    if isinstance(sampler, dict):
        sampler = sampler.get("name") or _last(str(sampler.get("_target_", "")))
    return _short(str(sampler))


def independent_draws(results: Results) -> bool:
    """Return whether the sweep's settings were drawn independently and alike.

    Never by a sampler that learns from scores; else the class in every variant's config says it, whatever its file
    is called, and where no config has one (imported scores) the sampler's name.
    """
    definition = results.definition
    if definition.get("adaptive"):
        return False
    configs = [variant["config"] for variant in definition.get("variants", [])]
    classes = {str(config["sampler"].get("_target_", "")) for config in configs if "sampler" in config}
    if not classes:
        return sampler_name(results) in IID
    return all(name.partition(".")[0] in ROOTS and _short(_last(name)) in IID for name in classes)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _short(name: str) -> str:
    return name.lower().removesuffix("sampler")


def budgets(n: int) -> Budgets:
    """Return the budgets at which curves are evaluated: each up to 100, then a hundred more."""
    if n <= 100:
        return np.arange(1, n + 1)
    return np.concatenate([np.arange(1, 101), np.unique(np.geomspace(101, n, 100).round().astype(int))])


def u_mean(scores: Array, ks: Budgets, *, minimize: bool) -> Array:
    """Return the unbiased mean of the best of k: P(best = x_i) = C(N−i, k−1) / C(N, k).

    x_1 is the best of N finite scores, drawn without replacement. NaN for k > N. Tang et al. 2020, arXiv
    2004.13705.
    """
    n = len(scores)
    mean: Array = np.where(ks <= n, u_weights(n, ks) @ _best_first(scores, minimize=minimize), np.nan)
    return mean


def u_weights(n: int, ks: Budgets) -> Array:
    """Return P(the best of k without replacement is the i-th best of n), [K, n], read-only; 0 for k > n."""
    return _u_weights(n, tuple(ks.tolist()))


@lru_cache(KEPT)
def _u_weights(n: int, budgets: tuple[int, ...]) -> Array:
    rank, k = np.arange(1, n + 1), np.array(budgets)[:, None]
    possible = (k - 1 <= n - rank) & (k <= n)
    left, chosen = np.where(possible, n - rank, 1), np.where(possible, k - 1, 0)
    log_factorial = gammaln(np.arange(n + 2.0) + 1.0)
    log_weight = _log_binomial(left, chosen, log_factorial)
    log_weight = log_weight - _log_binomial(np.full_like(k, n), np.minimum(k, n), log_factorial)
    weights: Array = np.where(possible, np.exp(log_weight), 0.0)
    weights.flags.writeable = False
    return weights


def v_mean(scores: Array, ks: Budgets, *, minimize: bool) -> Array:
    """Return the plug-in mean of the best of k: P(best = x_i) = ((N−i+1)/N)^k − ((N−i)/N)^k.

    Drawn with replacement: biased to the bad side as k grows; what an infinite bootstrap gives. Dodge et
    al. 2019, arXiv 1909.03004.
    """
    mean: Array = _v_weights(len(scores), tuple(ks.tolist())) @ _best_first(scores, minimize=minimize)
    return mean


@lru_cache(KEPT)
def _v_weights(n: int, budgets: tuple[int, ...]) -> Array:
    """Return P(the best of k with replacement is the i-th best of n), [K, n], read-only."""
    beyond = (np.arange(n, -1, -1) / n) ** np.array(budgets)[:, None]  # all k are worse than the i best
    weights: Array = beyond[:, :-1] - beyond[:, 1:]
    weights.flags.writeable = False
    return weights


def bootstrap(scores: Array, ks: Budgets, *, minimize: bool, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return mean and sd of the best of k over 5000 resamples with replacement, the study's form.

    The best of m further draws has rank ⌊N (1 − (1 − U)^(1/m))⌋ with U uniform, so budgets cost one number
    each.
    """
    ordered, n = _best_first(scores, minimize=minimize), len(scores)
    further = np.diff(ks, prepend=0)
    uniform = rng.random((RESAMPLES, len(ks)))
    ranks = np.floor(n * (1.0 - (1.0 - uniform) ** (1.0 / further))).astype(int)
    best = ordered[np.minimum.accumulate(np.minimum(ranks, n - 1), axis=1)]
    return best.mean(axis=0), best.std(axis=0)


def resamples_of(n: int, wanted: int) -> int:
    """Return how many bootstrap samples of n scores are drawn: the wanted number, fewer of large samples."""
    return min(wanted, max(MOST_DRAWN // n, 100))


def mean_band(
    scores: Array, ks: Budgets, *, minimize: bool, level: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return percentiles of the U-mean over bootstrap samples of the N finite scores, [K] each.

    Pointwise, and too narrow from k = N/4 on (docs/statistics.md has the coverage); NaN for k > N and for N = 1.
    """
    n = len(scores)
    times = resamples_of(n, BAND_RESAMPLES)
    drawn = np.sort(rng.choice(_best_first(scores, minimize=minimize), (times, n)), axis=1)
    means = (drawn if minimize else drawn[:, ::-1]) @ u_weights(n, ks).T
    lower, upper = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    known = (ks <= n) & (n > 1)
    return np.where(known, lower, np.nan), np.where(known, upper, np.nan)


def median_curve(scores: Array, ks: Budgets, *, minimize: bool) -> Array:
    """Return the median of the best of k, of two middle ones the better; the scores may hold ∞."""
    sign = 1.0 if minimize else -1.0
    found: Array = sign * median_best(sign * scores, np.ones((len(scores), 1)), ks.tolist())[:, 0]
    return found


def median_best(losses: Array, counts: Array, ks: Sequence[int]) -> Array:
    """Return the median best of k of weighted losses, [K, S] for counts [N, S]: the (1 − 2^(−1/k))-quantile.

    A sample without any weight has the median ∞.
    """
    order = np.argsort(losses, kind="stable")
    below = np.cumsum(counts.T[:, order], axis=1)  # [S, N]: a sample's numbers side by side
    ordered, total, found = losses[order], below[:, -1:], []
    for k in ks:
        # The tolerance keeps a share that is the quantile but for rounding.
        enough = np.maximum((1.0 - 0.5 ** (1.0 / k)) * total * (1.0 - 1e-12), 1e-9)
        place = np.minimum(np.count_nonzero(below < enough, axis=1), len(losses) - 1)
        found.append(np.where(total[:, 0] > 0, ordered[place], np.inf))
    return np.stack(found)


def _best_first(scores: Array, *, minimize: bool) -> Array:
    ordered: Array = np.sort(scores)
    return ordered if minimize else ordered[::-1]


def _log_binomial(n: Budgets, k: Budgets, log_factorial: Array) -> Array:
    result: Array = log_factorial[n] - log_factorial[k] - log_factorial[n - k]
    return result


def bounds_of(scores: Array, *, minimize: bool) -> tuple[float, float]:
    """Return the least and greatest score there can be: 0 unless negatives were seen; 1 for shares."""
    low = 0.0 if np.min(scores, initial=0.0) >= 0 else -np.inf
    high = 1.0 if not minimize and np.max(scores, initial=0.0) <= 1.0 else np.inf
    return low, high


def budget_curves(
    results: Results, table: pd.DataFrame, ceilings: pd.DataFrame, *, keys: Collection[str] | None = None
) -> pd.DataFrame:
    """Return every curve, one row per (dataset, metric, variant, k), from the `outcomes` of the search stage.

    `median` with its simultaneous 95 % band `lower`, `upper`; `u_mean`, `v_mean` of scores winsorised at
    the ceiling; `study_mean`, `study_sd` with the default counted in and the ceiling for diverged;
    `best_so_far` in the order of the trials. `line` is solid up to N/4, dotted up to N/2, else none; `band`
    is two-sided while the good side says something, then one-sided, else none. `n` counts the random draws,
    `n_study` adds the default.
    """
    iid = independent_draws(results)
    frames = []
    searched = table[table["stage"] == "search"].sort_values("index", kind="stable")
    for dataset in results.datasets:
        for metric in _metrics(results, dataset, keys):
            rows = searched[(searched["dataset"] == dataset) & (searched["metric"] == metric.key)]
            ceiling = _lookup(ceilings, dataset, metric.key)
            bounds = bounds_of(rows.loc[rows["best_finite"], "best"].to_numpy(), minimize=metric.minimize)
            for variant in results.variants:
                ours = rows[rows["variant"] == variant]
                frame = _curve(ours, metric, ceiling, bounds, (dataset, metric.key, variant), iid=iid)
                frames.append(frame.assign(dataset=dataset, metric=metric.key, variant=variant))
    columns = ["dataset", "metric", "variant", "k", "n", "n_study", *COLUMNS]
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).reindex(columns=columns)


def _metrics(results: Results, dataset: str, keys: Collection[str] | None) -> list[Metric]:
    if keys is None:
        return results.shown(dataset)
    return [metric for metric in results.metrics(dataset) if metric.key in keys]


def _lookup(ceilings: pd.DataFrame, dataset: str, metric: str) -> float:
    row = ceilings[(ceilings["dataset"] == dataset) & (ceilings["metric"] == metric)]
    return float(row["ceiling"].iloc[0])


def _curve(
    rows: pd.DataFrame,
    metric: Metric,
    ceiling: float,
    bounds: tuple[float, float],
    address: tuple[str, str, str],
    *,
    iid: bool,
) -> pd.DataFrame:
    every = rows["best"].to_numpy(dtype=float)
    drawn = rows.loc[~rows["is_default"].astype(bool), "best"].to_numpy(dtype=float)
    ks = budgets(len(every))
    frame = pd.DataFrame({"k": ks, "n": len(drawn), "n_study": len(every)})
    frame = frame.reindex(columns=[*frame.columns, *COLUMNS])
    frame[["band", "line"]] = "none"
    running = np.minimum if metric.minimize else np.maximum
    frame["best_so_far"] = running.accumulate(every)[ks - 1] if len(every) else []
    if iid and len(every):
        finite = rows["best_finite"].to_numpy(dtype=bool)
        counted = np.where(finite, every, ceiling)
        study = bootstrap(counted, ks, minimize=metric.minimize, rng=philox("study", *address))
        frame["study_mean"], frame["study_sd"] = study
    return _with_median(frame, drawn, metric, ceiling, bounds) if iid and len(drawn) else frame


def winsorised(scores: Array, ceiling: float, *, minimize: bool) -> Array:
    """Return scores of which none is worse than the ceiling."""
    return (np.minimum if minimize else np.maximum)(scores, ceiling)


def _with_median(
    frame: pd.DataFrame, drawn: Array, metric: Metric, ceiling: float, bounds: tuple[float, float]
) -> pd.DataFrame:
    """Fill the columns that hold for independent draws only, up to k = N."""
    n, minimize = len(drawn), metric.minimize
    here = frame["k"] <= n
    ks = frame.loc[here, "k"].to_numpy()
    lower, upper = band_curves(drawn, ks, minimize=minimize, bounds=bounds, level=LEVEL)
    clipped = winsorised(drawn, ceiling, minimize=minimize)
    good, bad = (lower, upper) if minimize else (upper, lower)
    edge = bounds if minimize else bounds[::-1]
    columns = {
        "median": median_curve(drawn, ks, minimize=minimize),
        "lower": lower,
        "upper": upper,
        "u_mean": u_mean(clipped, ks, minimize=minimize),
        "v_mean": v_mean(clipped, ks, minimize=minimize),
        "band": np.select(
            [(good != edge[0]) & (ks <= n / 2), (bad != edge[1]) & (ks <= n / 2)],
            ["two-sided", "one-sided"],
            "none",
        ),
        "line": np.select([ks <= n / 4, ks <= n / 2], ["solid", "dotted"], "none"),
    }
    for name, values in columns.items():
        frame.loc[here, name] = values
    return frame
