"""Laws of scores whose truths are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

Array: TypeAlias = NDArray[np.float64]


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

NARROW = Law("", 0.0, 0.1, 0.0)
FAIR = {  # one setting of either is as good as one of the other; the second has twice as many settings
    "equal": (PLAIN, PLAIN, 1),
    "a fifth diverged": (DIVERGING, DIVERGING, 1),
    "a tenth as wide": (NARROW, PLAIN, 1),
    "a tenth as wide, against 2n": (NARROW, PLAIN, 2),
    "ten times as wide, against 2n": (PLAIN, NARROW, 2),
    "half of it diverged, half better": (Law("", -9.0, 1.0, 0.5), PLAIN, 1),
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


@dataclass(frozen=True)
class Priced:
    """Trials with log-normal scores and costs: the dearer, the better, with this correlation of their logarithms."""

    spread: float = 0.5
    correlation: float = 0.5
    ceiling: float = 10.0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Array, Array]:
        """Return scores and costs."""
        z, other = rng.normal(size=(2, *shape))
        rest = np.sqrt(1.0 - self.correlation**2)
        return np.exp(z), np.exp(self.spread * (rest * other - self.correlation * z))

    def best(self, n: int) -> tuple[Array, Array, Array]:
        """Return costs up to what n trials may cost together, and the median and mean best score that they buy.

        Of 20 000 searches (2000 of long ones); until its first trial is finished a search is worth the ceiling, in
        the median worse than all.
        """
        rng, long = np.random.default_rng(1), n > 100
        scores, costs = self.draw((2000 if long else 20_000, n // 2 + 12), rng)
        so_far = np.pad(np.minimum.accumulate(scores, axis=1), ((0, 0), (1, 0)), constant_values=np.inf)
        paid = np.cumsum(costs, axis=1)
        grid = np.geomspace(1.0, 0.4 * n + 3.0, 80)
        bought = np.stack([(paid <= cost).sum(axis=1) for cost in grid], axis=1)
        best = np.take_along_axis(so_far, bought, axis=1)
        return grid, np.median(best, axis=0), np.minimum(best, self.ceiling).mean(axis=0)


@dataclass(frozen=True)
class Shares:
    """Three scores between 0 and 1 of each run, by whose first the best is chosen; the others go with it."""

    correlation: float = 0.6

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return the scores of n runs, best first, [n, 3]."""
        z, *others = rng.normal(size=(3, n))
        rest = np.sqrt(1.0 - self.correlation**2)
        found = expit(np.stack([z, *(self.correlation * z + rest * other for other in others)], axis=1))
        return found[np.argsort(-found[:, 0])]

    def mean_best(self, ks: NDArray[np.int64]) -> Array:
        """Return the mean scores of the best of k, [k, 3]: Σ k (1 − i/N)^(k−1) / N times those of rank i of N."""
        scores = self.draw(400_000, np.random.default_rng(3))
        left = 1.0 - (np.arange(len(scores)) + 0.5) / len(scores)
        return np.stack([(k * left ** (k - 1)) @ scores / len(scores) for k in ks])


PRICED, SHARES = Priced(), Shares()
EIGHT = tuple(Law("", 0.3 * place, 1.0, 0.0) for place in range(8))
OTHERS = (2, 0, 1, 4, 3, 5, 7, 6)  # their order by another metric
