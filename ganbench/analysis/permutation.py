"""The studentised permutation test of P(A beats B) = ½, for few settings."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ganbench.analysis.bands import Array, philox
from ganbench.analysis.duel import Duel, Estimate, on_logit

FEW = 60  # settings of both models together; more cost seconds, and Student's t is only a little more careful
DRAWS = 19_999


def judged(duel: Duel, k: int) -> Estimate:
    """Return `Duel.judge` at k settings each; of one each, drawn apart, the p-value is that of `permutation_p`.

    Of more than sixty settings it stays Student's, and has the same floor.
    """
    found = duel.judge(k, k)
    if k > 1 or duel.paired or np.isnan(found.p):
        return found
    few = duel.n_a + duel.n_b <= FEW
    return replace(
        found, p=permutation_p(duel.a, duel.b) if few else max(found.p, _floor(duel.n_a, duel.n_b))
    )


def permutation_p(a: Array, b: Array) -> float:
    """Return the two-sided p-value of P(A beats B) = ½ with one setting each, from independent losses.

    p = (1 + #{|T*| ≥ |T|}) / (1 + draws), T the logit of P(A beats B) over its standard error (`on_logit`), T* the
    same when the labels A and B are dealt anew 19 999 times, always the same ones: 0.00005 at least. But for the draws
    exact where both laws are equal, and good where only P = ½ (Neubert and Brunner 2007, Computational Statistics &
    Data Analysis 51). Never below 2^(1 − min n): so often does a law with half of its mass on each side of the other's
    come out wholly on one. Losses may be ∞, of which two are equal, never NaN; each sample holds two at least.
    """
    points, place, sizes = np.unique(np.concatenate([a, b]), return_inverse=True, return_counts=True)
    of_a = np.bincount(place[: len(a)], minlength=len(points))[None, :]
    found = float(_statistics(of_a, sizes)[0])
    dealt = _dealt(min(len(a), len(b)), tuple(sizes.tolist()))
    as_far = len(dealt) - int(np.searchsorted(dealt, found - 1e-9))  # but for rounding
    return max((1 + as_far) / (1 + len(dealt)), _floor(len(a), len(b)))


def _floor(n_a: int, n_b: int) -> float:
    return 2.0 ** (1 - min(n_a, n_b))


@lru_cache(maxsize=256)
def _dealt(n_a: int, sizes: tuple[int, ...]) -> Array:
    """Return |T*| in increasing order, of n_a losses and the others, so many of both being equal at each point."""
    rng = philox("permutation", n_a, *sizes)
    labels = np.zeros((DRAWS, sum(sizes)), dtype=np.int64)
    labels[:, :n_a] = 1
    starts = np.cumsum([0, *sizes[:-1]])
    return np.sort(
        _statistics(np.add.reduceat(rng.permuted(labels, axis=1), starts, axis=1), np.array(sizes))
    )


def _statistics(of_a: NDArray[np.int64], sizes: NDArray[np.int64]) -> Array:
    """Return |T| of each row of counts, [rows, points]: how many of A's losses are at each point."""
    of_b = sizes - of_a
    n_a, n_b = int(of_a[0].sum()), int(of_b[0].sum())
    share, of_ours = _mean(of_a, _beaten(of_b))
    _, of_theirs = _mean(of_b, _beaten(of_a))
    centre, error = on_logit(share, of_ours + of_theirs, float(n_a * n_b))
    return np.abs(centre) / error


def _beaten(counts: NDArray[np.int64]) -> Array:
    """Return the share of a sample that a loss at each point beats, half of those it equals."""
    n = counts.sum(axis=1, keepdims=True)
    beaten: Array = (n - np.cumsum(counts, axis=1) + counts / 2.0) / n
    return beaten


def _mean(counts: NDArray[np.int64], values: Array) -> tuple[Array, Array]:
    """Return the mean of values that occur so often, and its squared standard error."""
    n = counts.sum(axis=1)
    mean = (counts * values).sum(axis=1) / n
    squares = (counts * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean, squares / (n * (n - 1.0))
