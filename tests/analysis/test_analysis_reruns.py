"""Selection gaps, variance components and checkpoint optimism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from boards import board
from scipy.stats import binomtest, chi2, f, f_oneway, norm, sem, t

from ganbench.analysis.components import components, variance_components
from ganbench.analysis.distributions import over_seeds
from ganbench.analysis.optimism import (
    checkpoint_optimism,
    crossed,
    expected_best,
    half_keys,
    roughness,
)
from ganbench.analysis.reruns import selection_gaps
from ganbench.analysis.selection import ceilings, outcomes

RNG = np.random.Generator(np.random.Philox(key=81))
RERUN = {"top": 2, "seeds": 3, "first_seed": 1, "select": {"metric": None, "at": "best"}}


def gaps(made):
    table = outcomes(made)
    found = selection_gaps(made, table, over_seeds(made, table, ceilings(made, table)))
    return found[found["at"] == "best"].set_index("rank")


def test_the_gap_s_interval_is_student_s():
    again = [2.5, 3.0, 4.0, 6.5]
    made = board({"toy": {"a": [5.0, 2.5, 9.0]}}, reruns={"toy": {"a": [(1, v) for v in again]}})
    row = gaps(made).loc[0]
    low, high = t.interval(0.95, 3, loc=np.mean(again), scale=sem(again))
    assert row[["setting", "n", "searched", "mean", "gap"]].tolist() == [1, 4, 2.5, 4.0, -1.5]
    assert (row["lower"], row["upper"]) == (pytest.approx(2.5 - high), pytest.approx(2.5 - low))
    exact = binomtest(1, 4).proportion_ci(0.95, "exact")
    assert row["as_good"] == 0.25
    assert (row["as_good_lower"], row["as_good_upper"]) == (
        pytest.approx(exact.low),
        pytest.approx(exact.high),
    )


def test_to_maximise_as_good_means_at_least():
    made = board(
        {"toy": {"a": [0.5, 0.8]}},
        metrics={"f1_toy": "max"},
        reruns={"toy": {"a": [(1, 0.9), (1, 0.8), (1, 0.1)]}},
    )
    assert gaps(made).loc[0, "as_good"] == pytest.approx(2 / 3)


def test_a_search_that_ended_diverged_promised_nothing():
    made = board(
        {"toy": {"a": [[0.6, 0.5], [0.9, None]]}},
        metrics={"f1_toy": "max"},
        reruns={"toy": {"a": [(1, 0.5), (1, 0.4), (1, 0.45)]}},
    )
    table = outcomes(made)
    found = selection_gaps(made, table, over_seeds(made, table, ceilings(made, table)))
    last = found[found["at"] == "last"].iloc[0]
    assert last[["searched", "gap", "lower", "as_good"]].isna().all()
    assert found[found["at"] == "best"].iloc[0]["searched"] == 0.9


def test_several_settings_have_a_mean_gap():
    reruns = {"toy": {"a": [(0, 3.0), (0, 5.0), (1, 2.0), (1, 2.0), (2, 7.0), (2, 9.0)]}}
    rows = gaps(board({"toy": {"a": [3.0, 1.0, 6.0]}}, reruns=reruns, rerun={**RERUN, "top": 3}))
    each = [-1.0, -1.0, -2.0]  # 3 − 4, 1 − 2, 6 − 8
    low, high = t.interval(0.95, 2, loc=np.mean(each), scale=sem(each))
    assert rows.loc[-1, ["n", "gap"]].tolist() == [3, pytest.approx(np.mean(each))]
    assert rows.loc[-1, ["lower", "upper"]].tolist() == [pytest.approx(low), pytest.approx(high)]


def test_one_seed_has_a_gap_without_interval_and_none_has_no_row():
    made = board({"toy": {"a": [1.0], "b": [2.0]}}, reruns={"toy": {"a": [(0, 1.5)]}})
    rows = gaps(made)
    assert rows["variant"].tolist() == ["a"]
    assert rows["gap"].tolist() == [-0.5]
    assert rows["lower"].isna().all()


def test_components_by_hand():
    # Means 2 and 5 about 3.5: MSB = 3 (1.5² + 1.5²) = 13.5; MSW = (1 + 0 + 1 + 1 + 0 + 1)/4 = 1.
    groups = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])]
    setting, s_low, s_high, seed, e_low, e_high, share, low, high = components(groups)
    variance = (13.5 - 1) / 3
    assert (setting, seed) == (pytest.approx(np.sqrt(variance)), 1.0)
    assert share == pytest.approx(variance / (variance + 1))
    assert e_low**2 == pytest.approx(4 / chi2.ppf(0.975, 4))
    assert e_high**2 == pytest.approx(4 / chi2.ppf(0.025, 4))
    ratios = [f_oneway(*groups).statistic / f.ppf(p, 1, 4) for p in (0.975, 0.025)]
    assert (low, high) == tuple(pytest.approx((r - 1) / (r + 2)) for r in ratios)
    assert s_low**2 == pytest.approx(13.5 * (1 - f.ppf(0.975, 1, 4) / 13.5) / (3 * chi2.ppf(0.975, 1)))
    assert s_high**2 == pytest.approx(13.5 * (1 - f.ppf(0.025, 1, 4) / 13.5) / (3 * chi2.ppf(0.025, 1)))


def test_seeds_that_differ_more_than_settings_leave_none_to_these():
    found = components([np.array([1.0, 9.0]), np.array([2.0, 8.0]), np.array([0.0, 10.0])])
    assert (found[0], found[1], found[6], found[7]) == (0.0, 0.0, 0.0, 0.0)
    same = components([np.array([1.0, 1.0]), np.array([2.0, 2.0])])
    assert (same[3], same[6]) == (0.0, 1.0)
    assert np.isnan(components([np.array([1.0, 1.0]), np.array([1.0, 1.0])])[6])


def test_components_hold_the_truth():
    held = np.zeros(3)
    for _ in range(300):
        y = RNG.normal(size=(12, 1)) + 0.5 * RNG.normal(size=(12, 4))
        found = components(list(y))
        held += [found[3 * i + 1] <= v <= found[3 * i + 2] for i, v in enumerate((1.0, 0.5, 0.8))]
    assert (held / 300 >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 300)).all()


def test_unequal_groups_weigh_by_their_size():
    groups = [np.array([1.0, 2.0, 3.0, 2.0]), np.array([5.0, 6.0]), np.array([3.0, 3.5])]
    setting, seed = components(groups)[0], components(groups)[3]
    ratio = f_oneway(*groups).statistic
    each = (8 - (16 + 4 + 4) / 8) / 2
    assert setting**2 == pytest.approx(seed**2 * (ratio - 1) / each)


def split(made):
    table = outcomes(made)
    return variance_components(made, table, ceilings(made, table))


def test_a_sweep_s_components_are_on_the_log_scale_and_say_what_was_chosen():
    y = [(0, 1.0), (0, np.e), (1, np.e**3), (1, np.e**4), (2, None), (2, np.e**3)]
    made = board(
        {"toy": {"a": [1.0, 20.0, 30.0, 40.0]}},
        reruns={"toy": {"a": y}},
        rerun={**RERUN, "top": 3},
        baselines={"fd_toy": np.e**5},
    )
    row = split(made).iloc[0]
    expected = components([np.array([0.0, 1.0]), np.array([3.0, 4.0]), np.array([5.0, 3.0])])
    assert row[["scale", "settings", "seeds", "no_score"]].tolist() == ["log", 3, 2.0, 1]
    assert row["selected"]
    assert row[["sd_setting", "sd_seed", "share"]].tolist() == pytest.approx([expected[i] for i in (0, 3, 6)])


def test_the_default_is_no_random_setting_but_may_be_a_good_one():
    again = [(0, 9.0), (0, 9.1), (1, 1.0), (1, 1.1), (2, 2.0), (2, 2.1)]
    every = board({"toy": {"a": [9.0, 1.0, 2.0]}}, reruns={"toy": {"a": again}}, default=0)
    row = split(every).iloc[0]
    assert (row["settings"], row["selected"]) == (2, False)
    good = board({"toy": {"a": [9.0, 1.0, 2.0, 3.0]}}, reruns={"toy": {"a": again}}, default=0)
    assert split(good).iloc[0][["settings", "selected"]].tolist() == [3, True]


def test_unequal_numbers_of_seeds_are_an_average_with_its_range():
    reruns = [(0, 1.0), (0, 1.1), (0, 1.2), (0, 1.3), (1, 2.0), (1, 2.2)]
    row = split(board({"toy": {"a": [1.0, 2.0]}}, reruns={"toy": {"a": reruns}})).iloc[0]
    assert row[["settings", "seeds", "seeds_least", "seeds_most"]].tolist() == [2, 3.0, 2, 4]


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 1e6])
def test_where_nothing_varies_nobody_has_a_share(value: float):
    found = components([np.full(2, value), np.full(2, value), np.full(3, value)])
    assert found[:6] == (0.0,) * 6
    assert np.isnan(found[6:]).all()


def test_one_setting_has_no_components():
    made = board({"toy": {"a": [1.0, 2.0]}}, reruns={"toy": {"a": [(0, 1.0), (0, 1.1)]}})
    assert split(made).empty
    alone = board({"toy": {"a": [1.0, 2.0]}}, reruns={"toy": {"a": [(0, 1.0), (0, 1.1), (1, 2.0)]}})
    assert split(alone).empty


@pytest.mark.parametrize(("m", "value"), [(1, 0.0), (2, 1 / np.sqrt(np.pi)), (5, 1.16296), (21, 1.88917)])
def test_the_expected_best_of_m_normals(m: int, value: float):
    assert expected_best(m) == pytest.approx(value, abs=1e-5)


def test_noise_is_found_beneath_a_trend():
    trend = np.linspace(3.0, 0.0, 21)
    found = roughness(trend + 0.2 * RNG.normal(size=(500, 21)))
    assert np.sqrt(np.mean(found**2)) == pytest.approx(0.2, rel=0.05)
    np.testing.assert_allclose(roughness(trend[None]), 0.0, atol=1e-12)


@pytest.mark.parametrize("checkpoints", [3, 4, 5])
def test_noise_of_few_checkpoints_is_not_too_small(checkpoints: int):
    runs = np.exp(0.2 * RNG.normal(size=(2000, checkpoints))).tolist()
    assert optimism(board({"toy": {"a": runs}}))["noise"] == pytest.approx(0.2, rel=0.05)


def optimism(made):
    return checkpoint_optimism(made, outcomes(made)).iloc[0]


def test_without_halves_there_is_a_bound_and_what_is_missing():
    runs = np.exp(0.1 * RNG.normal(size=(30, 5))).tolist()
    row = optimism(board({"toy": {"a": [*runs, [1.0, None, 1.0, 1.0, 1.0]]}}))
    assert row["missing"] == "scores on halves of the test set: fd_a_toy and fd_b_toy"
    assert row[["n", "checkpoints", "scale"]].tolist() == [30, 5, "log"]
    assert row["bound"] == pytest.approx(row["noise"] * 1.16296, rel=1e-4)
    assert row["noise"] == pytest.approx(0.1, rel=0.3)
    assert np.isnan(row["optimism"])


def test_halves_by_hand():
    metric = board({"toy": {"a": [1.0]}}).metric("toy", "fd_toy")
    found = crossed(np.array([[3.0, 1.0], [2.0, 4.0]]), np.array([[2.0, 5.0], [2.0, 3.0]]), metric)
    # Run 1 is best at 1 on b's word (2) and on a's at 2 (1); the other half says 3 and 5. Run 2 agrees: 2 and 2.
    assert found["same"] == pytest.approx((1.5 + 2.0) / 2)
    assert found["other"] == pytest.approx((4.0 + 2.0) / 2)
    assert found["optimism"] == pytest.approx(1.25)
    assert found["upper"] - found["optimism"] == pytest.approx(t.ppf(0.975, 1) * 1.25)
    logs = [(np.log(5.0) + np.log(3.0) - np.log(1.0) - np.log(2.0)) / 2, 0.0]
    assert found["scaled"] == pytest.approx(np.mean(logs))
    assert found["scaled_upper"] - found["scaled"] == pytest.approx(t.ppf(0.975, 1) * logs[0] / 2)


def test_halves_find_the_optimism_of_pure_noise():
    a, b = RNG.normal(size=(2, 4000, 5))
    metric = board({"toy": {"a": [1.0]}}, metrics={"f1_toy": "max"}).metric("toy", "f1_toy")
    found = crossed(a, b, metric)
    assert found["lower"] <= expected_best(5) <= found["upper"]
    assert found["same"] == pytest.approx(expected_best(5), abs=0.05)
    assert found["scaled"] == found["optimism"]  # neither log nor logit is defined for these
    assert found["other"] == pytest.approx(0.0, abs=0.05)


def test_stored_halves_are_used():
    keys = {"fd_toy": "min", "fd_a_toy": "min", "fd_b_toy": "min"}
    made = board({"toy": {"a": [[2.0, 1.0], [4.0, 5.0]]}}, metrics=keys)
    row = optimism(made)
    assert row[["missing", "same", "other", "optimism"]].tolist() == ["", 2.5, 2.5, 0.0]
    assert half_keys(made.metric("toy", "fd_toy")) == ("fd_a_toy", "fd_b_toy")


def test_halves_know_what_was_true_at_the_chosen_checkpoint():
    """A truth that moves and halves that scatter about it: `other` is the truth where a half chose, `same` flatters."""
    truth = np.array([5.0, 4.0, 3.7, 3.6, 3.6])
    a, b = truth + 0.5 * RNG.normal(size=(2, 3000, 5))
    runs = [np.stack([(x + y) / 2, x, y], axis=1).tolist() for x, y in zip(a, b, strict=True)]
    scores = {
        key: [[step[n] for step in run] for run in runs] for n, key in enumerate(("fd_toy", *HALF_KEYS))
    }
    row = optimism(halved(scores))
    picked = np.concatenate([truth[a.argmin(axis=1)], truth[b.argmin(axis=1)]])
    shown = np.concatenate([a.min(axis=1), b.min(axis=1)])
    assert row["lower"] <= (picked - shown).mean() <= row["upper"]
    assert row["other"] == pytest.approx(picked.mean(), abs=0.03)
    assert row["same"] == pytest.approx(shown.mean())
    assert row["optimism"] > 0.3
    assert row["n"] == 3000


HALF_KEYS = ("fd_a_toy", "fd_b_toy")


def halved(scores):
    """Return a sweep with a score of its own for each metric."""
    made = board({"toy": {"a": scores["fd_toy"]}}, metrics=dict.fromkeys(scores, "min"))
    rows = made.scores.copy()
    for key, values in scores.items():
        mine = (rows["metric"] == key).to_numpy()
        ordered = rows[mine].sort_values(["step"], kind="stable")
        place = {trial: n for n, trial in enumerate(made.trials["trial_id"])}
        steps = {step: n for n, step in enumerate(sorted(rows["step"].unique()))}
        found = [
            values[place[t]][steps[s]] for t, s in zip(ordered["trial_id"], ordered["step"], strict=True)
        ]
        rows.loc[ordered.index, "value"] = found
    return replace(made, scores=rows)


def test_the_law_of_the_best_is_the_normal_s():
    assert expected_best(3) == pytest.approx(3 / (2 * np.sqrt(np.pi)))
    assert norm.cdf(expected_best(100)) == pytest.approx(0.994, abs=0.001)
