"""Centre, spread, outliers, failures and the selection gap."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import RERUN, Run, results

from ganbench.analysis.distributions import describe, outliers, over_seeds, over_settings, quantile, robust_z
from ganbench.analysis.selection import ceilings, outcomes


def described(made, how=over_seeds):
    table = outcomes(made)
    return how(made, table, ceilings(made, table))


def test_robust_z_by_hand():
    # Logs 0, 1, 2, 3, 8: median 2, absolute deviations 2, 1, 0, 1, 6, their median 1.
    z = robust_z(np.exp([0.0, 1.0, 2.0, 3.0, 8.0]), minimize=True)
    np.testing.assert_allclose(z, 0.6745 * np.array([-2.0, -1.0, 0.0, 1.0, 6.0]))


def test_only_the_bad_side_has_outliers():
    logs = [-8.0, -1.0, -0.5, 0.0, 0.5, 1.0, 8.0]
    assert outliers(np.exp(logs), minimize=True).tolist() == [False] * 6 + [True]
    shares = 1 / (1 + np.exp(logs))
    assert outliers(shares, minimize=False).tolist() == [False] * 6 + [True]
    assert outliers(-np.array(logs), minimize=False).tolist() == [False] * 6 + [True]


@pytest.mark.parametrize(("last", "odd"), [(1.04, False), (1.06, True)])
def test_agreement_below_one_per_cent_makes_no_outlier(last: float, odd: bool):
    # The others agree exactly: the spread is the floor, .01 in log, so the cut is .01 × 3.5 / .6745 = .0519.
    assert outliers(np.array([1.0, 1.0, 1.0, 1.0, last]), minimize=True).tolist() == [False] * 4 + [odd]


def test_the_floor_of_a_logit_is_one_per_cent_of_the_share():
    # At .5 one per cent of the share is .02 in logit: the cut is .1038, that is a share of .474.
    assert outliers(np.array([0.5, 0.5, 0.5, 0.476]), minimize=False).tolist() == [False] * 4
    assert outliers(np.array([0.5, 0.5, 0.5, 0.472]), minimize=False).tolist() == [False] * 3 + [True]


def test_zeros_and_negatives_are_compared_as_they_are():
    assert outliers(np.array([0.0, 0.0, 0.0]), minimize=True).tolist() == [False] * 3
    assert outliers(np.array([-1.0, 0.0, 1.0, 50.0]), minimize=True).tolist() == [False] * 3 + [True]


def test_describe_by_hand():
    scores = np.array([1.0, 1.1, 0.9, 1.0, 30.0, np.inf])
    found = describe(scores, np.isfinite(scores), minimize=True, ceiling=40.0)
    assert found["n"] == 6
    assert found["mean"] == pytest.approx((1 + 1.1 + 0.9 + 1 + 30 + 40) / 6)
    assert found["sd"] == pytest.approx(np.std([1, 1.1, 0.9, 1, 30, 40], ddof=1))
    assert found["trimmed_mean"] == pytest.approx(1.0)
    assert found["trimmed_sd"] == pytest.approx(np.std([1, 1.1, 0.9, 1], ddof=1))
    assert (found["outliers"], found["no_score"]) == (1, 1)
    assert found["failure_share"] == pytest.approx(2 / 6)
    assert found["stars"] == "**"
    assert found["q50"] == pytest.approx(1.05)
    assert found["q95"] == np.inf


@pytest.mark.parametrize(("lost", "stars"), [(0, ""), (1, "*"), (2, "**")])
def test_stars(lost: int, stars: str):
    scores = np.array([1.0] * (10 - lost) + [np.inf] * lost)
    assert describe(scores, np.isfinite(scores), minimize=True, ceiling=9.0)["stars"] == stars


@pytest.mark.parametrize(("n", "odd", "stars"), [(4, 0, ""), (5, 1, "**"), (6, 1, "*")])
def test_fewer_than_five_runs_have_no_outlier_and_no_star(n: int, odd: int, stars: str):
    scores = np.array([1.0] * (n - 1) + [50.0])
    found = describe(scores, np.isfinite(scores), minimize=True, ceiling=9.0)
    assert (found["outliers"], found["stars"]) == (odd, stars)
    assert found["trimmed_mean"] == pytest.approx(1.0 if odd else scores.mean())
    lost = np.array([1.0] * 2 + [np.inf] * 4)  # two scores: nothing to judge, but runs enough
    found = describe(lost, np.isfinite(lost), minimize=True, ceiling=9.0)
    assert (found["outliers"], found["stars"], found["trimmed_mean"]) == (0, "**", 1.0)


def test_one_run_has_no_sd_and_none_has_nothing():
    one = describe(np.array([2.0]), np.array([True]), minimize=True, ceiling=9.0)
    assert one["mean"] == one["q05"] == 2.0
    assert np.isnan(one["sd"])
    none = describe(np.zeros(0), np.zeros(0, dtype=bool), minimize=True, ceiling=9.0)
    assert none["n"] == 0
    assert np.isnan(none["mean"])
    assert np.isnan(none["failure_share"])


def test_all_failed_keeps_the_ceiling_untrimmed_and_nothing_trimmed():
    found = describe(np.full(3, np.inf), np.zeros(3, dtype=bool), minimize=True, ceiling=9.0)
    assert found["mean"] == 9.0
    assert np.isnan(found["trimmed_mean"])
    assert found["q50"] == np.inf


def test_quantiles_are_numpy_s_and_know_infinity():
    x = np.array([4.0, 1.0, 3.0, 8.0, 2.0, 9.0])
    for q in (0.05, 0.25, 0.5, 0.95):
        assert quantile(x, q) == pytest.approx(np.quantile(x, q))
    assert quantile(np.array([1.0, 2.0, np.inf]), 0.5) == 2.0
    assert quantile(np.array([1.0, np.inf]), 0.5) == np.inf
    assert quantile(np.array([np.inf, np.inf]), 0.3) == np.inf
    assert quantile(np.array([-np.inf, 1.0]), 0.5) == -np.inf


def test_settings_leave_the_default_out():
    made = results({"a": [Run(0, [100.0]), Run(1, [2.0]), Run(2, [4.0])]})
    row = described(made, over_settings).query("at == 'best'").iloc[0]
    assert (row["n"], row["mean"]) == (2, 3.0)


RERUNS = [Run(2, [v], "rerun", 10 + n) for n, v in enumerate([2.0, 3.0, 4.0])]


def test_the_gap_is_the_searched_score_minus_the_mean_over_seeds():
    runs = [Run(0, [5.0]), Run(1, [None]), Run(2, [1.5, 2.5]), *RERUNS]
    rows = described(results({"a": runs}, rerun=RERUN)).set_index("at")
    assert rows.loc["best", ["setting", "searched", "mean", "gap"]].tolist() == [2.0, 1.5, 3.0, -1.5]
    assert rows.loc["last", ["searched", "gap"]].tolist() == [2.5, -0.5]
    assert rows.loc["best", "sd"] == pytest.approx(1.0)


def test_settings_rerun_are_ranked_as_the_search_ranked_them():
    runs = [Run(0, [1.0]), Run(1, [9.0]), Run(2, [0.5]), *RERUNS, Run(0, [7.0], "rerun", 30)]
    rows = described(results({"a": runs}, rerun={**RERUN, "top": 2})).query("at == 'best'")
    assert rows["rank"].tolist() == [0, 1]
    assert rows["setting"].tolist() == [2.0, 0.0]
    assert rows["mean"].tolist() == [3.0, 7.0]
    assert rows["gap"].tolist() == [-2.5, -6.0]


def test_a_variant_without_reruns_has_a_row_that_says_so():
    rows = described(results({"a": [Run(2, [1.0]), *RERUNS], "b": [Run(0, [None])]}, rerun=RERUN))
    row = rows[(rows["variant"] == "b") & (rows["at"] == "best")].iloc[0]
    assert row["n"] == 0
    assert np.isnan(row["mean"])
    assert np.isnan(row["gap"])


def test_a_rerun_that_diverged_later_keeps_its_best_and_loses_its_last():
    runs = [Run(2, [1.0]), Run(2, [2.0, None], "rerun", 1), Run(2, [2.0, 2.0], "rerun", 2)]
    rows = described(results({"a": runs}, rerun=RERUN, baselines={"untrained": 8.0})).set_index("at")
    assert rows.loc["best", ["mean", "no_score", "stars"]].tolist() == [2.0, 0, ""]
    assert rows.loc["last", ["mean", "no_score", "stars"]].tolist() == [5.0, 1, ""]
