"""Which runs stand in the corners of precision and recall, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from boards import board

from ganbench.analysis.corners import axes_of, corners, spread
from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes

METRICS = {"fd_toy": "min", "precision_toy": "max", "recall_toy": "max"}
# (precision, recall) at each checkpoint of each run; the FD of a checkpoint is its place, so that the first is best
PLANES = {
    "a": [[(0.9, 0.1), (1.0, 1.0)], [(0.8, 0.7)], [(0.5, 0.5)]],
    "b": [[(0.0, 0.9)], [(0.1, 0.0)], [(0.1, 0.0)]],
}


def made(planes: dict[str, list[list[tuple[float, float]]]] = PLANES, **definition: object) -> Results:
    """A sweep whose runs have these precisions and recalls."""
    places = {model: [list(range(len(run))) for run in runs] for model, runs in planes.items()}
    sweep = board({"toy": places}, metrics=METRICS, **definition)
    scores = sweep.scores.copy()
    for n, metric in enumerate(("precision_toy", "recall_toy")):
        for row in scores.index[scores["metric"] == metric]:
            _, model, _, setting, _ = scores.loc[row, "trial_id"].split("-")
            scores.loc[row, "value"] = planes[model][int(setting)][int(scores.loc[row, "step"]) // 10 - 1][n]
    return replace(sweep, scores=scores)


def test_the_nearest_run_to_each_corner_at_the_selected_checkpoint() -> None:
    sweep = made()
    found = corners(spread(sweep, outcomes(sweep), "toy"))
    ends = list(zip(found["precision_end"], found["recall_end"], strict=True))
    assert ends == [("high", "high"), ("high", "low"), ("low", "high"), ("low", "low")]
    assert list(zip(found["variant"], found["index"], strict=True)) == [
        ("a", 1),
        ("a", 0),
        ("b", 0),
        ("b", 1),
    ]
    assert found[["precision", "recall"]].to_numpy().tolist() == [
        [0.8, 0.7],
        [0.9, 0.1],
        [0.0, 0.9],
        [0.1, 0.0],
    ]
    assert found["step"].tolist() == [10, 10, 10, 10]


def test_axes_are_scaled_to_what_the_runs_span() -> None:
    planes = {"a": [[(0.010, 0.5)], [(0.000, 1.0)], [(0.009, 0.9)], [(0.005, 0.0)]]}
    sweep = made(planes)
    found = corners(spread(sweep, outcomes(sweep), "toy")).set_index(["precision_end", "recall_end"])
    assert found.loc[("high", "high"), "index"] == 2


def test_distance_is_the_larger_of_the_two_differences() -> None:
    planes = {
        "a": [[(0.0, 0.0)], [(1.0, 0.55)], [(0.7, 0.7)], [(0.3, 1.0)]]
    }  # sums 0.45 and 0.6, larger 0.45 and 0.3
    sweep = made(planes)
    found = corners(spread(sweep, outcomes(sweep), "toy")).set_index(["precision_end", "recall_end"])
    assert found.loc[("high", "high"), "index"] == 2


def test_nothing_where_an_axis_does_not_vary_or_is_not_scored() -> None:
    flat = made({"a": [[(0.5, 0.0)], [(0.5, 1.0)]]})
    assert corners(spread(flat, outcomes(flat), "toy")).empty
    alone = board({"toy": {"a": [1.0, 2.0]}}, metrics={"fd_toy": "min", "precision_toy": "max"})
    assert axes_of(alone, "toy") is None
    assert corners(spread(alone, outcomes(alone), "toy")).empty


def test_the_headlines_threshold_comes_first() -> None:
    keys = {f"{part}_toy@{at}": "max" for at in ("3", "6") for part in ("f1", "precision", "recall")}
    both = board({"toy": {"a": [0.5, 0.6]}}, metrics={"f1_toy@6": "max", **keys})
    assert [metric.key for metric in axes_of(both, "toy") or ()] == ["precision_toy@6", "recall_toy@6"]


def test_runs_that_diverged_and_reruns_stand_in_no_corner() -> None:
    sweep = board(
        {"toy": {"a": [0.5, None, 0.6]}}, metrics=METRICS, reruns={"toy": {"a": [(0, 0.1), (0, 0.9)]}}
    )
    runs = spread(sweep, outcomes(sweep), "toy")
    assert runs["index"].tolist() == [0, 2]
    assert runs["stage"].unique().tolist() == ["search"]


@pytest.mark.parametrize("step", [10, 20])
def test_the_checkpoint_is_the_selecting_metrics(step: int) -> None:
    sweep = board({"toy": {"a": [[0.3, 0.2] if step == 20 else [0.2, 0.3]]}}, metrics=METRICS)
    turned = sweep.scores["value"].where(sweep.scores["metric"] != "recall_toy", -sweep.scores["value"])
    sweep = replace(sweep, scores=sweep.scores.assign(value=turned))
    sweep.definition["protocols"]["toy"]["headline"] = "recall_toy"  # the best by it is the other one
    assert spread(sweep, outcomes(sweep), "toy")["step"].tolist() == [step]
