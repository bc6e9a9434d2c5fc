"""Rank correlations of metrics against scipy, with repeated runs and turned directions."""

from __future__ import annotations

import numpy as np
import pytest
from boards import board
from scipy.stats import kendalltau, spearmanr

from ganbench.analysis.agreement import agreement, weighted_kendall, weighted_spearman
from ganbench.analysis.selection import outcomes

RNG = np.random.Generator(np.random.Philox(key=41))
X = RNG.integers(0, 9, 40).astype(float)
Y = X + RNG.integers(0, 9, 40)
METRICS = {"fd_toy": "min", "kid_toy": "min", "f1_toy": "max"}


@pytest.mark.parametrize(("ours", "theirs"), [(weighted_spearman, spearmanr), (weighted_kendall, kendalltau)])
def test_repeated_runs_are_scipy_s_repeated_values(ours, theirs):
    counts = RNG.integers(0, 3, (4, 40)).astype(float)
    expected = [theirs(np.repeat(X, w.astype(int)), np.repeat(Y, w.astype(int))).statistic for w in counts]
    np.testing.assert_allclose(ours(X, Y, counts), expected, rtol=1e-6)


def test_nothing_that_varies_correlates_with_nothing():
    assert np.isnan(weighted_spearman(np.ones(4), X[:4], np.ones((1, 4)))[0])
    assert np.isnan(weighted_kendall(np.ones(4), X[:4], np.ones((1, 4)))[0])


def agreed(made, scores=None, **kwargs):
    table = outcomes(made)
    if scores is not None:
        here = table["metric"] == "kid_toy"
        table.loc[here, "best"] = scores
    return agreement(made, table, **kwargs).set_index(["metric_a", "metric_b", "unit"])


def variants():
    return {name: np.exp(RNG.normal(size=12) + shift) for name, shift in (("a", 0), ("b", 1), ("c", 2))}


def test_directions_are_turned_and_equal_orders_agree():
    rows = agreed(board({"toy": variants()}, metrics=METRICS))
    for pair in (("fd_toy", "f1_toy"), ("fd_toy", "kid_toy")):
        for unit in ("runs", "models"):
            found = rows.loc[(*pair, unit), ["spearman", "spearman_lower", "kendall", "kendall_upper"]]
            np.testing.assert_allclose(found.to_numpy(dtype=float), 1.0)
    assert rows.loc[("fd_toy", "f1_toy", "models"), "n"] == 3


def test_noise_is_measured_with_an_interval():
    made = board({"toy": variants()}, metrics=METRICS)
    scores = outcomes(made).query("metric == 'fd_toy'")["best"].to_numpy()
    noisy = scores * np.exp(RNG.normal(size=len(scores)))
    rows = agreed(made, noisy)
    row = rows.loc[("fd_toy", "kid_toy", "runs")]
    assert row["spearman"] == pytest.approx(spearmanr(scores, noisy).statistic)
    assert row["kendall"] == pytest.approx(kendalltau(scores, noisy).statistic)
    for name in ("spearman", "kendall"):
        assert row[f"{name}_lower"] < row[name] < row[f"{name}_upper"] < 1
    medians = [[np.median(v[i : i + 12]) for i in (0, 12, 24)] for v in (scores, noisy)]
    assert rows.loc[("fd_toy", "kid_toy", "models"), "spearman"] == pytest.approx(
        spearmanr(*medians).statistic
    )


def test_runs_without_both_scores_are_counted_and_left_out():
    given = variants()
    given["a"][3] = np.inf
    row = agreed(board({"toy": given}, metrics=METRICS)).loc[("fd_toy", "kid_toy", "runs")]
    assert (row["n"], row["left_out"]) == (35, 1)


def test_too_few_units_have_no_number():
    rows = agreed(board({"toy": {"a": [1.0, 2.0], "b": [3.0]}}, metrics=METRICS))
    assert np.isnan(rows.loc[("fd_toy", "kid_toy", "models"), "spearman"])
    assert agreed(board({"toy": {"a": [1.0]}})).empty


def test_one_threshold_of_each_metric_enters_unless_named():
    metrics = {"f1_toy@3": "max", "f1_toy@6": "max", "fd_toy": "min"}
    made = board({"toy": variants()}, metrics=metrics)
    assert set(agreed(made).index.get_level_values("metric_b")) == {"fd_toy"}
    named = agreed(made, keys=["f1_toy@3", "f1_toy@6"])
    assert named.index[0][:2] == ("f1_toy@3", "f1_toy@6")


def test_large_sweeps_enter_in_part():
    many = {"a": np.exp(RNG.normal(size=400)), "b": np.exp(RNG.normal(size=400))}
    row = agreed(board({"toy": many}, metrics={"fd_toy": "min", "kid_toy": "min"}))
    assert row["n"].tolist() == [500, 2]


def test_models_are_ordered_by_the_medians_that_the_bootstrap_has():
    scores = {
        "a": [0.0, 10.0],
        "b": [4.0, 5.0],
        "c": [5.5, 5.6],
    }  # lower medians 0, 4, 5.5; interpolated 5, 4.5, 5.55
    made = board({"toy": scores}, metrics={"fd_toy": "min", "kid_toy": "min"})
    found = agreed(made, np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0])).loc[("fd_toy", "kid_toy", "models")]
    assert found["spearman"] == 1.0
