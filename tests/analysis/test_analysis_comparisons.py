"""Pairs of models at a budget: verdicts, Holm, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from boards import board
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.analysis.comparisons import comparison_curves, comparisons, holm
from ganbench.analysis.draws import StatisticsError, reach
from ganbench.analysis.duel import Duel
from ganbench.analysis.selection import outcomes

RNG = np.random.Generator(np.random.Philox(key=11))
NEAR, FAR = np.exp(RNG.normal(size=(2, 60)))


def compared(made, **kwargs):
    return comparisons(made, outcomes(made), **kwargs)


def test_holm_by_hand():
    p = pd.Series([0.01, 0.04, np.nan, 0.03, 0.005])
    # In order .005 × 4, .01 × 3, .03 × 2, .04 × 1, never falling.
    np.testing.assert_allclose(holm(p), [0.03, 0.06, np.nan, 0.06, 0.02])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_bonferroni_on_every_family_that_holds_the_pair(p):
    closed = [
        max(
            min(1.0, size * min(chosen))
            for size in range(1, len(p) + 1)
            for chosen in (tuple(p[i] for i in s) for s in combinations(range(len(p)), size) if i0 in s)
        )
        for i0 in range(len(p))
    ]
    np.testing.assert_allclose(holm(pd.Series(p)), closed, atol=1e-12)


def test_equal_models_are_undecided_and_different_ones_are_not():
    made = board({"toy": {"a": NEAR / 20, "b": NEAR, "c": FAR}})
    rows = compared(made).set_index(["k", "a", "b"])
    assert rows.loc[(1, "a", "b"), "verdict"] == "a"
    assert rows.loc[(1, "b", "c"), "verdict"] == "undecided"
    assert rows.loc[(5, "a", "c"), "verdict"] == "a"
    assert (rows["p_holm"].dropna() >= rows["p"].dropna()).all()
    swapped = compared(board({"toy": {"b": NEAR, "a": NEAR / 20}})).set_index("k")
    assert swapped.loc[1, ["a", "b", "verdict"]].tolist() == ["b", "a", "a"]
    assert swapped.loc[1, "share"] == pytest.approx(1 - rows.loc[(1, "a", "b"), "share"])


def test_models_are_alike_where_the_whole_interval_is_and_not_before():
    made = board({"toy": {"a": NEAR, "b": np.roll(NEAR, 1) * 1.0001, "c": 1.6 * NEAR, "d": 9.0 * NEAR}})
    rows = compared(made)
    inside = (rows["lower"] >= 0.25) & (rows["upper"] <= 0.75)
    assert rows["alike"].tolist() == inside.tolist()
    at = rows.set_index(["k", "a", "b"])
    assert at.loc[(1, "a", "b"), "alike"]
    assert not at.loc[(10, "a", "b"), "alike"]  # nor told apart: sixty settings say too little about ten
    assert at.loc[(10, "a", "b"), "verdict"] == "undecided"
    assert not at.loc[(1, "a", "d"), "alike"]
    assert not compared(board({"toy": {"d": 9.0 * NEAR, "a": NEAR}}))["alike"].any()
    few = compared(board({"toy": {"a": [1.0, 2.0, 3.0, 4.0], "b": [1.5, 2.5, 3.5, 2.0]}}))
    assert not few["alike"].any()


def test_numbers_are_the_duel_s_and_the_default_is_no_draw():
    made = board({"toy": {"a": [1e-9, *NEAR], "b": [1e-9, *FAR]}}, default=0)
    row = compared(made).set_index("k").loc[5]
    found = Duel(NEAR, FAR).judge(5, 5)
    assert row[["share", "lower", "upper", "p"]].tolist() == [
        found.share,
        found.lower,
        found.upper,
        found.p,
    ]
    assert (row["n_a"], row["n_b"], row["line"]) == (60, 60, "solid")


def test_to_maximise_the_larger_wins_and_diverged_is_worst():
    shares = {"a": [0.9, 0.8, None, 0.7], "b": [0.1, None, None, 0.2]}
    row = compared(board({"toy": shares}, metrics={"f1_toy": "max"})).iloc[0]
    # 0.9, 0.8 and 0.7 beat everything, a diverged one ties with the two of b and loses to two.
    assert row["share"] == pytest.approx((3 * 4 + 1) / 16)


@pytest.mark.parametrize(("k", "line"), [(1, "solid"), (12, "solid"), (13, "dashed"), (26, "none")])
def test_lines(k: int, line: str):
    assert reach(k, 100) == line


def test_beyond_a_quarter_nothing_is_decided():
    made = board({"toy": {"a": NEAR[:20] / 100, "b": NEAR[:20]}})
    rows = compared(made).set_index("k")
    assert rows.loc[10, ["verdict", "line"]].tolist() == ["undecided", "none"]
    assert np.isnan(rows.loc[10, "p"])
    assert rows.loc[10, "share"] == pytest.approx(1.0)
    assert rows.loc[5, "verdict"] == "a"


def test_a_model_without_draws_has_rows_without_numbers():
    made = board({"one": {"a": NEAR, "b": FAR}, "two": {"a": NEAR, "b": []}})
    rows = compared(made).set_index(["dataset", "k"])
    assert rows.loc[("two", 1), "n_b"] == 0
    assert rows.loc["two", ["share", "lower", "p_holm"]].isna().all(axis=None)
    assert set(rows.loc["two", "verdict"]) == {"undecided"}
    assert rows.loc[("one", 1), "share"] == pytest.approx(Duel(NEAR, FAR).share(1, 1))


def test_shared_draws_compare_what_both_have():
    both = board({"toy": {"a": [*NEAR[:8], None], "b": [..., *FAR[1:9]]}}, search={"shared": True})
    row = compared(both).set_index("k").loc[1]
    expected = Duel(np.append(NEAR[1:8], np.inf), FAR[1:9], paired=True).judge(1, 1)
    assert row[["share", "p"]].tolist() == [expected.share, expected.p]


def test_conservative_bounds_contain_the_interval_s_centre():
    rows = compared(board({"toy": {"a": NEAR[:8], "b": FAR[:8]}}), conservative=True).set_index("k")
    assert rows.loc[1, "band_lower"] < rows.loc[1, "share"] < rows.loc[1, "band_upper"]


def test_curves_end_at_a_quarter_and_agree_with_the_table():
    made = board({"toy": {"a": NEAR, "b": FAR}})
    curve = comparison_curves(made, outcomes(made))
    assert curve["k"].tolist() == list(range(1, 16))
    table = compared(made).set_index("k")
    assert curve.set_index("k").loc[5, "share"] == table.loc[5, "share"]


@pytest.mark.parametrize("sampler", ["tpe", {"_target_": "optuna.samplers.QMCSampler"}])
def test_draws_that_depend_on_each_other_are_refused(sampler):
    made = board({"toy": {"a": NEAR, "b": FAR}}, search={"sampler": sampler})
    with pytest.raises(StatisticsError, match="need independent draws") as error:
        compared(made)
    assert "\n" not in str(error.value)


def test_an_unknown_metric_is_named_with_those_there_are():
    with pytest.raises(StatisticsError, match="'kid_toy'; there are fd_toy"):
        compared(board({"toy": {"a": NEAR, "b": FAR}}), keys=["kid_toy"])


def test_a_run_without_the_metric_at_its_last_checkpoint_is_no_draw_of_last():
    made = board({"toy": {"a": [[1.0, 1.0]] * 4, "b": [[2.0, 2.0]] * 4}})
    kept = made.trials.loc[(made.trials["model"] == "a") & (made.trials["index"] > 1), "trial_id"]
    lost = made.scores["trial_id"].isin(kept) & (made.scores["step"] == 20)
    other = made.scores[lost].assign(metric="kid_toy")
    made = replace(made, scores=pd.concat([made.scores[~lost], other], ignore_index=True))
    made.definition["protocols"]["toy"]["metrics"]["kid"] = {"space": "toy", "directions": {"kid": "min"}}
    rows = comparisons(made, outcomes(made), at="last", keys=["fd_toy"])
    assert rows.loc[rows["k"] == 1, "share"].tolist() == [1.0]
