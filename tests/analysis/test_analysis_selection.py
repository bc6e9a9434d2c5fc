"""Best and last, diverged runs, counts and the ranking that the rerun uses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import RERUN, Run, results

from ganbench.analysis.selection import LATER, NEVER, ceilings, counts, outcomes, ranked_settings


def test_best_and_last_over_finite_checkpoints():
    runs = [
        Run(0, [5.0, 2.0, 2.0, 3.0]),
        Run(1, [4.0, None, None]),
        Run(2, [None, None]),
        Run(3, [None, 6.0]),
    ]
    table = outcomes(results({"a": runs}))
    assert table["best"].tolist() == [2.0, 4.0, np.inf, 6.0]
    assert table["last"].tolist() == [3.0, np.inf, np.inf, 6.0]
    assert table["best_step"].fillna(-1).tolist() == [20.0, 10.0, -1.0, 20.0]
    assert table["divergence"].tolist() == ["", LATER, NEVER, LATER]
    assert table["best_finite"].tolist() == [True, True, False, True]
    assert table["last_finite"].tolist() == [True, False, False, True]


def test_to_maximise_the_best_is_the_largest_and_diverged_is_worth_nothing():
    made = results({"a": [Run(0, [0.2, 0.9, 0.5]), Run(1, [None])]}, metric="f1_toy", direction="max")
    table = outcomes(made)
    assert table["best"].tolist() == [0.9, 0.0]
    assert table["last"].tolist() == [0.5, 0.0]


def test_a_metric_that_was_negative_has_no_least_value():
    made = results({"a": [Run(0, [-0.2]), Run(1, [None])]}, metric="loglik_toy", direction="max")
    assert outcomes(made)["best"].tolist() == [-0.2, -np.inf]


def test_a_number_beside_a_diverged_status_is_not_believed():
    made = results({"a": [Run(0, [5.0, 1.0])]})
    made.scores.loc[1, "status"] = "diverged"
    made.scores.loc[0, "value"] = np.inf
    assert outcomes(made)["divergence"].tolist() == [NEVER]


def test_only_finished_trials_count():
    runs = [
        Run(0, [1.0]),
        Run(1, [0.5], state="running"),
        Run(2, [0.1], state="failed"),
        Run(3, [0.2], state="lost"),
    ]
    assert outcomes(results({"a": runs}))["index"].tolist() == [0]


def test_a_trial_drawn_twice_counts_twice():
    made = results({"a": [Run(0, [1.0]), Run(1, [2.0])]})
    twice = made.trials.iloc[[1]].assign(index=2)
    made = results({"a": [Run(0, [1.0]), Run(1, [2.0])]}).__class__(
        made.name, made.definition, pd.concat([made.trials, twice]), made.scores, made.baselines, {}
    )
    assert outcomes(made)["best"].tolist() == [1.0, 2.0, 2.0]


def test_a_trial_marked_diverged_without_any_row_was_never_finite():
    made = results({"a": [Run(0, [1.0]), Run(1, [], state="diverged")]})
    table = outcomes(made)
    assert table["divergence"].tolist() == ["", NEVER]
    assert table["best"].tolist() == [1.0, np.inf]


def test_counts_have_every_variant_and_tell_divergence_apart():
    runs = [
        Run(0, [1.0]),
        Run(1, [None]),
        Run(2, [1.0, None]),
        Run(3, [], state="failed"),
        Run(4, [], state="lost"),
    ]
    made = results({"a": runs, "b": []}, rerun=RERUN)
    table = counts(made).set_index(["stage", "variant"])
    found = table.loc[("search", "a"), ["planned", "done", "diverged", "never_finite", "failed", "pending"]]
    assert found.tolist() == [5, 1, 2, 1, 1, 1]
    assert table.loc[("search", "b"), "planned"] == 0
    assert table.loc[("rerun", "a"), "planned"] == 0


def test_a_done_trial_with_a_diverged_checkpoint_is_diverged():
    made = results({"a": [Run(0, [1.0, None, 2.0], state="done")]})
    row = counts(made).iloc[0]
    assert (row["done"], row["diverged"], row["never_finite"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("baselines", "value", "source"),
    [
        ({"untrained": 9.0, "blank": 7.0}, 9.0, "untrained generator"),
        ({"blank": 7.0}, 7.0, "blank sample"),
        ({"untrained": np.nan, "blank": 7.0}, 7.0, "blank sample"),
        ({}, 5.0, "worst finite score"),
    ],
)
def test_the_ceiling_and_whose_it_is(baselines: dict[str, float], value: float, source: str):
    made = results({"a": [Run(0, [1.0]), Run(1, [5.0]), Run(2, [None])]}, baselines=baselines)
    row = ceilings(made, outcomes(made)).iloc[0]
    assert (row["ceiling"], row["source"]) == (value, source)


def test_nothing_finite_has_no_ceiling():
    made = results({"a": [Run(0, [None])]})
    assert np.isnan(ceilings(made, outcomes(made)).iloc[0]["ceiling"])


@pytest.mark.parametrize(("at", "order"), [("best", [2, 1, 0, 3]), ("last", [0, 2])])
def test_settings_are_ranked_by_the_selecting_metric(at: str, order: list[int]):
    runs = [Run(0, [5.0, 3.0]), Run(1, [2.0, None]), Run(2, [1.0, 4.0]), Run(3, [9.0, None]), Run(4, [None])]
    rerun = {**RERUN, "select": {"metric": "fd_toy", "at": at}}
    made = results({"a": runs}, rerun=rerun)
    assert ranked_settings(made, outcomes(made), "toy", "a")["index"].tolist() == order


def test_equal_settings_are_ranked_by_index_and_reruns_are_not_candidates():
    made = results({"a": [Run(2, [1.0]), Run(1, [1.0]), Run(1, [0.1], "rerun", 5)]}, rerun=RERUN)
    assert ranked_settings(made, outcomes(made), "toy", "a")["index"].tolist() == [1, 2]
