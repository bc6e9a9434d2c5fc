"""Each variant's best run by one metric, with all metrics at the checkpoint that this metric chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from boards import board

from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes
from ganbench.analysis.winners import candidates, winners

KEYS = ["fd_toy", "f1_toy"]


def made() -> Results:
    """Two models; F1 is the FD over ten, so that the worst run by one is the best by the other."""
    sweep = board(
        {"toy": {"b": [[3.0, 4.0], [1.0, 2.0], None], "a": [[5.0, 0.5], [5.0, 0.5]]}},
        metrics={"fd_toy": "min", "f1_toy": "max"},
        reruns={"toy": {"a": [(0, [0.1, 9.0])]}},
    )
    wide = sweep.scores.set_index(["trial_id", "step", "metric"])["value"]
    scores = sweep.scores.copy()
    for row in scores.index[scores["metric"] == "f1_toy"]:
        trial, step = scores.loc[row, ["trial_id", "step"]]
        scores.loc[row, "value"] = wide[trial, step, "fd_toy"] / 10.0
    return replace(sweep, scores=scores, trials=sweep.trials.astype({"model": "category"}))


def test_the_best_by_each_metric_is_seen_by_both_at_one_checkpoint() -> None:
    sweep = made()
    found = winners(sweep, outcomes(sweep), "toy", ["f1_toy", "fd_toy"], KEYS)
    rows = found[["variant", "by", "index", "step", *KEYS]].to_numpy().tolist()
    assert rows == [
        ["b", "f1_toy", 0, 20, 4.0, 0.4],
        ["b", "fd_toy", 1, 10, 1.0, 0.1],
        ["a", "f1_toy", 0, 10, 5.0, 0.5],
        ["a", "fd_toy", 0, 20, 0.5, 0.05],
    ]


def test_candidates_are_searched_runs_with_all_metrics_the_best_first() -> None:
    sweep = made()
    found = candidates(sweep, outcomes(sweep), "toy", "fd_toy", KEYS)
    assert found["fd_toy"].tolist() == [0.5, 0.5, 1.0, 3.0]
    assert set(found["stage"]) == {"search"}
    lost = (sweep.scores["metric"] == "f1_toy") & np.isclose(sweep.scores["value"], 0.05)
    sweep = replace(sweep, scores=sweep.scores[~lost])
    assert candidates(sweep, outcomes(sweep), "toy", "fd_toy", KEYS)["fd_toy"].tolist() == [1.0, 3.0]
