"""Mean curves, and precision and recall of what F1 chose, against enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from boards import RUNS, board, joined, triple

from ganbench.analysis.bands import philox
from ganbench.analysis.curves import budget_curves, mean_band, u_mean
from ganbench.analysis.draws import StatisticsError
from ganbench.analysis.means import joint_curves, mean_curves
from ganbench.analysis.selection import ceilings, outcomes

RNG = np.random.Generator(np.random.Philox(key=61))


def curves(made):
    table = outcomes(made)
    return mean_curves(made, table, ceilings(made, table)).set_index("k")


def test_by_hand_and_winsorised_without_the_default():
    made = board({"toy": {"a": [1e-9, 1.0, 2.0, 30.0, None]}}, default=0, baselines={"fd_toy": 3.0})
    rows = curves(made)
    assert rows.index.tolist() == [1, 2]
    assert rows.loc[2, "n"] == 4
    # Of 1, 2, 3, 3 the best of two is 1 in three pairs of six, 2 in two, 3 in one.
    assert rows.loc[2, "mean"] == pytest.approx((3 * 1 + 2 * 2 + 3) / 6)
    assert rows.loc[2, "v_mean"] == pytest.approx((7 * 1 + 5 * 2 + 4 * 3) / 16)
    assert rows.loc[2, "study_mean"] == pytest.approx(rows.loc[2, "v_mean"], abs=0.05)
    assert rows.loc[2, "lower"] <= rows.loc[2, "mean"] <= rows.loc[2, "upper"]


def test_the_band_is_percentiles_of_the_mean_of_resamples():
    x, ks = np.exp(RNG.normal(size=12)), np.array([1, 3])
    low, high = mean_band(x, ks, minimize=True, level=0.8, rng=philox("t"))
    rng = philox("other")
    means = np.array([u_mean(rng.choice(x, 12), ks, minimize=True) for _ in range(4000)])
    np.testing.assert_allclose(low, np.quantile(means, 0.1, axis=0), rtol=0.1)
    np.testing.assert_allclose(high, np.quantile(means, 0.9, axis=0), rtol=0.1)
    again = mean_band(x, ks, minimize=True, level=0.8, rng=philox("t"))
    np.testing.assert_array_equal(again, (low, high))
    assert not np.array_equal(mean_band(x, ks, minimize=True, level=0.8, rng=philox("u"))[0], low)


def test_a_band_to_maximise_is_the_mirror():
    x, ks = RNG.random(9), np.array([1, 4, 9, 10])
    low, high = mean_band(x, ks, minimize=False, level=0.9, rng=philox("m"))
    mirrored = mean_band(-x, ks, minimize=True, level=0.9, rng=philox("m"))
    np.testing.assert_allclose(-high[:3], mirrored[0][:3])
    np.testing.assert_allclose(-low[:3], mirrored[1][:3])
    assert np.isnan(low[3])


def test_nothing_finite_has_no_mean():
    assert curves(board({"toy": {"a": [None, None, None, None]}})).empty


def test_precision_of_the_best_f1_is_the_enumeration():
    runs = [*RUNS, [triple(0.7, 0.2, 0.9)], [triple(0.1, 0.5, 0.5)], [triple(0.3, 0.4, 0.6)]]
    made = joined([[*run, *run[-1:]][:2] for run in runs])
    rows = joint_curves(made, outcomes(made)).set_index("k")
    best = [(0.5, 0.6, 0.4), (0.2, 0.1, 0.8), (0, 0, 0), (0.7, 0.2, 0.9), (0.1, 0.5, 0.5), (0.3, 0.4, 0.6)]
    for k in (1, 2, 3):
        expected = np.mean([max(draw) for draw in combinations(best, k)], axis=0)
        np.testing.assert_allclose(rows.loc[k, ["f1", "precision", "recall"]].to_numpy(dtype=float), expected)
    assert rows.index.max() == 3


def test_settings_that_tie_share_their_precision():
    made = joined(
        [[triple(0.5, 0.2, 0.9)], [triple(0.5, 0.8, 0.3)], [triple(0.1, 0.1, 0.1)], [triple(0, 0, 0)]]
    )
    rows = joint_curves(made, outcomes(made)).set_index("k")
    # Five of the six pairs hold one of the two that tie, whose precision is ½ on average.
    assert rows.loc[2, "precision"] == pytest.approx((5 * 0.5 + 0.1) / 6)


def test_budget_curves_of_other_metrics():
    made = board({"toy": {"a": [1.0, 2.0]}}, metrics={"fd_toy": "min", "kid_toy": "min"})
    table = outcomes(made)
    found = budget_curves(made, table, ceilings(made, table), keys=["kid_toy"])
    assert set(found["metric"]) == {"kid_toy"}
    assert budget_curves(made, table, ceilings(made, table), keys=[]).empty


def test_dependent_draws_are_refused():
    made = board({"toy": {"a": [1.0]}}, search={"sampler": "gp"})
    table = outcomes(made)
    with pytest.raises(StatisticsError):
        mean_curves(made, table, ceilings(made, table))
    with pytest.raises(StatisticsError):
        joint_curves(made, table)
