"""The coverage study's truths, against closed forms."""

from __future__ import annotations

import importlib
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import brunnermunzel, mannwhitneyu, norm


@pytest.fixture(scope="module")
def laws():
    return imported("coverage_laws")


@pytest.fixture(scope="module")
def checks():
    return imported("coverage_checks")


@pytest.fixture(scope="module")
def study():
    return imported("coverage_study")


def imported(name):
    """Import a tool as Python does when it runs the script."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).resolve().parents[2] / "tools")
        return importlib.import_module(name)


def test_the_mean_of_winsorised_log_normal_scores(laws):
    c = np.log(10.0)
    expected = np.exp(0.5) * norm.cdf(c - 1) + 10 * norm.sf(c)
    assert laws.PLAIN.mean_best(np.array([1]))[0] == pytest.approx(expected, rel=1e-6)
    assert laws.DIVERGING.mean_best(np.array([1]))[0] == pytest.approx(0.8 * expected + 2, rel=1e-6)


def test_the_median_best_counts_diverged(laws):
    found = laws.DIVERGING.median_best(np.array([1, 3]))
    np.testing.assert_allclose(found, np.exp(norm.ppf((1 - 0.5 ** (1 / np.array([1, 3]))) / 0.8)))
    assert laws.Law("", 0.0, 1.0, 0.6).median_best(np.array([1]))[0] == np.inf


def test_the_truth_of_pairs(laws):
    shifted = laws.PAIRS["shifted"]
    assert laws.beats(*shifted, 1) == pytest.approx(norm.cdf(0.7 / np.sqrt(2)), abs=1e-5)
    for k in (1, 7):
        assert laws.beats(laws.DIVERGING, laws.DIVERGING, k) == pytest.approx(0.5, abs=1e-5)
    often = laws.PAIRS["better, but often diverged"][0]
    rng = np.random.Generator(np.random.Philox(key=1))
    a, b = (law.draw(600_000, rng).reshape(-1, 3).min(axis=1) for law in (often, laws.DIVERGING))
    simulated = np.mean((a < b) + 0.5 * (a == b))
    assert laws.beats(often, laws.DIVERGING, 3) == pytest.approx(simulated, abs=0.005)


def test_fair_pairs_are_fair(laws):
    for a, b, _ in laws.FAIR.values():
        assert laws.beats(a, b, 1) == pytest.approx(0.5, abs=1e-5)
    for a, b in combinations(laws.SPREADS, 2):
        assert laws.beats(a, b, 1) == pytest.approx(0.5, abs=1e-5)


def test_what_is_measured_is_written(study, checks, laws):
    names, check = checks.duels(laws.PAIRS["equal"], 20, bootstrap=True)
    coverage = study.measure(check, ("t",), 5)
    assert names == ["k = 1", "k = 5"]
    assert ((coverage >= 0) & (coverage <= 1)).all()
    rows = {"statistic": "s", "law": "l", "n": 20, "where": names, "coverage": [0.95, 0.9], "repeats": 5}
    assert study.table(pd.DataFrame(rows)).endswith("| s | l | 20 | 5 | k = 1: 0.950, k = 5: 0.900 |\n")


def test_what_a_cost_buys(laws):
    free = laws.Priced(spread=0.0, correlation=0.0)  # each trial costs one
    cost, median, mean = free.best(40)
    bought = np.floor(cost)
    np.testing.assert_allclose(median, np.exp(norm.ppf(1 - 0.5 ** (1 / bought))), rtol=0.05)
    assert mean[0] == pytest.approx(laws.PLAIN.mean_best(np.array([1]))[0], rel=0.03)
    scores, costs = laws.PRICED.draw((100_000,), np.random.Generator(np.random.Philox(key=2)))
    assert np.corrcoef(np.log(scores), np.log(costs))[0, 1] == pytest.approx(-0.5, abs=0.02)


def test_statements_of_scores_that_go_with_the_best(checks, laws):
    one = laws.SHARES.mean_best(np.array([1]))[0]
    np.testing.assert_allclose(one, 0.5, atol=0.002)
    many = laws.SHARES.draw(100_000, np.random.default_rng(1))
    best = np.sort(np.random.default_rng(2).integers(0, len(many), (50_000, 5)), axis=1)[:, 0]
    np.testing.assert_allclose(laws.SHARES.mean_best(np.array([5]))[0], many[best].mean(axis=0), atol=0.005)
    names, check = checks.joint(laws.SHARES, 40)
    assert names == ["k = 1", "k = 5", "k = 10"]
    rng = np.random.Generator(np.random.Philox(key=5))
    assert (np.mean([check(rng) for _ in range(60)], axis=0) > 0.75).all()


def test_statements_of_verdicts(checks, laws):
    rng = np.random.Generator(np.random.Philox(key=4))
    apart = laws.Law("", -1.5, 1.0, 0.0), laws.PLAIN
    for test in (checks.ours, checks.of_scipy(brunnermunzel), checks.of_scipy(mannwhitneyu)):
        names, check = checks.verdicts(apart, 60, 80, test)
        assert names == ["at 0.05", "at 0.05/28"]
        assert not check(rng).any()
        held = np.mean([checks.verdicts((laws.PLAIN, laws.PLAIN), 11, 11, test)[1](rng) for _ in range(40)])
        assert held > 0.85
    for models, name, held in (
        ((laws.PLAIN,) * 8, "28 pairs, k = 1, 5, 10", True),
        ((*apart, *apart), "6 pairs, k = 1", False),
    ):
        names, check = checks.families(models, 60)
        assert names == [name]
        assert check(rng).tolist() == [held]


def test_statements_of_ranks_costs_and_agreement(checks, laws):
    rng = np.random.Generator(np.random.Philox(key=3))
    names, check = checks.places(laws.EIGHT, 20)
    assert names == ["k = 1", "k = 5"]
    assert (np.mean([check(rng) for _ in range(20)], axis=0) > 0.9).all()
    far = tuple(laws.Law("", 9.0 * place, 0.1, 0.0) for place in (1, 0))
    assert checks.places(far, 8)[1](rng).tolist() == [1.0]
    names, check = checks.prices(laws.PRICED, 20)
    assert len(names) == len(check(rng)) == 6
    assert np.mean([check(rng) for _ in range(40)]) > 0.8
    names, check = checks.accords(laws.EIGHT, laws.OTHERS, 20)
    assert names == ["spearman of runs", "kendall of runs", "spearman of models", "kendall of models"]
    assert np.mean([check(rng) for _ in range(20)]) > 0.85
