"""The coverage study's truths, against closed forms."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm


@pytest.fixture(scope="module")
def study():
    path = Path(__file__).resolve().parents[2] / "tools" / "coverage_study.py"
    spec = importlib.util.spec_from_file_location("coverage_study", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def test_the_mean_of_winsorised_log_normal_scores(study):
    c = np.log(10.0)
    expected = np.exp(0.5) * norm.cdf(c - 1) + 10 * norm.sf(c)
    assert study.PLAIN.mean_best(np.array([1]))[0] == pytest.approx(expected, rel=1e-6)
    assert study.DIVERGING.mean_best(np.array([1]))[0] == pytest.approx(0.8 * expected + 2, rel=1e-6)


def test_the_median_best_counts_diverged(study):
    found = study.DIVERGING.median_best(np.array([1, 3]))
    np.testing.assert_allclose(found, np.exp(norm.ppf((1 - 0.5 ** (1 / np.array([1, 3]))) / 0.8)))
    assert study.Law("", 0.0, 1.0, 0.6).median_best(np.array([1]))[0] == np.inf


def test_the_truth_of_pairs(study):
    shifted = study.PAIRS["shifted"]
    assert study.beats(*shifted, 1) == pytest.approx(norm.cdf(0.7 / np.sqrt(2)), abs=1e-5)
    for k in (1, 7):
        assert study.beats(study.DIVERGING, study.DIVERGING, k) == pytest.approx(0.5, abs=1e-5)
    often = study.PAIRS["better, but often diverged"][0]
    rng = np.random.Generator(np.random.Philox(key=1))
    a, b = (law.draw(600_000, rng).reshape(-1, 3).min(axis=1) for law in (often, study.DIVERGING))
    simulated = np.mean((a < b) + 0.5 * (a == b))
    assert study.beats(often, study.DIVERGING, 3) == pytest.approx(simulated, abs=0.005)


def test_what_is_measured_is_written(study):
    names, check = study.duels(study.PAIRS["equal"], 20, bootstrap=True)
    coverage = study.measure(check, ("t",), 5)
    assert names == ["k = 1", "k = 5"]
    assert ((coverage >= 0) & (coverage <= 1)).all()
    rows = {"statistic": "s", "law": "l", "n": 20, "where": names, "coverage": [0.95, 0.9], "repeats": 5}
    assert study.table(pd.DataFrame(rows)).endswith("| s | l | 20 | 5 | k = 1: 0.950, k = 5: 0.900 |\n")
