"""Runs for distribution plots, scores that belong together, shares of failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from boards import RUNS, board, joined, triple
from scipy.stats import binomtest

from ganbench.analysis.runs import failure_shares, jointly, proportion, runs
from ganbench.analysis.selection import ceilings, counts, outcomes


def all_runs(made):
    table = outcomes(made)
    return runs(made, table, ceilings(made, table))


def test_runs_are_winsorised_and_grouped():
    made = board(
        {"toy": {"a": [3.0, 50.0, [2.0, None], None]}},
        reruns={"toy": {"a": [(0, 1.0), (0, 1.01), (0, 0.99), (0, 1.0), (0, 8.0)]}},
        baselines={"fd_toy": 10.0},
        search={"space": "narrow", "sampler": "hashed"},
    )
    rows = all_runs(made)
    assert rows["shown"].tolist()[:4] == [3.0, 10.0, 2.0, 10.0]
    assert rows["best_finite"].tolist()[:4] == [True, True, True, False]
    assert rows["divergence"].tolist()[2:4] == ["diverged later", "never finite"]
    assert rows["group"].tolist() == ["search"] * 4 + ["seeds"] * 5
    assert rows["outlier"].tolist() == [False] * 8 + [True]
    assert set(rows["space"]) == {"narrow"}


def test_shares_to_maximise_are_winsorised_from_below():
    made = board({"toy": {"a": [0.5, 0.01, None]}}, metrics={"f1_toy": "max"}, baselines={"f1_toy": 0.1})
    assert all_runs(made)["shown"].tolist() == [0.5, 0.1, 0.1]


def test_runs_of_two_sweeps_go_below_each_other():
    wide, narrow = (board({"toy": {"a": [1.0]}}, search={"space": name}) for name in ("wide", "narrow"))
    both = pd.concat([all_runs(wide), all_runs(narrow)])
    assert both["space"].tolist() == ["wide", "narrow"]


def test_precision_and_recall_are_those_of_the_best_f1():
    made = joined(RUNS)
    rows = jointly(made, outcomes(made))
    assert rows[["f1", "precision", "recall"]].to_numpy().tolist() == [
        [0.5, 0.6, 0.4],
        [0.2, 0.1, 0.8],
        [0.0, 0.0, 0.0],
    ]
    assert rows["finite"].tolist() == [True, True, False]
    assert rows["step"].tolist()[:2] == [20, 10]


def test_by_precision_another_checkpoint_is_taken():
    made = joined(RUNS)
    assert jointly(made, outcomes(made), by="precision")["f1"].tolist() == [0.4, 0.2, 0.0]


def test_checkpoints_that_lack_one_of_the_three_are_passed_over():
    waiting = [triple(0.4, 0.9, 0.3), triple(0.5, 0.6, 0.4)], [triple(0.2, 0.3, 0.8), triple(0.3, 0.2, 0.7)]
    alone = [triple(0.7, 0.8, 0.6), triple(0.7, 0.9, 0.6)]
    made = joined([*waiting, alone, RUNS[2]])
    late = (made.scores["step"] == 10) & (made.scores["metric"] != "precision_ring")
    third = made.trials.loc[made.trials["index"] == 2, "trial_id"]
    never = made.scores["trial_id"].isin(third) & (made.scores["metric"] == "recall_ring")
    made = replace(made, scores=made.scores[~(late | never)])
    rows = jointly(made, outcomes(made), by="precision")
    assert rows[["index", "f1", "precision", "recall"]].to_numpy().tolist() == [
        [0, 0.5, 0.6, 0.4],
        [1, 0.3, 0.2, 0.7],
        [3, 0.0, 0.0, 0.0],
    ]


def test_among_few_reruns_none_is_an_outlier():
    rows = all_runs(board({"toy": {"a": [1.0]}}, reruns={"toy": {"a": [(0, 1.0), (0, 1.01), (0, 2.0)]}}))
    assert not rows["outlier"].any()


def test_thresholds_are_kept_apart_and_incomplete_triples_left_out():
    metrics = {f"{part}_polygons@{at}": "max" for at in ("3", "6") for part in ("f1", "precision", "recall")}
    made = board({"toy": {"a": [0.5, 0.6]}}, metrics=metrics)
    assert jointly(made, outcomes(made))["threshold"].tolist() == ["3", "3", "6", "6"]
    alone = board({"toy": {"a": [0.5]}}, metrics={"f1_ring": "max"})
    assert jointly(alone, outcomes(alone)).empty


def test_failure_shares_by_hand():
    made = board({"toy": {"a": [1.0, None, [1.0, None], 2.0]}})
    rows = failure_shares(counts(made)).set_index("kind")
    assert rows.loc["diverged", ["n", "count", "share"]].tolist() == [4, 2, 0.5]
    assert rows.loc["never_finite", ["count", "share"]].tolist() == [1, 0.25]
    exact = binomtest(2, 4).proportion_ci(0.95, "exact")
    assert rows.loc["diverged", "lower"] == pytest.approx(exact.low)
    assert rows.loc["diverged", "upper"] == pytest.approx(exact.high)


@pytest.mark.parametrize(("count", "n"), [(0, 7), (7, 7), (3, 50)])
def test_proportions_are_clopper_and_pearson_s(count: int, n: int):
    exact = binomtest(count, n).proportion_ci(0.9, "exact")
    assert proportion(count, n, 0.9) == (count / n, pytest.approx(exact.low), pytest.approx(exact.high))
    assert np.isnan(proportion(0, 0)).all()


def test_a_failed_trial_is_in_no_share():
    made = board({"toy": {"a": [1.0, None]}})
    made.trials.loc[1, "state"] = "failed"
    row = failure_shares(counts(made)).iloc[0]
    assert (row["n"], row["count"], row["failed"]) == (1, 0, 1)
