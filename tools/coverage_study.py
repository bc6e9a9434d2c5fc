"""Measure how often the bands and intervals of the analysis hold the truth, on laws whose truth is known.

    python tools/coverage_study.py [--scale 1.0] [--out benchmarks/results/coverage.csv] [--docs docs/statistics.md]

About eight minutes of one core; `--scale` multiplies the repetitions. Writes the CSV, and the table between the marks
of the document. Simulating opda's weights for 1000 settings takes a minute more, the first time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from ganbench.analysis.bands import band_curves, band_weights, philox
from ganbench.analysis.comparisons import HOLM_AT, holm
from ganbench.analysis.components import components
from ganbench.analysis.curves import mean_band
from ganbench.analysis.duel import Duel, survival
from ganbench.analysis.permutation import tested
from ganbench.analysis.reruns import student_half
from ganbench.analysis.sensitivity import LEAST, explained, levels

ROOT = Path(__file__).resolve().parents[1]
OUT, DOCS = ROOT / "benchmarks" / "results" / "coverage.csv", ROOT / "docs" / "statistics.md"
MARKS = ("<!-- coverage -->\n", "<!-- /coverage -->\n")
LEVEL, RESAMPLES = 0.95, 500
REPEATS = {11: 5000, 20: 5000, 100: 5000, 1000: 2000}  # of each n; of what is slow a quarter
PERCENTILES, FAMILIES = "P(A beats B), percentile bootstrap", "no false verdict among equal models (Holm)"
SLOW = (PERCENTILES, FAMILIES)
Array: TypeAlias = NDArray[np.float64]
Check: TypeAlias = Callable[[np.random.Generator], Array]  # whether each of several statements holds


@dataclass(frozen=True)
class Law:
    """Scores exp(mean + sd z), smaller is better, of which a share diverges."""

    name: str
    mean: float
    sd: float
    diverged: float
    ceiling: float = 10.0

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return n scores; diverged ones are infinite."""
        return np.where(
            rng.random(n) < self.diverged, np.inf, np.exp(self.mean + self.sd * rng.normal(size=n))
        )

    def quantile(self, u: Array) -> Array:
        """Return the u-quantiles."""
        inner = np.minimum(u / (1.0 - self.diverged), 1.0)
        return np.where(u >= 1.0 - self.diverged, np.inf, np.exp(self.mean + self.sd * norm.ppf(inner)))

    def above(self, x: Array) -> Array:
        """Return P(score > x)."""
        with np.errstate(divide="ignore"):
            return self.diverged + (1.0 - self.diverged) * norm.sf((np.log(x) - self.mean) / self.sd)

    def median_best(self, ks: NDArray[np.int64]) -> Array:
        """Return the median best of k."""
        return self.quantile(1.0 - 0.5 ** (1.0 / ks))

    def mean_best(self, ks: NDArray[np.int64]) -> Array:
        """Return the mean best of k of scores winsorised at the ceiling: ∫ P(score > x)^k dx."""
        x = np.linspace(0.0, self.ceiling, 400_001)
        return np.array([np.trapezoid(self.above(x) ** k, x) for k in ks])


PLAIN, DIVERGING = Law("log-normal", 0.0, 1.0, 0.0), Law("a fifth diverged", 0.0, 1.0, 0.2)
PAIRS = {
    "equal": (PLAIN, PLAIN),
    "shifted": (Law("", -0.7, 1.0, 0.0), PLAIN),
    "apart": (Law("", -2.0, 1.0, 0.0), PLAIN),
    "narrow against wide": (Law("", 0.0, 0.3, 0.0), PLAIN),
    "better, but often diverged": (Law("", -0.5, 1.0, 0.4), PLAIN),
}

SPREADS = tuple(Law("", 0.0, float(sd), 0.0) for sd in np.geomspace(0.1, 1.0, 8))


@cache
def beats(a: Law, b: Law, k: int) -> float:
    """Return P(best of k of A beats best of k of B), by quantiles of A's best."""
    u = (np.arange(400_000) + 0.5) / 400_000
    best = a.quantile(-np.expm1(np.log1p(-u) / k))
    never = np.isinf(best)
    better = np.where(never, b.diverged**k / 2.0, b.above(np.where(never, 1.0, best)) ** k)
    return float(better.mean())


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
    """Check that no pair of models, of which none is the better with one setting, is told apart with one.

    With more settings each, models that are equal with one are not where their spreads differ.
    """
    ks = HOLM_AT if len(set(laws)) == 1 else (1,)

    def check(rng: np.random.Generator) -> Array:
        models = [law.draw(n, rng) for law in laws]
        p = [tested(Duel(a, b), k).p for a, b in combinations(models, 2) for k in ks]
        return np.array([not bool((holm(pd.Series(p)) < 1 - LEVEL).any())])

    return [f"28 pairs, k = {', '.join(map(str, ks))}"], check


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


def cells() -> Iterator[tuple[str, str, int, tuple[list[str], Check]]]:
    """Yield every (statistic, law, n) with its names and check."""
    for n in REPEATS:
        for law in (PLAIN, DIVERGING):
            yield "band of the median curve (opda, equal-tailed)", law.name, n, band(law, n)
            yield "percentile bootstrap of the mean curve", law.name, n, means(law, n)
        for name, pair in PAIRS.items():
            yield "P(A beats B), jackknife on the logit", name, n, duels(pair, n, bootstrap=False)
            yield PERCENTILES, name, n, duels(pair, n, bootstrap=True)
        yield FAMILIES, DIVERGING.name, n, families((DIVERGING,) * 8, n)
        yield FAMILIES, "sd of log scores from 0.1 to 1", n, families(SPREADS, n)
        if n >= 2 * LEAST:  # of fewer it has no interval
            yield "variance share of a hyperparameter", "normal, five levels", n, shares(n)
        yield "variance components and means over seeds", "normal", n, seeds(n)


def measure(check: Check, address: tuple[object, ...], repeats: int) -> Array:
    """Return how often each statement held."""
    rng = philox("coverage", *address)
    return np.mean([check(rng) for _ in range(repeats)], axis=0)


def table(frame: pd.DataFrame) -> str:
    """Write the measurements as Markdown, one line a statistic, law and n."""
    lines = ["| statistic | law | n | repeats | held |", "|---|---|---:|---:|---|"]
    for (statistic, law, n), rows in frame.groupby(["statistic", "law", "n"], sort=False):
        held = ", ".join(f"{row.where}: {row.coverage:.3f}" for row in rows.itertuples())
        lines.append(f"| {statistic} | {law} | {n} | {rows['repeats'].iloc[0]} | {held} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every cell, write the CSV and the document's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--docs", type=Path, default=DOCS)
    given = parser.parse_args()
    for n in REPEATS:
        band_weights(n, LEVEL)
    rows = []
    for statistic, law, n, (names, check) in cells():
        repeats = max(round(given.scale * REPEATS[n] / (4 if statistic in SLOW else 1)), 2)
        coverage = measure(check, (statistic, law, n), repeats)
        for where, value in zip(names, coverage.tolist(), strict=True):
            error = float(np.sqrt(max(value * (1 - value), 0.25 / repeats) / repeats))
            rows.append((statistic, law, n, where, LEVEL, round(value, 4), round(error, 4), repeats))
        sys.stdout.write(
            f"{statistic}, {law}, n = {n}: {dict(zip(names, coverage.round(3).tolist(), strict=True))}\n"
        )
        sys.stdout.flush()
    columns = ["statistic", "law", "n", "where", "nominal", "coverage", "error", "repeats"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.assign(command=f"python tools/coverage_study.py --scale {given.scale:g}").to_csv(
        given.out, index=False
    )
    text = given.docs.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    given.docs.write_text(before + MARKS[0] + table(frame) + MARKS[1] + after, encoding="utf-8")


if __name__ == "__main__":
    main()
