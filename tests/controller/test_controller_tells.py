"""What the sampler is told: scores as they are chosen by, and what stands in where there is none."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from slotwork import define

from ganbench.analysis.results import Results
from ganbench.controller import told_metric, values_told
from ganbench.records import Trial
from ganbench.store.asks import TELL, Event

CHOICES = {"model": "ns_gan", "dataset": "ring"}
Values = list[float | None]


def told(
    scores: dict[int, Values],
    *words: str,
    ceiling: float | None = None,
    before: list[float] | None = None,
    metric: str = "energy_ring",
) -> dict[str, float]:
    """Tell settings of their scores at checkpoints; None is diverged."""
    definition = define(*words)
    protocol = definition["protocols"]["ring"]["id"]
    trials = [Trial(f"t{i}", CHOICES, "search", i, i, False, {}, f"p{i}", 0) for i in scores]
    rows = [
        {
            "trial_id": f"t{i}",
            "step": step,
            "metric": metric,
            "value": value,
            "status": "diverged" if value is None else "ok",
            "protocol": protocol,
        }
        for i, values in scores.items()
        for step, value in enumerate(values, start=1)
    ]
    lines = [
        {**t.to_json(), **CHOICES, "state": "diverged" if None in scores[t.index] else "done"} for t in trials
    ]
    frame = pd.DataFrame(rows).astype({"value": "float64"})
    untrained = {"dataset": "ring", "protocol": protocol, "baseline": "untrained", "metric": metric}
    baselines = pd.DataFrame([] if ceiling is None else [{**untrained, "value": ceiling}])
    events = [Event(TELL, CHOICES, 90 + n, "done", value) for n, value in enumerate(before or [])]
    results = Results("quickstart", definition, pd.DataFrame(lines), frame, baselines, {})
    return values_told(results, trials, events)


LAST = "rerun={top: 1, seeds: 1, select: {at: last}}"
F1 = "rerun={top: 1, seeds: 1, select: {metric: f1_ring}}"


def test_the_score_that_would_choose_it() -> None:
    assert told({0: [3.0, 1.0, 2.0], 1: [5.0, 4.0, None]}) == {"t0": 1.0, "t1": 4.0}
    assert told({0: [3.0, 1.0, 2.0]}, LAST) == {"t0": 2.0}
    assert told({0: [0.3, 0.7, 0.5]}, F1, metric="f1_ring") == {"t0": 0.7}


@pytest.mark.parametrize(
    ("ceiling", "before", "expected"),
    [(9.0, [], 9.0), (9.0, [4.0, 30.0], 30.0), (9.0, [4.0], 9.0), (None, [4.0], 4.0), (None, [], None)],
)
def test_a_diverged_trial_is_worth_the_ceiling_or_the_worst_so_far(
    ceiling: float | None, before: list[float], expected: float | None
) -> None:
    found = told({0: [None, None]}, ceiling=ceiling, before=before)
    assert found == ({} if expected is None else {"t0": expected})


def test_the_worst_of_those_that_are_told_with_it() -> None:
    assert told({0: [None], 1: [12.0], 2: [3.0]}, ceiling=9.0) == {"t0": 12.0, "t1": 12.0, "t2": 3.0}


def test_the_worst_of_a_metric_to_maximise_is_the_least() -> None:
    given: dict[str, Any] = {"ceiling": 0.2, "metric": "f1_ring"}
    assert told({0: [None], 1: [0.5]}, F1, **given)["t0"] == 0.2
    assert told({0: [None], 1: [0.1]}, F1, **given)["t0"] == 0.1


def test_at_the_last_checkpoint_a_trial_that_diverged_later_counts_as_diverged() -> None:
    assert told({0: [1.0, None]}, LAST, ceiling=9.0) == {"t0": 9.0}


def test_directions() -> None:
    assert told_metric(define(), "ring")[0].direction == "min"
    assert told_metric(define(F1), "ring")[0].direction == "max"
    assert told_metric(define(LAST), "ring")[1] == "last"
