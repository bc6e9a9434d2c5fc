"""Budget curves against hand-computed values, enumeration and opda."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from opda.nonparametric import EmpiricalDistribution
from synthetic import Run, results

from ganbench.analysis import curves
from ganbench.analysis.bands import philox
from ganbench.analysis.selection import ceilings, outcomes

SCORES = np.array([4.0, 1.5, 9.0, 2.5, 3.0])
KS = np.arange(1, 6)


def curve_of(made, variant="a"):
    table = outcomes(made)
    found = curves.budget_curves(made, table, ceilings(made, table))
    return found[found["variant"] == variant].set_index("k")


def test_three_scores_two_tries():
    x, k = np.array([1.0, 2.0, 3.0]), np.array([2])
    assert curves.v_mean(x, k, minimize=True)[0] == pytest.approx(14 / 9)
    assert curves.u_mean(x, k, minimize=True)[0] == pytest.approx(4 / 3)


@pytest.mark.parametrize("minimize", [True, False])
def test_closed_forms_are_the_enumeration(minimize: bool):
    best = min if minimize else max
    without = [np.mean([best(draw) for draw in combinations(SCORES, int(k))]) for k in KS]
    replaced = [np.mean([best(draw) for draw in product(SCORES, repeat=int(k))]) for k in KS]
    np.testing.assert_allclose(curves.u_mean(SCORES, KS, minimize=minimize), without)
    np.testing.assert_allclose(curves.v_mean(SCORES, KS, minimize=minimize), replaced)


@pytest.mark.parametrize("minimize", [True, False])
def test_closed_forms_are_opda_s(minimize: bool):
    x = np.exp(np.random.Generator(np.random.Philox(key=0)).normal(size=60))
    ks = np.arange(1, 61)
    law = EmpiricalDistribution(x)
    np.testing.assert_allclose(
        curves.u_mean(x, ks, minimize=minimize), law.u_tuning_curve(ks, minimize=minimize)
    )
    np.testing.assert_allclose(
        curves.v_mean(x, ks, minimize=minimize), law.v_tuning_curve(ks, minimize=minimize)
    )


def test_nothing_unbiased_beyond_the_sample_and_all_of_it_at_its_end():
    found = curves.u_mean(SCORES, np.array([5, 6]), minimize=True)
    assert found[0] == pytest.approx(1.5)
    assert np.isnan(found[1])


@pytest.mark.parametrize("minimize", [True, False])
def test_curves_never_get_worse_with_budget_and_ignore_the_order(minimize: bool):
    rng = np.random.Generator(np.random.Philox(key=5))
    for n in (1, 2, 7, 30):
        x, ks = np.exp(rng.normal(size=n)), np.arange(1, n + 1)
        shuffled = rng.permutation(x)
        for curve in (curves.u_mean, curves.v_mean):
            found = curve(x, ks, minimize=minimize)
            better = -np.diff(found) if minimize else np.diff(found)
            assert np.all(better >= -1e-9)
            np.testing.assert_allclose(curve(shuffled, ks, minimize=minimize), found)
        median = curves.median_curve(x, ks, minimize=minimize)
        assert np.all((-np.diff(median) if minimize else np.diff(median)) >= 0)
        np.testing.assert_array_equal(curves.median_curve(shuffled, ks, minimize=minimize), median)


def test_median_is_the_order_statistic():
    x, ks = np.array([5.0, np.inf, 1.0, 3.0, np.inf, 2.0, 8.0]), np.arange(1, 8)
    ranks = np.ceil(7 * (1 - 0.5 ** (1 / ks))).astype(int)
    found = curves.median_curve(x, ks, minimize=True)
    np.testing.assert_array_equal(found, np.sort(x)[ranks - 1])


def test_bootstrap_has_the_mean_and_sd_of_drawing_with_replacement():
    x = np.exp(np.random.Generator(np.random.Philox(key=2)).normal(size=20))
    ks = np.array([1, 5, 20])
    mean, sd = curves.bootstrap(x, ks, minimize=True, rng=philox("test"))
    rank, ordered = np.arange(1, 21), np.sort(x)
    weights = ((21 - rank) / 20) ** ks[:, None] - ((20 - rank) / 20) ** ks[:, None]
    exact = weights @ ordered
    exact_sd = np.sqrt((weights * (ordered - exact[:, None]) ** 2).sum(axis=1))
    np.testing.assert_allclose(mean, exact, atol=float(4 * exact_sd.max() / np.sqrt(5000)))
    np.testing.assert_allclose(sd, exact_sd, rtol=0.15)


def test_bootstrap_uses_the_generator_it_is_given():
    same = [curves.bootstrap(SCORES, KS, minimize=True, rng=philox("a"))[0] for _ in range(2)]
    other = curves.bootstrap(SCORES, KS, minimize=True, rng=philox("b"))[0]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.array_equal(same[0], other)


def test_the_default_counts_in_the_study_s_form_only():
    made = results({"a": [Run(0, [0.5]), Run(1, [2.0]), Run(2, [4.0])]})
    curve = curve_of(made)
    assert curve["n"].iloc[0] == 2
    assert curve["n_study"].iloc[0] == 3
    assert curve.loc[1, "median"] == 2.0
    assert curve.loc[1, "u_mean"] == pytest.approx(3.0)
    assert curve.loc[2, "u_mean"] == pytest.approx(2.0)
    assert np.isnan(curve.loc[3, "u_mean"])
    assert curve.loc[3, "study_mean"] < 1.5
    assert curve["best_so_far"].tolist() == [0.5, 0.5, 0.5]


def test_diverged_is_infinite_in_the_median_and_the_ceiling_in_means():
    runs = [Run(i, [v]) for i, v in enumerate([1.0, 3.0, None, 50.0])]
    made = results({"a": runs}, default=None, baselines={"untrained": 10.0})
    curve = curve_of(made)
    assert curve.loc[1, "median"] == 3.0
    # Winsorised at the ceiling: 1, 3, 10, 10; in the study's form only the diverged run is replaced.
    assert curve.loc[1, "u_mean"] == pytest.approx(6.0)
    assert curve.loc[1, "v_mean"] == pytest.approx(6.0)
    assert curve.loc[1, "study_mean"] == pytest.approx((1 + 3 + 10 + 50) / 4, rel=0.05)


def test_most_diverged_has_an_infinite_median():
    made = results({"a": [Run(i, [v]) for i, v in enumerate([None, None, 1.0])]}, default=None)
    assert np.isinf(curve_of(made).loc[1, "median"])


def test_shares_are_maximised_and_diverged_is_zero():
    runs = [Run(i, [v]) for i, v in enumerate([0.2, 0.8, None])]
    made = results({"a": runs}, metric="f1_toy", direction="max", default=None, baselines={"untrained": 0.1})
    curve = curve_of(made)
    assert curve.loc[1, "median"] == 0.2
    assert curve.loc[3, "median"] == 0.8
    assert curve.loc[1, "u_mean"] == pytest.approx((0.2 + 0.8 + 0.1) / 3)
    assert curve["best_so_far"].tolist() == [0.2, 0.8, 0.8]


def test_curves_stop_where_they_stop_meaning_something():
    rng = np.random.Generator(np.random.Philox(key=9))
    runs = [Run(i, [v]) for i, v in enumerate(np.exp(rng.normal(size=24)).tolist())]
    curve = curve_of(results({"a": runs}, default=None))
    assert curve.index[curve["line"] == "solid"].tolist() == [1, 2, 3, 4, 5, 6]
    assert curve.index[curve["line"] == "dotted"].tolist() == [7, 8, 9, 10, 11, 12]
    assert curve.index[curve["band"] == "two-sided"].tolist() == [1, 2]
    assert (curve.loc[3:12, "band"] == "one-sided").all()
    assert (curve.loc[13:, "band"] == "none").all()
    assert ((curve["lower"] <= curve["median"]) & (curve["median"] <= curve["upper"])).all()


@pytest.mark.parametrize(
    "sampler", ["tpe", "gp", "grid", "qmc", {"_target_": "optuna.samplers.TPESampler"}, {"name": "qmc"}]
)
def test_draws_that_depend_on_each_other_get_no_curve(sampler):
    runs = [Run(i, [v]) for i, v in enumerate([3.0, 1.0, 2.0])]
    curve = curve_of(results({"a": runs}, search={"sampler": sampler}))
    for column in ("median", "lower", "upper", "u_mean", "v_mean", "study_mean", "study_sd"):
        assert curve[column].isna().all()
    assert set(curve["line"]) == set(curve["band"]) == {"none"}
    assert curve["best_so_far"].tolist() == [3.0, 1.0, 1.0]


@pytest.mark.parametrize("sampler", ["random", "replay", {"_target_": "ganbench.search.HashedSampler"}])
def test_independent_draws_get_theirs(sampler):
    runs = [Run(i, [v]) for i, v in enumerate([3.0, 1.0, 2.0])]
    assert curve_of(results({"a": runs}, search={"sampler": sampler}))["median"].notna().any()


@pytest.mark.parametrize(
    ("target", "independent"),
    [
        ("ganbench.search.HashedSampler", True),
        ("optuna.samplers.RandomSampler", True),
        ("ganbench.search.Replay", True),
        ("optuna.samplers.QMCSampler", False),
        ("mine.HashedSampler", False),
        ("mine.Sobol", False),
    ],
)
def test_a_sampler_is_judged_by_its_class_whatever_its_file_is_called(target: str, *, independent: bool):
    variants = [{"choices": {"model": "a"}, "config": {"sampler": {"_target_": target}}}]
    for name in ("hashed", "mine"):
        made = results({"a": [Run(0, [1.0])]}, search={"sampler": name}, variants=variants)
        assert curves.independent_draws(made) is independent


def test_a_sampler_that_learns_is_refused_under_any_name():
    runs = [Run(i, [v]) for i, v in enumerate([3.0, 1.0, 2.0])]
    variants = [
        {"choices": {"model": "a"}, "config": {"sampler": {"_target_": "ganbench.search.HashedSampler"}}}
    ]
    made = results({"a": runs}, search={"sampler": "hashed"}, variants=variants, adaptive=True)
    assert not curves.independent_draws(made)
    assert curve_of(made)["median"].isna().all()


def test_reruns_do_not_enter_the_curves():
    made = results({"a": [Run(0, [3.0]), Run(1, [2.0]), Run(1, [0.1], "rerun", 7)]})
    assert curve_of(made)["n_study"].tolist() == [2, 2]
    assert curve_of(made)["best_so_far"].min() == 2.0


def test_large_searches_are_thinned_but_end_at_all():
    ks = curves.budgets(5000)
    assert ks[:100].tolist() == list(range(1, 101))
    assert ks[-1] == 5000
    assert len(ks) <= 200
    assert np.all(np.diff(ks) > 0)


@pytest.mark.parametrize("n", [4, 5, 24, 100])
def test_medians_are_mirrored_and_those_that_ranks_use(n: int) -> None:
    scores, ks = philox("mirror").permutation(np.arange(1.0, n + 1)), np.array([1, 2, 3])
    down = curves.median_curve(scores, ks, minimize=True)
    up = curves.median_curve(-scores, ks, minimize=False)
    np.testing.assert_array_equal(up, -down)
    np.testing.assert_array_equal(down, curves.median_best(scores, np.ones((n, 1)), ks.tolist())[:, 0])


def test_one_draw_has_no_band() -> None:
    band = curves.mean_band(np.ones(1), np.array([1]), minimize=True, level=0.95, rng=philox("one"))
    assert np.isnan(band).all()
