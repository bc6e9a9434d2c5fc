"""Curves against compute: every order enumerated, and exact where all trials cost the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from boards import board

from ganbench.analysis.anytime import checkpoint_curves, over_searches
from ganbench.analysis.compute import compute_curves
from ganbench.analysis.curves import budget_curves
from ganbench.analysis.draws import StatisticsError
from ganbench.analysis.selection import ceilings, outcomes

RNG = np.random.Generator(np.random.Philox(key=71))
SCORES = [5.0, 1.0, None, 3.0, 8.0, 2.0]
COSTS = [1.0, 2.0, 1.5, 1.0, 1.0, 2.0]


def curves(made, **kwargs):
    table = outcomes(made)
    return compute_curves(made, table, ceilings(made, table), **kwargs)


def enumerated(events, grid, ceiling):
    """Return median and mean best for each cost over all orders; events are (cost, loss) lists per trial."""
    found = []
    for order in permutations(events):
        flat = [event for trial in order for event in trial]
        paid = np.cumsum([cost for cost, _ in flat])
        best = np.minimum.accumulate([loss for _, loss in flat])
        row = [best[paid <= cost * (1 + 1e-9)] for cost in grid]
        found.append([some[-1] if len(some) else np.inf for some in row])
    found = np.array(found)
    return np.sort(found, axis=0)[len(found) // 2 - 1], np.minimum(found, ceiling).mean(axis=0)


def test_all_orders_by_enumeration():
    made = board({"toy": {"a": SCORES}}, seconds={"a": COSTS}, baselines={"fd_toy": 10.0})
    rows = curves(made, axes=["seconds"])
    # From the 95th percentile of one trial's cost to a quarter of all.
    assert rows["cost"].iloc[[0, -1]].tolist() == [pytest.approx(2.0), pytest.approx(2.125)]
    events = [[(c, np.inf if s is None else s)] for c, s in zip(COSTS, SCORES, strict=True)]
    median, mean = enumerated(events, [2.0], 10.0)
    assert rows["median"].iloc[0] == median[0]
    assert rows["mean"].iloc[0] == pytest.approx(mean[0], abs=0.25)
    assert set(rows["method"]) == {"permutation"}


def test_no_curve_where_one_trial_costs_more_than_a_quarter_of_all():
    made = board(
        {"toy": {"a": SCORES}}, seconds={"a": [1.0, 4.0, 1.5, 2.0, 1.0, 3.0]}, baselines={"fd_toy": 10.0}
    )
    assert curves(made, axes=["seconds"]).empty
    assert len(curves(made, axes=["d_steps"]))


def test_a_dataset_scored_at_other_steps_leaves_the_prices_alone():
    many = [[4.0, 3.0, 2.0, 1.0]] * 5
    alone = board({"x": {"a": [[2.0, 1.0]] * 5}}, baselines={"fd_toy": 10.0})
    both = board({"x": {"a": [[2.0, 1.0]] * 5}, "y": {"a": many}}, baselines={"fd_toy": 10.0})
    found = [curves(made, axes=["d_steps"], anytime=True).query("dataset == 'x'") for made in (alone, both)]
    np.testing.assert_array_equal(*(rows[["cost", "finished", "median"]].to_numpy() for rows in found))


def test_dear_good_trials_move_the_curve():
    scores, costs = [1.0] * 3 + [9.0] * 4, [3.0] * 3 + [1.0] * 4
    events = [[(c, s)] for c, s in zip(costs, scores, strict=True)]
    made = board({"toy": {"a": scores}}, seconds={"a": costs}, baselines={"fd_toy": 20.0})
    rows = curves(made, axes=["seconds"])
    median, mean = enumerated(events, rows["cost"].tolist(), 20.0)
    np.testing.assert_allclose(rows["mean"], mean, atol=0.35)
    assert rows["median"].iloc[-1] == median[-1]
    assert (np.diff(rows["mean"]) <= 1e-12).all()
    assert (np.diff(rows["finished"]) >= 0).all()


def test_bands_hold_the_curve_s_truth_and_are_made_of_resampled_trials():
    held = []
    for key in range(12):
        rng = np.random.Generator(np.random.Philox(key=[72, key]))
        scores, costs = np.exp(rng.normal(size=40)), rng.uniform(1, 3, size=40)
        made = board({"toy": {"a": scores}}, seconds={"a": costs}, baselines={"fd_toy": 99.0})
        row = curves(made, axes=["seconds"]).iloc[0]
        many = [_search(rng, row["cost"]) for _ in range(300)]
        held.append(row["lower"] <= np.median(many) <= row["upper"])
        assert row["mean_lower"] < row["mean"] < row["mean_upper"]
    assert sum(held) >= 9


def _search(rng, cost):
    paid, best = 0.0, np.inf
    while (price := rng.uniform(1, 3)) + paid <= cost:
        paid, best = paid + price, min(best, np.exp(rng.normal()))
    return best


def test_equal_costs_give_the_budget_curve():
    made = board({"toy": {"a": np.exp(RNG.normal(size=13))}}, baselines={"fd_toy": 3.0})
    table = outcomes(made)
    budget = budget_curves(made, table, ceilings(made, table)).set_index("k")
    rows = curves(made).set_index(["axis", "finished"])
    for axis, price in (("d_steps", 10), ("images", 40), ("seconds", 1.0)):
        for k in (1, 2, 3):
            row = rows.loc[(axis, k)]
            assert (row["cost"], row["method"]) == (k * price, "exact")
            assert (
                row[["median", "lower", "upper"]].tolist()
                == budget.loc[k, ["median", "lower", "upper"]].tolist()
            )
            assert row["mean"] == pytest.approx(budget.loc[k, "u_mean"])
    assert "passes" not in rows.index


def test_to_maximise_is_the_mirror():
    shares = RNG.random(20)
    costs = RNG.uniform(1, 2, 20)
    up = board(
        {"toy": {"a": shares}}, metrics={"f1_toy": "max"}, seconds={"a": costs}, baselines={"f1_toy": 0.0}
    )
    down = board({"toy": {"a": -shares}}, seconds={"a": costs}, baselines={"fd_toy": 0.0})
    one, other = (curves(made, axes=["seconds"]) for made in (up, down))
    for ours, theirs in (("median", "median"), ("lower", "upper"), ("mean_upper", "mean_lower")):
        np.testing.assert_allclose(one[ours], -other[theirs])


def test_the_same_sweep_gives_the_same_bytes():
    made = board({"toy": {"a": SCORES, "b": SCORES}}, seconds={"a": COSTS, "b": COSTS})
    assert curves(made).to_csv() == curves(made).to_csv()


def test_anytime_counts_checkpoints():
    runs = [[6.0, 5.0], [4.0, 1.0], [9.0, None], [7.0, 3.0], [8.0, 8.5]]
    made = board({"toy": {"a": runs}}, seconds={"a": [2.0, 4.0, 2.0, 3.0, 2.0]}, baselines={"fd_toy": 10.0})
    rows = curves(made, axes=["seconds"], anytime=True)
    halves = zip(runs, (1.0, 2.0, 1.0, 1.5, 1.0), strict=True)
    events = [[(c, run[0]), (c, min(run[0], np.inf if run[1] is None else run[1]))] for run, c in halves]
    median, mean = enumerated(events, rows["cost"].tolist(), 10.0)
    assert (rows["cost"].iloc[0], rows["cost"].iloc[-1]) == (pytest.approx(2.0), pytest.approx(13.0 / 4))
    np.testing.assert_allclose(rows["mean"], mean, atol=0.3)
    assert rows["median"].iloc[-1] == median[-1]


def test_few_trials_unknown_times_and_unknown_axes():
    assert curves(board({"toy": {"a": [1.0, 2.0, 3.0]}})).empty
    made = board({"toy": {"a": SCORES}})
    made.scores["seconds"] = np.nan
    assert set(curves(made)["axis"]) == {"d_steps", "images"}
    with pytest.raises(StatisticsError, match="no compute axis 'joules'"):
        curves(made, axes=["joules"])
    with pytest.raises(StatisticsError, match="independent"):
        curves(board({"toy": {"a": SCORES}}, search={"sampler": "tpe"}))


def test_stopping_every_trial_at_a_step():
    runs = [[6.0, 5.0], [None, 1.0], [9.0, 9.5], [7.0, 3.0]]
    made = board({"toy": {"a": runs}})
    rows = checkpoint_curves(made, outcomes(made)).set_index("step")
    assert rows.loc[10, ["median", "no_score", "n"]].tolist() == [7.0, 0.25, 4]
    assert rows.loc[20, ["median", "no_score"]].tolist() == [3.0, 0.0]
    assert (rows["lower"] <= rows["median"]).all()
    assert (rows["median"] <= rows["upper"]).all()


def test_the_last_step_is_the_budget_curve():
    runs = np.exp(RNG.normal(size=(24, 3))).tolist()
    made = board({"toy": {"a": runs}})
    table = outcomes(made)
    last = checkpoint_curves(made, table).query("step == 30").set_index("k")
    budget = budget_curves(made, table, ceilings(made, table)).set_index("k")
    for k in (1, 5):
        columns = ["median", "lower", "upper"]
        assert last.loc[k, columns].tolist() == budget.loc[k, columns].tolist()


def test_several_searches_side_by_side():
    frames = []
    for scores in ([3.0, 2.0], [5.0, 1.0], [4.0, 4.0, 0.5]):
        made = board({"toy": {"a": scores}}, search={"sampler": "tpe"})
        table = outcomes(made)
        frames.append(budget_curves(made, table, ceilings(made, table)))
    rows = over_searches(frames).set_index("k")
    assert rows.loc[1, ["searches", "median", "lower", "upper", "level"]].tolist() == [3, 4.0, 3.0, 5.0, 0.75]
    assert rows.loc[2, "median"] == 2.0
    assert rows.loc[3, ["searches", "level"]].tolist() == [1, 0.0]


def test_runs_without_the_metric_are_no_part_of_checkpoint_curves():
    runs = [[4.0, 1.0], [5.0, 2.0], [6.0, 3.0], [7.0, 4.0], [8.0, 5.0]]
    made = board({"toy": {"a": runs}}, metrics={"fd_toy": "min", "kid_toy": "min"})
    lacking = made.trials.loc[made.trials["index"] >= 3, "trial_id"]
    gone = made.scores["trial_id"].isin(lacking) & (made.scores["metric"] == "fd_toy")
    made = replace(made, scores=made.scores[~gone])
    rows = checkpoint_curves(made, outcomes(made), keys=["fd_toy"])
    assert set(rows["n"]) == {3}
    assert set(rows["no_score"]) == {0.0}
    assert rows.set_index(["step", "k"])["median"].loc[(20, 1)] == 2.0
