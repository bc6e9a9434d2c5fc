"""Ranks at a budget and their uncertainty, on one dataset and over several."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from boards import board
from opda.nonparametric import EmpiricalDistribution
from synthetic import sweep

from ganbench.analysis.curves import median_best
from ganbench.analysis.draws import resamples
from ganbench.analysis.ranks import ranks
from ganbench.analysis.selection import outcomes

RNG = np.random.Generator(np.random.Philox(key=31))
FIRST, SECOND, THIRD = np.exp(RNG.normal(size=(3, 40))) * np.array([[1e-3], [1.0], [1.0]])


def ranked(made):
    return ranks(made, outcomes(made)).set_index(["dataset", "k", "variant"]).sort_index()


@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_median_is_opda_s_also_of_repeated_draws(k: int):
    losses = np.array([3.0, 1.0, np.inf, 2.0, 2.0, 7.0, 9.0])
    counts = np.array([[1, 1, 1, 1, 1, 1, 1], [0, 2, 1, 0, 3, 1, 0]]).T
    expected = [
        EmpiricalDistribution(np.repeat(losses, weight), a=0.0, b=np.inf).quantile_tuning_curve(
            k, minimize=True
        )
        for weight in counts.T
    ]
    np.testing.assert_array_equal(median_best(losses, counts.astype(float), [k])[0], expected)


def test_resamples_are_of_the_sample_s_size_and_follow_their_seed():
    rng = [np.random.Generator(np.random.Philox(key=key)) for key in (1, 1, 2)]
    first, again, other = (resamples(7, 500, r) for r in rng)
    assert (first.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(first.mean(axis=0), 1.0, atol=4 / np.sqrt(500))


def test_the_clear_winner_is_first_and_the_others_share_what_is_left():
    rows = ranked(board({"toy": {"b": SECOND, "a": FIRST, "c": THIRD}}))
    assert rows.loc[("toy", 1, "a"), ["rank", "lower", "upper", "first"]].tolist() == [1.0, 1.0, 1.0, 1.0]
    second = sorted(rows.loc[[("toy", 5, "b"), ("toy", 5, "c")], "rank"])
    assert second == [2.0, 3.0]
    assert rows.loc[("toy", 5, "b"), ["lower", "upper"]].tolist() == [2.0, 3.0]
    assert rows.loc[("toy", 1, "b"), "value"] == pytest.approx(np.sort(SECOND)[19])


def test_nobody_is_ranked_where_most_score_nothing():
    one = [0.5, 0.6, 0.7, 0.8] * 5
    few = [0.0] * 12 + one[:8]
    rows = ranked(board({"toy": {"a": one, "b": few, "c": few}}, metrics={"f1_toy": "max"}))
    assert set(rows.index.get_level_values("k")) == {5}  # of one setting the medians of two are 0
    one_of_two = ranked(board({"toy": {"a": one, "b": few}}, metrics={"f1_toy": "max"}))
    assert set(one_of_two.index.get_level_values("k")) == {1, 5}


def test_ties_share_a_rank_and_first_places():
    rows = ranked(board({"toy": {"a": [None] * 8, "b": [None] * 8, "c": [None] * 8}}))
    assert rows.loc["toy", "rank"].tolist() == [2.0] * 3
    np.testing.assert_allclose(rows.loc["toy", "first"], 1 / 3)


def test_to_maximise_the_value_is_shown_as_it_is():
    rows = ranked(board({"toy": {"a": [0.1] * 4, "b": [0.9] * 4}}, metrics={"f1_toy": "max"}))
    assert rows.loc[("toy", 1), ["value", "rank"]].to_numpy().tolist() == [[0.1, 2.0], [0.9, 1.0]]


def test_datasets_share_their_draws_so_averaging_makes_nothing_surer():
    one = {"a": SECOND, "b": THIRD}
    rows = ranked(board({"x": one, "y": one}))
    columns = ["rank", "lower", "upper", "first"]
    np.testing.assert_array_equal(rows.loc[("", 5), columns], rows.loc[("x", 5), columns])
    assert rows.loc[("", 5, "a"), "datasets"] == 2


def test_the_average_is_over_datasets_that_all_have():
    made = board({"x": {"a": FIRST, "b": SECOND}, "y": {"a": THIRD, "b": []}})
    rows = ranked(made)
    assert rows.loc[("", 1, "a"), ["rank", "datasets"]].tolist() == [1.0, 1]
    assert np.isnan(rows.loc[("y", 1, "b"), "rank"])
    assert rows.loc[("y", 1, "a"), "rank"] == 1.0


def test_a_model_that_is_opposite_on_two_datasets_is_in_the_middle():
    rows = ranked(board({"x": {"a": FIRST, "b": SECOND}, "y": {"a": SECOND, "b": FIRST}}))
    assert rows.loc[("", 1), "rank"].tolist() == [1.5, 1.5]
    assert rows.loc[("", 1), "first"].tolist() == [0.5, 0.5]


def test_budgets_need_four_settings_each():
    rows = ranked(board({"toy": {"a": FIRST[:20], "b": SECOND[:19]}}))
    assert set(rows.index.get_level_values("k")) == {1, 5}
    assert np.isnan(rows.loc[("toy", 5, "b"), "rank"])
    assert ranked(board({"toy": {"a": FIRST[:3], "b": SECOND[:3]}})).empty


def test_shared_draws_are_resampled_together():
    both = {"a": SECOND, "b": SECOND * 1.001}
    apart, together = (ranked(board({"toy": both}, search={"shared": shared})) for shared in (False, True))
    assert together.loc[("toy", 5, "a"), "first"] == 1.0
    assert 0.3 < apart.loc[("toy", 5, "a"), "first"] < 0.8


def test_what_else_is_asked_for_changes_no_rank():
    made = sweep()
    table = outcomes(made)
    first = (table["metric"] == "f1_toy") & (table["variant"] == "vae") & (table["index"] == 3)
    assert first.any()
    table = table[~first]  # a trial that has the curve's metric only
    every = ranks(made, table)
    alone = ranks(made, table, keys={"f1_toy"})
    assert set(every["metric"]) > {"f1_toy"} == set(alone["metric"]) - {"headline"}
    expected = every[every["metric"].isin(["f1_toy", "headline"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected)
