"""P(A beats B) against enumeration, scipy and simulated truth."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import brunnermunzel, mannwhitneyu

from ganbench.analysis.bands import band_weights
from ganbench.analysis.duel import Duel, band_bounds, survival

LOSS = st.sampled_from([0.0, 1.0, 2.0, 3.0, 7.0, np.inf])
SAMPLE = st.lists(LOSS, min_size=1, max_size=5).map(np.array)


def enumerated(a, b, k, m):
    """Return the share of pairs of subsets that A wins, half of those that tie."""
    best = [min(draw) for draw in combinations(a, k)], [min(draw) for draw in combinations(b, m)]
    return np.mean([(x < y) + 0.5 * (x == y) for x, y in product(*best)])


def left_out(a, b, k, m):
    """Return the jackknife variance by doing it."""
    of_a = np.array([Duel(np.delete(a, i), b).share(k, m) for i in range(len(a))])
    of_b = np.array([Duel(a, np.delete(b, i)).share(k, m) for i in range(len(b))])
    parts = [(len(x) - 1) / len(x) * np.sum((x - x.mean()) ** 2) for x in (of_a, of_b)]
    return sum(parts), sum(parts) ** 2 / sum(v**2 / (len(x) - 1) for v, x in zip(parts, (a, b), strict=True))


def test_by_hand():
    assert Duel(np.array([1.0, 2.0]), np.array([1.5])).share(1, 1) == 0.5
    # Of 1, 2, 3 the best two of three are 1, 1 and 2: two win against 2, one ties.
    assert Duel(np.array([3.0, 1.0, 2.0]), np.array([2.0])).share(2, 1) == pytest.approx(5 / 6)
    assert Duel(np.array([np.inf, np.inf]), np.array([np.inf])).share(1, 1) == 0.5


def test_survival_counts_subsets():
    # Two of four: none of the C(4, 2) = 6 pairs among one, one among two, three among three.
    np.testing.assert_allclose(survival(4, 2), [0, 0, 1 / 6, 3 / 6, 1])


@settings(max_examples=60, deadline=None)
@given(SAMPLE, SAMPLE, st.data())
def test_share_is_the_enumeration(a, b, data):
    k, m = data.draw(st.integers(1, len(a))), data.draw(st.integers(1, len(b)))
    assert Duel(a, b).share(k, m) == pytest.approx(enumerated(a, b, k, m), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(SAMPLE, SAMPLE, st.randoms())
def test_share_is_fair_and_blind_to_order_and_scale(a, b, random):
    shuffled = list(a)
    random.shuffle(shuffled)
    share = Duel(a, b).share(1, 1)
    assert Duel(b, a).share(1, 1) == pytest.approx(1 - share)
    assert Duel(np.array(shuffled), b).share(1, 1) == share
    assert Duel(np.arctan(a), np.arctan(b)).share(1, 1) == share


@settings(max_examples=60, deadline=None)
@given(SAMPLE, SAMPLE)
def test_more_budget_never_hurts(a, b):
    shares = [Duel(a, b).share(k, 1) for k in range(1, len(a) + 1)]
    assert np.all(np.diff(shares) >= -1e-12)


def test_beyond_the_sample_there_is_nothing():
    duel = Duel(np.arange(8.0), np.arange(8.0))
    assert np.isnan(duel.share(9, 1))
    assert np.isnan(duel.judge(5, 5).share)
    assert np.isnan(duel.judge(3, 3).lower)
    assert duel.judge(4, 4).share == pytest.approx(0.5)
    assert duel.judge(2, 2).lower < 0.5 < duel.judge(2, 2).upper


def test_one_try_is_mann_whitney_and_brunner_munzel():
    rng = np.random.Generator(np.random.Philox(key=1))
    a, b = rng.integers(0, 9, 30).astype(float), rng.integers(2, 12, 20).astype(float)
    duel = Duel(a, b)
    assert duel.share(1, 1) == pytest.approx(1 - mannwhitneyu(a, b).statistic / 600)
    variance, freedom = duel._variance(1, 1)
    other = brunnermunzel(a, b)
    assert (duel.share(1, 1) - 0.5) / np.sqrt(variance) == pytest.approx(other.statistic)
    assert freedom == pytest.approx(left_out(a, b, 1, 1)[1])


@pytest.mark.parametrize(("k", "m"), [(1, 1), (2, 3), (4, 1)])
def test_the_jackknife_leaves_each_setting_out(k: int, m: int):
    rng = np.random.Generator(np.random.Philox(key=2))
    a, b = rng.integers(0, 6, 9).astype(float), rng.integers(1, 7, 7).astype(float)
    a[3] = np.inf
    duel = Duel(a, b)
    assert duel._variance(k, m) == pytest.approx(left_out(a, b, k, m))


def test_shared_draws_are_left_out_together():
    rng = np.random.Generator(np.random.Philox(key=3))
    a = rng.normal(size=10)
    b = a + 0.3 * rng.normal(size=10)
    both = [Duel(np.delete(a, i), np.delete(b, i)).share(2, 2) for i in range(10)]
    alone = [Duel(np.delete(a, i), b).share(2, 2) for i in range(10)]
    other = [Duel(a, np.delete(b, i)).share(2, 2) for i in range(10)]
    # The statistic is linear in each sample's influence, so the two deviations of a draw add up.
    summed = np.array(alone) - np.mean(alone) + np.array(other) - np.mean(other)
    variance, freedom = Duel(a, b, paired=True)._variance(2, 2)
    assert variance == pytest.approx(0.9 * np.sum(summed**2))
    assert freedom == 9
    assert variance < 0.5 * Duel(a, b)._variance(2, 2)[0]
    assert variance == pytest.approx(0.9 * np.sum((np.array(both) - np.mean(both)) ** 2), rel=0.5)


@pytest.mark.parametrize(("n", "decided"), [(4, False), (8, True), (24, True)])
def test_separation_of_few_settings_proves_little(n: int, decided: bool):
    found = Duel(np.arange(n) + 0.0, np.arange(n) + 99.0).judge(1, 1)
    assert (found.share, found.upper) == (1.0, 1.0)
    assert (found.p < 0.05) is decided
    assert (found.lower > 0.5) is decided
    mirrored = Duel(np.arange(n) + 99.0, np.arange(n) + 0.0).judge(1, 1)
    assert (mirrored.lower, mirrored.upper) == (0.0, pytest.approx(1 - found.lower))
    assert mirrored.p == pytest.approx(found.p)


@pytest.mark.parametrize(("shift", "k"), [(0.0, 1), (0.0, 6), (1.2, 1), (1.2, 3)])
def test_the_interval_holds_the_truth_as_often_as_it_says(shift: float, k: int):
    rng = np.random.Generator(np.random.Philox(key=[int(10 * shift), k]))
    many = rng.normal(size=(2, 200_000, k)).min(axis=2)
    truth = np.mean(many[0] - shift < many[1])
    held = 0
    for _ in range(400):
        found = Duel(rng.normal(size=40) - shift, rng.normal(size=40)).judge(k, k)
        held += found.lower <= truth <= found.upper
    assert held / 400 >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 400)


def test_equal_models_are_told_apart_as_often_as_the_level_says():
    rng = np.random.Generator(np.random.Philox(key=4))
    p = [Duel(rng.normal(size=24), 0.1 * rng.normal(size=24)).judge(1, 1).p for _ in range(1000)]
    assert np.mean(np.array(p) < 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1000)
    assert np.mean(np.array(p) < 0.5) > 0.3


def test_band_bounds_are_those_of_the_outermost_laws():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 5.0])
    points = [-np.inf, 1.0, 2.0, 3.0, 4.0, 5.0, np.inf]

    def law(sample, side, k):
        bound = band_weights(3, 0.9)[side]
        below = [bound[np.sum(sample <= x)] for x in points[:-1]] + [1.0]
        survived = np.concatenate([[1.0], (1 - np.array(below)) ** k])
        return survived[:-1] - survived[1:]

    def beaten(p, q):
        return sum(
            x * y * ((i < j) + 0.5 * (i == j)) for (i, x), (j, y) in product(enumerate(p), enumerate(q))
        )

    low, high = band_bounds(a, b, 2, 1, 0.8)
    assert low == pytest.approx(beaten(law(a, 0, 2), law(b, 1, 1)))
    assert high == pytest.approx(beaten(law(a, 1, 2), law(b, 0, 1)))
    assert low < Duel(a, b).share(2, 1) < high
