"""Whether a band or an interval holds the truth: one function a statistic, names of its statements and their check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from coverage_laws import Array, Law, Priced, Shares, beats
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata, spearmanr

from ganbench.analysis.agreement import correlated
from ganbench.analysis.bands import band_curves
from ganbench.analysis.comparisons import HOLM_AT, holm
from ganbench.analysis.components import components
from ganbench.analysis.compute import POINTS, Orders, permuted_curve
from ganbench.analysis.curves import mean_band, resamples_of
from ganbench.analysis.draws import percentiles as central
from ganbench.analysis.draws import resamples
from ganbench.analysis.duel import LEVEL, Duel, survival
from ganbench.analysis.means import JOINT_RESAMPLES, best_of_samples
from ganbench.analysis.permutation import judged
from ganbench.analysis.ranks import sampled_medians, sampled_ranks, samples_of
from ganbench.analysis.reruns import student_half
from ganbench.analysis.results import Metric
from ganbench.analysis.sensitivity import explained, levels

RESAMPLES = 500
STRICTER, STRICT = "at 0.05/28", 1 - (1 - LEVEL) / 28  # the first step of Holm's correction of 28 pairs
Check: TypeAlias = Callable[[np.random.Generator], Array]  # whether each of several statements holds
Test: TypeAlias = Callable[[Array, Array], float]  # the p-value of P(A beats B) = ½


def at_budgets(n: int) -> list[int]:
    """Return budgets up to a quarter of the settings."""
    return sorted({k for k in (1, 5, 10, n // 4) if k <= n // 4})


def band(law: Law, n: int) -> tuple[list[str], Check]:
    """Check opda's band: everywhere up to n/2 at once, and at single budgets."""
    ks = np.arange(1, n // 2 + 1)
    truth, few = law.median_best(ks), at_budgets(n)

    def check(rng: np.random.Generator) -> Array:
        low, high = band_curves(law.draw(n, rng), ks, minimize=True, bounds=(0.0, np.inf), level=LEVEL)
        held = (low <= truth) & (truth <= high)
        return np.array([held.all(), *(held[k - 1] for k in few)])

    return [f"all k ≤ {n // 2}", *(f"k = {k}" for k in few)], check


def means(law: Law, n: int) -> tuple[list[str], Check]:
    """Check the percentile bootstrap of the mean curve, point by point."""
    ks = np.array([*at_budgets(n), n // 2, n])
    truth = law.mean_best(ks)

    def check(rng: np.random.Generator) -> Array:
        scores = np.minimum(law.draw(n, rng), law.ceiling)
        low, high = mean_band(scores, ks, minimize=True, level=LEVEL, rng=rng)
        return (low <= truth) & (truth <= high)

    return [f"k = {k}" for k in ks], check


def joint(law: Shares, n: int) -> tuple[list[str], Check]:
    """Check the percentile bootstrap of scores that go with the best by one of them, on average over the three."""
    ks = np.array(at_budgets(n))
    truth = law.mean_best(ks)
    times = resamples_of(n, JOINT_RESAMPLES)

    def check(rng: np.random.Generator) -> Array:
        drawn = best_of_samples(law.draw(n, rng), np.arange(n), resamples(n, times, rng), ks)
        lower, upper = central(drawn, LEVEL)
        return ((lower <= truth) & (truth <= upper)).mean(axis=1)

    return [f"k = {k}" for k in ks], check


def duels(pair: tuple[Law, Law], n: int, *, bootstrap: bool) -> tuple[list[str], Check]:
    """Check an interval of P(A beats B): the jackknife's on the logit scale, or bootstrap percentiles."""
    ks = at_budgets(n)
    truth = [beats(*pair, k) for k in ks]

    def check(rng: np.random.Generator) -> Array:
        a, b = (law.draw(n, rng) for law in pair)
        if bootstrap:
            bounds = percentiles(a, b, ks, rng)
        else:
            found = [Duel(a, b).judge(k, k) for k in ks]
            bounds = [(one.lower, one.upper) for one in found]
        return np.array([low <= t <= high for (low, high), t in zip(bounds, truth, strict=True)])

    return [f"k = {k}" for k in ks], check


def percentiles(a: Array, b: Array, ks: list[int], rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return percentiles of P(A beats B) over bootstrap samples of both, at each budget."""
    points = np.unique(np.concatenate([a, b]))
    left_a, left_b = (_left(np.searchsorted(points, x), len(points), rng) for x in (a, b))
    found = []
    for k in ks:
        one, other = survival(len(a), k)[left_a], survival(len(b), k)[left_b]
        shares = ((one[:, :-1] - one[:, 1:]) * (other[:, :-1] + other[:, 1:])).sum(axis=1) / 2.0
        found.append(tuple(np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()))
    return found


def _left(places: NDArray[np.int64], points: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how many of each bootstrap sample are at a point or beyond, then 0, [resamples, points + 1]."""
    drawn = rng.choice(places, (RESAMPLES, len(places))) + points * np.arange(RESAMPLES)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=points * RESAMPLES).reshape(RESAMPLES, points)
    return len(places) - np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))


def families(laws: Sequence[Law], n: int) -> tuple[list[str], Check]:
    """Check that no pair of models is told apart: equal ones at k = 1, 5, 10, those of different spreads at k = 1.

    With more settings each, of models that are equal with one the wider is the better.
    """
    ks = HOLM_AT if len(set(laws)) == 1 else (1,)

    def check(rng: np.random.Generator) -> Array:
        models = [law.draw(n, rng) for law in laws]
        p = [judged(Duel(a, b), k).p for a, b in combinations(models, 2) for k in ks]
        return np.array([not bool((holm(pd.Series(p)) < 1 - LEVEL).any())])

    return [f"{comb(len(laws), 2)} pairs, k = {', '.join(map(str, ks))}"], check


def ours(a: Array, b: Array) -> float:
    """Return the p-value of reports for one setting each."""
    return judged(Duel(a, b), 1).p


def of_scipy(test: Callable[..., Any]) -> Test:
    """Return a test that `scipy.stats` has in place of ours."""
    return lambda a, b: float(test(a, b).pvalue)


def verdicts(pair: tuple[Law, Law], n: int, m: int, test: Test = ours) -> tuple[list[str], Check]:
    """Check that two models, of which none is the better with one setting, are not told apart at two levels."""
    below = (1 - LEVEL, 1 - STRICT)

    def check(rng: np.random.Generator) -> Array:
        p = test(pair[0].draw(n, rng), pair[1].draw(m, rng))
        return np.array([p > level for level in below])

    return ["at 0.05", STRICTER], check


def shares(n: int) -> tuple[list[str], Check]:
    """Check the variance share of a hyperparameter that explains none, or about a third, of the ranks."""
    large = np.random.default_rng(0)

    def one(size: int, effect: float, rng: np.random.Generator) -> tuple[float, float, float]:
        x = rng.random(size)
        ranks = pd.Series(effect * np.minimum(np.floor(5 * x), 4) + rng.normal(size=size)).rank().to_numpy()
        cut = levels(pd.Series(x))
        count = int(cut.max()) + 1
        design = np.stack([np.ones(size), *((cut == c).astype(float) for c in range(1, count))], axis=1)
        return explained(ranks, design)

    effects = (0.0, 0.5)
    truth = [one(400_000, effect, large)[0] for effect in effects]

    def check(rng: np.random.Generator) -> Array:
        found = [one(n, effect, rng) for effect in effects]
        return np.array([low <= t <= high for (_, low, high), t in zip(found, truth, strict=True)])

    return [f"share {max(t, 0.0):.2f}" for t in truth], check


def seeds(n: int) -> tuple[list[str], Check]:
    """Check variance components of n/5 settings × 5 seeds, and Student's interval of n seeds."""

    def check(rng: np.random.Generator) -> Array:
        setting = rng.normal(size=(n // 5, 1))
        found = components(list(setting + 0.5 * rng.normal(size=(n // 5, 5))))
        truths = (1.0, 0.5, 0.8)
        held = [low <= t <= high for t, low, high in zip(truths, found[1::3], found[2::3], strict=True)]
        runs = np.exp(0.3 * rng.normal(size=n))
        half = student_half(float(runs.std(ddof=1)), n)
        return np.array([*held, abs(runs.mean() - np.exp(0.045)) <= half])

    return ["sd of settings", "sd of seeds", "share of settings", "mean of log-normal runs"], check


def prices(law: Priced, n: int) -> tuple[list[str], Check]:
    """Check the permutation's curves against cost where they begin, in the middle and where they end."""
    grid, *truths = law.best(n)
    places = (0, POINTS // 2, POINTS - 1)
    columns = (("median", "lower", "upper"), ("mean", "mean_lower", "mean_upper"))

    def check(rng: np.random.Generator) -> Array:
        scores, costs = law.draw((n, 1), rng)
        orders = Orders(n, (int(rng.integers(1 << 60)),), 1)
        curve = permuted_curve(orders, "passes", costs, scores, law.ceiling, minimize=True).iloc[list(places)]
        held = []
        for (_, lower, upper), truth in zip(columns, truths, strict=True):
            here = np.interp(np.log(curve["cost"]), np.log(grid), truth)
            held.append((curve[lower].to_numpy() <= here) & (here <= curve[upper].to_numpy()))
        return np.concatenate(held)

    return [f"{names[0]}, {where}" for names in columns for where in ("first", "middle", "last")], check


def places(laws: Sequence[Law], n: int) -> tuple[list[str], Check]:
    """Check the intervals of ranks by the median best of k, on average over the models."""
    names = [f"model {place}" for place in range(len(laws))]
    ks = [k for k in HOLM_AT if k <= n // 4]
    truth = [rankdata([float(law.median_best(np.array([k]))[0]) for law in laws]) for k in ks]

    def check(rng: np.random.Generator) -> Array:
        losses = {name: pd.Series(law.draw(n, rng)) for name, law in zip(names, laws, strict=True)}
        counts = {name: pd.DataFrame(resamples(n, samples_of(n), rng).T) for name in names}
        medians = sampled_medians(losses, counts)
        held = []
        for place in range(len(ks)):
            ranked = np.stack(list(sampled_ranks({name: medians[name][place] for name in names}).values()))
            lower, upper = central(ranked[:, 1:].T, LEVEL)
            held.append(np.mean((lower <= truth[place]) & (truth[place] <= upper)))
        return np.array(held)

    return [f"k = {k}" for k in ks], check


def accords(laws: Sequence[Law], order: Sequence[int], n: int) -> tuple[list[str], Check]:
    """Check the intervals of rank correlations between two metrics, over runs and over models' medians."""
    a, b = (Metric(key, key, "", "", "min") for key in ("first", "second"))

    def runs(size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        z, other = rng.normal(size=(2, len(laws), size))
        means = np.array([law.mean for law in laws])
        return means[:, None] + z, means[list(order), None] + 0.8 * z + 0.6 * other

    many = [scores.ravel() for scores in runs(50_000, np.random.default_rng(2))]
    means = [law.mean for law in laws]
    of_models = [means, [means[place] for place in order]]
    measures = {"spearman": spearmanr, "kendall": kendalltau}
    truth = {
        (unit, name): float(measure(*scores).statistic)
        for unit, scores in (("runs", many), ("models", of_models))
        for name, measure in measures.items()
    }

    def check(rng: np.random.Generator) -> Array:
        x, y = runs(n, rng)
        index = pd.MultiIndex.from_product([range(len(laws)), range(n)])
        rows = correlated(pd.DataFrame({"first": x.ravel(), "second": y.ravel()}, index=index), a, b, "")
        found = {str(row["unit"]): row for row in rows}
        return np.array(
            [
                found[unit][f"{name}_lower"] <= true <= found[unit][f"{name}_upper"]
                for (unit, name), true in truth.items()
            ]
        )

    return [f"{name} of {unit}" for unit, name in truth], check
