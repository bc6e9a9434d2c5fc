"""Two models with budgets: which has the better best setting, from two samples of settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit, stdtr, stdtrit

from ganbench.analysis.bands import Array, band_weights
from ganbench.analysis.draws import KNOWN, LONGEST

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """P(A beats B) with its interval and the two-sided p-value of ½; NaN where there is none."""

    share: float
    lower: float
    upper: float
    p: float


@lru_cache(maxsize=256)
def survival(n: int, k: int) -> Array:
    """Return P(all k of n drawn without replacement are among c of them) = C(c, k) / C(n, k), c = 0 … n."""
    c = np.arange(n + 1, dtype=float)
    possible = c >= k
    left = np.where(possible, c, k)
    log = gammaln(left + 1) - gammaln(left - k + 1) - gammaln(n + 1.0) + gammaln(n - k + 1.0)
    table: Array = np.where(possible, np.exp(log), 0.0)
    table[-1] = 1.0
    return table


def wins(a: Array, b: Array) -> float:
    """Return P(x < y) + ½ P(x = y) of independent x and y; both arrays are P(· ≥ point), [points + 1], last 0."""
    return min(max(float((a[:-1] - a[1:]) @ (b[:-1] + b[1:])) / 2.0, 0.0), 1.0)


class Duel:
    """The losses of A and B, smaller is better, sorted together once.

    P(A beats B at budgets k, l) = P(best of k of A < best of l of B) + ½ P(equal), where the best of k are
    those of k settings drawn without replacement: the U-statistic of degree (k, l), unbiased. With
    S_k(c) = C(c, k) / C(n, k) and c(x) settings at x or worse it is, over the distinct losses x,
    Σ [S_k(c_A(x)) − S_k(c_A(x+))] · ½ [S_l(c_B(x)) + S_l(c_B(x+))]. ``paired``: the i-th draws of A and B are
    the same draw. Losses may be ∞ (diverged; two of them are equal), never NaN.
    """

    def __init__(self, a: Array, b: Array, *, paired: bool = False) -> None:
        points = np.unique(np.concatenate([a, b]))
        self._at_a, self._left_a = _placed(a, points)
        self._at_b, self._left_b = _placed(b, points)
        self.a, self.b, self.n_a, self.n_b, self.paired = a, b, len(a), len(b), paired

    def share(self, k: int, l: int) -> float:  # noqa: E741  (the budget beside k)
        """Return P(A beats B), NaN for a budget above the number of settings."""
        if k > self.n_a or l > self.n_b:
            return float("nan")
        return wins(survival(self.n_a, k)[self._left_a], survival(self.n_b, l)[self._left_b])

    def judge(self, k: int, l: int, level: float = LEVEL) -> Estimate:  # noqa: E741
        """Return P(A beats B) up to half of the settings, with interval and p-value up to a quarter.

        Jackknife variance, Student's t with Satterthwaite's degrees of freedom, on the logit scale. The
        variance is at least that of m = (n_A/k)(n_B/l) independent duels, and a share within 1/(2m) of 0 or
        1 is not told from it. `permutation.judged` has better p-values for one of few settings each.
        docs/statistics.md has the coverage.
        """
        used = max(k / self.n_a, l / self.n_b)
        share = self.share(k, l) if used <= KNOWN else float("nan")
        if used > LONGEST:
            return Estimate(share, float("nan"), float("nan"), float("nan"))
        variance, freedom = self._variance(k, l)
        return _estimate(share, variance, freedom, (self.n_a / k) * (self.n_b / l), level)

    def _variance(self, k: int, l: int) -> tuple[float, float]:  # noqa: E741
        """Return the jackknife variance and its degrees of freedom."""
        a = survival(self.n_a, k)[self._left_a]
        b = survival(self.n_b, l)[self._left_b]
        of_a = _deviations(_without_one(self._left_a, b, self.n_a, k)[self._at_a])
        of_b = _deviations(-_without_one(self._left_b, a, self.n_b, l)[self._at_b])
        if self.paired:
            return _spread(of_a + of_b), self.n_a - 1.0
        parts = np.array([_spread(of_a), _spread(of_b)])
        sizes = np.array([self.n_a - 1, self.n_b - 1])
        squares = float((parts**2 / sizes).sum())
        freedom = float(parts.sum()) ** 2 / squares if squares else float(sizes.min())
        return float(parts.sum()), freedom


def _placed(losses: Array, points: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each loss's place among the points, and how many losses are at each point or beyond, then 0."""
    at = np.searchsorted(points, losses)
    left = len(losses) - np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(points)))])
    return at, left


def _without_one(left: NDArray[np.int64], other: Array, n: int, k: int) -> Array:
    """Return P(A beats B) when one of A's settings at each point is left out, [points].

    Up to the point one setting fewer is as bad or worse, beyond it as many as before: two running sums.
    """
    half = (other[:-1] + other[1:]) / 2.0
    table = survival(n - 1, k)
    fewer, same = table[np.maximum(left - 1, 0)], table[np.minimum(left, n - 1)]
    before = np.concatenate([[0.0], np.cumsum((fewer[:-1] - fewer[1:]) * half)])[:-1]
    after = np.concatenate([np.cumsum(((same[:-1] - same[1:]) * half)[::-1])[::-1], [0.0]])[1:]
    found: Array = before + (fewer[:-1] - same[1:]) * half + after
    return found


def _deviations(values: Array) -> Array:
    centred: Array = values - values.mean()
    return centred


def _spread(deviations: Array) -> float:
    """Return the jackknife variance (n − 1)/n Σ (θ₍ᵢ₎ − θ̄)² (Efron and Stein 1981)."""
    n = len(deviations)
    return float((n - 1) / n * (deviations @ deviations))


def on_logit(share: Array, variance: Array, blocks: float) -> tuple[Array, Array]:
    """Return the logit of P(A beats B) and its standard error, kept from certainty as `Duel.judge` says."""
    inner = np.clip(share, 0.5 / blocks, 1.0 - 0.5 / blocks)
    slope = inner * (1.0 - inner)
    return logit(inner), np.sqrt(np.maximum(variance, slope / blocks)) / slope


def _estimate(share: float, variance: float, freedom: float, blocks: float, level: float) -> Estimate:
    centre, error = on_logit(np.asarray(share), np.asarray(variance), blocks)
    half = stdtrit(freedom, 0.5 + level / 2.0) * error
    p = 2.0 * stdtr(freedom, -abs(centre) / error)
    low = float(expit(centre - half)) if share >= 0.5 / blocks else 0.0
    high = float(expit(centre + half)) if share <= 1.0 - 0.5 / blocks else 1.0
    return Estimate(share, low, high, float(p))


def band_bounds(a: Array, b: Array, k: int, l: int, level: float = LEVEL) -> tuple[float, float]:  # noqa: E741
    """Return bounds on P(A beats B) from the bands of both distributions: they hold for all k, l at once.

    Each band has level (1 + ``level``)/2; between them lie both laws with probability ``level`` at least
    (Bonferroni). Conservative, and nearly vacuous for few settings. Losses may be ∞.
    """
    points = np.unique(np.concatenate([a, b, [-np.inf, np.inf]]))
    low_a, high_a = (_best_of(a, points, side, k, level) for side in (0, 1))
    low_b, high_b = (_best_of(b, points, side, l, level) for side in (0, 1))
    return wins(low_a, high_b), wins(high_a, low_b)


def _best_of(losses: Array, points: Array, side: int, k: int, level: float) -> Array:
    """Return P(best of k ≥ point) under the lower (0) or upper (1) band of the law of the losses."""
    bound = band_weights(len(losses), (1.0 + level) / 2.0)[side]
    below = bound[np.searchsorted(np.sort(losses), points, side="right")]
    below[-1] = 1.0  # everything is at most the worst there is
    survived: Array = np.concatenate([[1.0], (1.0 - below) ** k])
    return survived
