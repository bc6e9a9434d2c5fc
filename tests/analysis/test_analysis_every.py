"""Every frame of a summary on sweeps that have little or nothing to say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from boards import RERUN, board
from synthetic import sweep

from ganbench.analysis.draws import StatisticsError
from ganbench.analysis.results import ReportError
from ganbench.analysis.summary import Summary, summarise

ABOUT_BUDGETS = (
    "mean_curves",
    "joint_curves",
    "compute_curves",
    "checkpoint_curves",
    "sensitivity",
    "marginals",
    "comparisons",
    "comparison_curves",
    "crossings",
    "ranks",
)
ANYTIME = ("costs", "runs", "joint", "failures", "gaps", "components", "optimism", "agreement")
FRAMES = (*ABOUT_BUDGETS, *ANYTIME)

GOOD = [2.0, 1.0, 3.0, 4.0, 2.5]
SWEEPS = {
    "one trial": board({"toy": {"a": [1.0]}}),
    "one trial each": board({"toy": {"a": [1.0], "b": [2.0]}}),
    "all diverged": board({"toy": {"a": [None] * 5, "b": [None] * 5}}),
    "never after the first": board({"toy": {"a": [[1.0, None]] * 5, "b": GOOD}}),
    "one model all diverged": board({"toy": {"a": GOOD, "b": [None] * 5}}, baselines={"fd_toy": 9.0}),
    "missing on one dataset": board({"x": {"a": GOOD, "b": GOOD}, "y": {"a": GOOD, "b": []}}),
    "a dataset without trials": board({"x": {"a": GOOD}, "y": {"a": []}}),
    "only the default": board({"toy": {"a": [1.0], "b": [2.0]}}, default=0),
    "ties": board({"toy": {"a": [0.0] * 5, "b": [0.0] * 5}}, metrics={"f1_toy": "max"}),
    "reruns of one": board({"toy": {"a": GOOD, "b": GOOD}}, reruns={"toy": {"a": [(1, 1.0)]}}),
    "reruns all diverged": board({"toy": {"a": GOOD}}, reruns={"toy": {"a": [(1, None), (1, None)]}}),
    "dependent draws": board({"toy": {"a": GOOD, "b": GOOD}}, search={"sampler": "tpe"}),
    "no curve for the metric": board({"toy": {"a": GOOD}}, metrics={"fd_toy": "min", "f1_toy": "max"}),
}


def partial():
    made = board({"toy": {"a": GOOD, "b": GOOD}}, rerun=RERUN)
    states = ["done", "running", "lost", "failed", "planned", *["done"] * 5]
    return replace(made, trials=made.trials.assign(state=states))


def summary(made) -> Summary:
    return summarise(made, allow_partial=True)


@cache
def named(name: str) -> Summary:
    return summary(partial() if name == "partial" else SWEEPS[name])


IID = [name for name in SWEEPS if name != "dependent draws"] + ["partial"]


@pytest.mark.parametrize("name", IID)
def test_little_is_no_error(name: str):
    found = named(name)
    for frame in FRAMES:
        assert isinstance(getattr(found, frame), pd.DataFrame), frame


@pytest.mark.parametrize("name", IID)
def test_little_decides_nothing(name: str):
    found = named(name)
    assert set(found.comparisons["verdict"]) <= {"undecided"}
    shares = found.comparisons[["share", "lower", "upper"]].to_numpy(dtype=float)
    assert ((shares >= 0) & (shares <= 1) | np.isnan(shares)).all()


@pytest.mark.parametrize("frame", FRAMES)
def test_an_empty_table_gives_an_empty_frame(frame: str):
    found = named("one trial each")
    nothing = {"outcomes": found.outcomes.iloc[:0], "counts": found.counts.iloc[:0]}
    empty = replace(found, **nothing, seeds=found.seeds.assign(n=0))
    table = getattr(empty, frame)
    if "share" in table and frame.startswith("comparison"):
        table = table.dropna(subset=["share"])
    if frame == "optimism":
        table = table[table["n"] > 0]
    assert table.empty


@pytest.mark.parametrize("frame", ABOUT_BUDGETS)
def test_dependent_draws_are_refused_in_one_line(frame: str):
    found = named("dependent draws")
    assert not found.iid
    with pytest.raises(StatisticsError, match="sampler 'tpe'") as error:
        getattr(found, frame)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("frame", ANYTIME)
def test_what_is_not_about_budgets_is_not_refused(frame: str):
    found = named("dependent draws")
    assert isinstance(getattr(found, frame), pd.DataFrame)


def test_mixed_protocols_get_as_far_as_no_frame():
    made = board({"toy": {"a": GOOD}})
    mixed = replace(made, scores=pd.concat([made.scores, made.scores.assign(protocol="q-2")]))
    with pytest.raises(ReportError, match="several protocols"):
        summary(mixed)


def test_a_whole_sweep_has_every_frame_and_the_same_twice():
    first, again = summary(sweep(settings=12)), summary(sweep(settings=12))
    assert first.iid
    for frame in FRAMES:
        pd.testing.assert_frame_equal(getattr(first, frame), getattr(again, frame))
    full = ("mean_curves", "compute_curves", "comparisons", "ranks", "gaps", "agreement", "optimism")
    for frame in full:
        assert len(getattr(first, frame)), frame


def test_the_order_of_rows_does_not_matter():
    made = sweep(settings=12)
    mixed = replace(
        made,
        trials=made.trials.sample(frac=1.0, random_state=1),
        scores=made.scores.sample(frac=1.0, random_state=2),
    )
    for frame in ("mean_curves", "compute_curves", "comparisons", "crossings", "ranks", "gaps", "failures"):
        ours, theirs = getattr(summary(made), frame), getattr(summary(mixed), frame)
        pd.testing.assert_frame_equal(ours, theirs, check_exact=False, rtol=1e-9)
