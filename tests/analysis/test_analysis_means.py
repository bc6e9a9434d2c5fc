"""Mean curves, and precision and recall of what F1 chose, against enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from boards import RUNS, board, joined, triple

from ganbench.analysis.bands import philox
from ganbench.analysis.curves import budget_curves, mean_band, u_mean
from ganbench.analysis.draws import StatisticsError, percentiles, resamples
from ganbench.analysis.means import best_of_samples, joint_curves, mean_curves
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


def enumerated(scores, counts, k):
    """Return the mean scores of the best of k of a sample, by the first column; who ties is chosen by lot."""
    sample = np.repeat(scores, counts, axis=0)
    best = [max(sample[list(draw), 0]) for draw in combinations(range(len(sample)), k)]
    winners = [
        sample[[i for i in draw if sample[i, 0] == top]].mean(axis=0)
        for draw, top in zip(combinations(range(len(sample)), k), best, strict=True)
    ]
    return np.mean(winners, axis=0)


def test_means_of_samples_are_the_enumeration():
    scores = np.array([[0.9, 0.1], [0.5, 0.2], [0.5, 0.8], [0.3, 0.4], [0.0, 0.0], [0.0, 0.0]])
    counts = np.array([[1, 1, 1, 1, 1, 1], [0, 2, 1, 0, 3, 0], [0, 0, 0, 0, 1, 5], [2, 0, 3, 0, 0, 1]])
    ks = np.array([1, 2, 4, 6])
    found = best_of_samples(scores, np.array([0, 1, 3, 4]), counts.astype(float), ks)
    expected = [[enumerated(scores, count, k) for k in ks] for count in counts]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_sample_of_one_setting_has_its_scores_at_every_budget():
    scores, counts = RNG.random((8, 3)), np.zeros((8, 8))
    scores = scores[np.argsort(-scores[:, 0])]
    np.fill_diagonal(counts, 8)
    found = best_of_samples(scores, np.arange(8), counts, np.arange(1, 9))
    np.testing.assert_allclose(found, np.broadcast_to(scores[:, None], (8, 8, 3)), rtol=1e-12)


def drawn_runs(n):
    """Return runs with F1, precision and recall of which every third has the same F1."""
    values = RNG.random((n, 3)).round(3)
    values[::3, 0] = 0.5
    return [[triple(*map(float, row))] for row in values]


def test_joint_intervals_are_percentiles_of_what_the_same_resamples_give():
    made = joined(drawn_runs(21))
    rows = joint_curves(made, outcomes(made), by="precision")
    precision = np.array(
        sorted(made.scores.loc[made.scores["metric"] == "precision_ring", "value"], reverse=True)
    )
    counts = resamples(21, 500, philox("joint band", "toy", "", "a", "precision")).astype(int)
    ks = rows["k"].to_numpy()
    means = np.array([u_mean(np.repeat(precision, count), ks, minimize=False) for count in counts])
    known = ks <= 21 / 4
    for name, bound in zip(("precision_lower", "precision_upper"), percentiles(means, 0.95), strict=True):
        np.testing.assert_allclose(rows[name][known], bound[known], rtol=1e-9)
    np.testing.assert_allclose(rows["precision"], u_mean(precision, ks, minimize=False), rtol=1e-9)


def test_joint_intervals_hold_the_mean_and_end_at_a_quarter():
    made = joined(drawn_runs(21))
    rows = joint_curves(made, outcomes(made)).set_index("k")
    assert rows.index.max() == 10
    for part in ("f1", "precision", "recall"):
        lower, upper = rows[f"{part}_lower"], rows[f"{part}_upper"]
        assert lower.notna().tolist() == upper.notna().tolist() == [k <= 5 for k in rows.index]
        assert (lower[:5] < rows[part][:5]).all()
        assert (rows[part][:5] < upper[:5]).all()
    few = joint_curves(joined(RUNS), outcomes(joined(RUNS)))
    assert few[["f1_lower", "recall_upper"]].isna().all(axis=None)


def test_joint_intervals_do_not_depend_on_the_order_of_rows():
    made = joined(drawn_runs(12))
    table = outcomes(made)
    mixed = joint_curves(made, table.iloc[RNG.permutation(len(table))])
    np.testing.assert_allclose(
        mixed.select_dtypes("number"), joint_curves(made, table).select_dtypes("number"), rtol=1e-12
    )


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
