"""Several metrics of the chosen setting's runs, each run at one checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from boards import board
from scipy import stats

from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes
from ganbench.analysis.traits import traits

KEYS = ["fd_toy", "sharp_toy"]


def made(again: list[tuple[int, object]]) -> Results:
    """Two models, searched and re-run; `sharp` is ten times the step plus the FD."""
    sweep = board(
        {"toy": {"a": [3.0, 1.0, 2.0], "b": [5.0, 4.0]}},
        metrics={"fd_toy": "min", "sharp_toy": "max"},
        reruns={"toy": {"a": again}},
    )
    scores = sweep.scores.copy()
    wide = scores.set_index(["trial_id", "step", "metric"])["value"]
    for row in scores.index[scores["metric"] == "sharp_toy"]:
        trial, step = scores.loc[row, ["trial_id", "step"]]
        scores.loc[row, "value"] = 10.0 * step + wide[trial, step, "fd_toy"]
    return replace(sweep, scores=scores)


def test_means_over_the_seeds_of_the_chosen_setting_at_the_best_checkpoint() -> None:
    sweep = made([(1, [0.9, 0.7]), (1, [0.8, 1.2]), (1, [1.1, 1.0]), (2, [9.0, 9.0])])
    found = traits(sweep, outcomes(sweep), "toy", KEYS).set_index(["variant", "metric"])
    fd, sharp = np.array([0.7, 0.8, 1.0]), np.array([200.7, 100.8, 201.0])
    assert found["n"].tolist() == [3, 3]
    assert found["setting"].tolist() == [1, 1]
    for key, values in zip(KEYS, (fd, sharp), strict=True):
        row = found.loc[("a", key)]
        assert row["mean"] == pytest.approx(values.mean())
        interval = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
        assert (row["lower"], row["upper"]) == pytest.approx(interval)
    assert "b" not in found.index.get_level_values("variant")


def test_the_checkpoint_is_the_selecting_metrics_and_a_run_without_a_score_there_is_left_out() -> None:
    sweep = made([(1, [0.9, 0.7]), (1, [0.8, 1.2]), (1, [1.1, 1.0])])
    sweep.definition["protocols"]["toy"]["headline"] = "sharp_toy"  # always best at the last checkpoint
    reruns = sweep.trials.loc[sweep.trials["stage"] == "rerun", "trial_id"].tolist()
    scores = sweep.scores
    gone = (scores["trial_id"] == reruns[1]) & (scores["step"] == 10) & (scores["metric"] == "sharp_toy")
    sweep = replace(sweep, scores=scores[~gone])
    found = traits(sweep, outcomes(sweep), "toy", KEYS).set_index("metric")
    assert found["n"].tolist() == [2, 2]
    assert found.loc["fd_toy", "mean"] == pytest.approx((0.7 + 1.0) / 2)
    infinite = scores.assign(value=scores["value"].mask(gone, np.inf))
    sweep = replace(sweep, scores=infinite)
    assert traits(sweep, outcomes(sweep), "toy", KEYS)["n"].tolist() == [2, 2]


def test_no_interval_holds_what_no_score_can_be() -> None:
    sweep = board(
        {"toy": {"a": [0.9]}}, metrics={"f1_toy": "max"}, reruns={"toy": {"a": [(0, 0.99), (0, 0.8)]}}
    )
    (row,) = traits(sweep, outcomes(sweep), "toy", ["f1_toy"]).to_dict("records")
    assert (row["lower"], row["upper"]) == (0.0, 1.0)
    sweep = board({"toy": {"a": [9.0]}}, reruns={"toy": {"a": [(0, 9.0), (0, 2.0)]}})
    (row,) = traits(sweep, outcomes(sweep), "toy", ["fd_toy"]).to_dict("records")
    assert row["lower"] == 0.0
    assert row["upper"] > 20.0


def test_a_run_that_diverged_is_not_counted_and_one_run_has_no_interval() -> None:
    sweep = made([(1, [0.9, 0.7]), (1, None)])
    found = traits(sweep, outcomes(sweep), "toy", KEYS)
    assert found["n"].tolist() == [1, 1]
    assert found[["lower", "upper"]].isna().all(axis=None)
