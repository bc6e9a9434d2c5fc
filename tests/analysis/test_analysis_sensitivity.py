"""Variance shares and marginals: Kruskal and Wallis, leave-one-out by hand, known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from boards import board
from scipy.stats import binom, kruskal, rankdata, t

from ganbench.analysis.marginals import marginals, median_interval
from ganbench.analysis.selection import outcomes
from ganbench.analysis.sensitivity import explained, levels, sensitivity

RNG = np.random.Generator(np.random.Philox(key=51))
N = 60
LR, GAMMA = 10 ** RNG.uniform(-4, -2, N), RNG.random(N)
NORM = RNG.random(N) < 0.5
SCORES = np.exp(1.5 * NORM + 0.5 * RNG.normal(size=N))
PARAMS = {"a": {"model.lr": LR, "model.gamma": GAMMA, "model.norm": NORM, "model.fixed": [1.0] * N}}


def made(scores=SCORES, params=PARAMS, **kwargs):
    return board({"toy": {"a": scores}}, params=params, **kwargs)


def shares(found):
    return sensitivity(found, outcomes(found)).set_index("parameter")


def test_the_share_is_kruskal_and_wallis_effect_size():
    row = shares(made()).loc["model.norm"]
    h = kruskal(SCORES[NORM], SCORES[~NORM]).statistic
    assert row["share"] == pytest.approx((h - 2 + 1) / (N - 2))
    assert (row["levels"], row["n"]) == (2, N)
    assert row["lower"] < row["share"] < row["upper"]


def test_what_matters_is_told_from_what_does_not():
    rows = shares(made())
    assert rows.index.tolist() == ["model.lr", "model.gamma", "model.norm", "(all together)"]
    assert rows.loc["model.norm", "lower"] > 0.3
    assert rows.loc["model.gamma", "lower"] < 0 < rows.loc["model.gamma", "upper"]
    assert rows.loc["(all together)", "share"] > 0.5


def test_all_together_is_the_adjusted_r_squared():
    ranks = rankdata(SCORES)
    columns = [np.ones(N), NORM.astype(float)]
    for values in (LR, GAMMA):
        fifths = pd.qcut(values, 5, labels=False)
        columns += [(fifths == level).astype(float) for level in range(1, 5)]
    design = np.stack(columns, axis=1)
    residual = ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]
    expected = 1 - (residual @ residual / (N - 10)) / np.var(ranks, ddof=1)
    assert shares(made()).loc["(all together)", "share"] == pytest.approx(expected)


def test_the_interval_leaves_each_setting_out():
    ranks = rankdata(SCORES)
    design = np.stack([np.ones(N), NORM.astype(float)], axis=1)
    share, lower, upper = explained(ranks, design)

    def without(i):
        x, y = np.delete(design, i, axis=0), np.delete(ranks, i)
        residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        return 1 - (residual @ residual / (N - 3)) / np.var(y, ddof=1)

    others = np.array([without(i) for i in range(N)])
    half = t.ppf(0.975, N - 2) * np.sqrt((N - 1) / N * np.sum((others - others.mean()) ** 2))
    assert (lower, upper) == (pytest.approx(share - half), pytest.approx(share + half))


def test_intervals_hold_a_known_share():
    rng = np.random.Generator(np.random.Philox(key=52))

    def one(n):
        cell = rng.integers(0, 3, n)
        design = np.stack([np.ones(n), cell == 1, cell == 2], axis=1).astype(float)
        return explained(rankdata(0.8 * cell + rng.normal(size=n)), design)

    truth = one(200_000)[0]
    found = np.array([one(100) for _ in range(300)])
    held = np.mean((found[:, 1] <= truth) & (truth <= found[:, 2]))
    assert held >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean(found[:, 0]) == pytest.approx(truth, abs=0.02)


def test_diverged_is_the_worst_rank_and_a_wrong_order_is_not_hidden():
    lost = np.where(NORM, np.inf, SCORES)
    row = shares(made(lost)).loc["model.norm"]
    h = kruskal(np.where(NORM, 1e9, SCORES)[NORM], SCORES[~NORM]).statistic
    assert row["share"] == pytest.approx((h - 1) / (N - 2))


@pytest.mark.parametrize("scores", [np.ones(N), np.full(N, np.inf), SCORES[:15]])
def test_nothing_to_explain_has_no_share(scores):
    params = {"a": {name: values[: len(scores)] for name, values in PARAMS["a"].items()}}
    assert shares(made(scores, params))["share"].isna().all()


def test_a_level_of_one_setting_has_no_interval():
    params = {"a": {"model.norm": [True] + [False] * (N - 1)}}
    row = shares(made(params=params)).loc["model.norm"]
    assert np.isfinite(row["share"])
    assert np.isnan(row["lower"])


def test_a_sweep_without_hyperparameters_has_no_rows():
    assert shares(board({"toy": {"a": SCORES}})).empty
    assert shares(made(params={"a": {"model.fixed": [1.0] * N}})).empty


def test_numbers_get_levels_of_equal_counts_and_words_their_own():
    assert np.bincount(levels(pd.Series(LR))).tolist() == [12] * 5
    assert np.bincount(levels(pd.Series(LR[:24]))).tolist() == [8] * 3
    order = levels(pd.Series(LR))
    assert LR[order == 0].max() < LR[order == 4].min()
    assert levels(pd.Series([5.0, 1.0, 5.0])).tolist() == [1, 0, 1]
    assert levels(pd.Series([True, False, True])).tolist() == [1, 0, 1]
    assert levels(pd.Series(["tf", "torch", "tf"])).tolist() == [0, 1, 0]


def test_marginals_by_hand():
    scores = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 20.0, None]
    params = {"a": {"model.norm": [True] * 6 + [False] * 2}}
    found = made(scores, params)
    rows = marginals(found, outcomes(found)).set_index("level")
    assert rows["low"].tolist() == [False, True]
    assert rows.loc[1, ["n", "median", "lower", "upper", "no_score"]].tolist() == [6, 3.5, 1.0, 6.0, 0.0]
    assert rows.loc[1, ["q25", "q75"]].tolist() == [2.25, 4.75]
    assert rows.loc[0, ["n", "median", "no_score"]].tolist() == [2, np.inf, 0.5]
    assert np.isnan(rows.loc[0, "lower"])


@pytest.mark.parametrize("n", [6, 9, 20, 61])
def test_the_median_s_interval_is_the_shortest_that_holds(n: int):
    low, high = median_interval(np.arange(1.0, n + 1))
    assert high == n + 1 - low
    assert 1 - 2 * binom.cdf(low - 1, n, 0.5) >= 0.95
    assert 1 - 2 * binom.cdf(low, n, 0.5) < 0.95


def test_too_few_settings_say_nothing_of_the_median():
    assert np.isnan(median_interval(np.arange(5.0))).all()
    assert np.isnan(median_interval(np.zeros(0))).all()
