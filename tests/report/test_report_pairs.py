"""Pairs, crossings and ranks as cells, and what is said of metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ganbench.analysis.results import Metric
from ganbench.report.pairs import crossing_rows, matrix, pair_rows, rank_rows, with_verdicts
from ganbench.report.words import metric_name, power

COLUMNS = ["k", "a", "b", "share", "lower", "upper", "verdict", "alike"]
PAIRS = pd.DataFrame(
    [
        (1, "x", "y", 0.75, 0.6, 0.9, "x", True),
        (5, "x", "y", 0.9, 0.5, 1.0, "undecided", True),
        (10, "x", "y", 1.0, np.nan, np.nan, "undecided", False),
        (1, "x", "z", np.nan, np.nan, np.nan, "undecided", False),
    ],
    columns=COLUMNS,
)


def test_a_matrix_is_filled_on_both_sides():
    shares, decided = matrix(PAIRS[PAIRS["k"] == 1], ["x", "y", "z"])
    np.testing.assert_allclose(shares, [[np.nan, 0.75, np.nan], [0.25, np.nan, np.nan], [np.nan] * 3])
    assert decided.tolist() == [[False, True, False], [True, False, False], [False] * 3]


def test_pairs_by_hand():
    assert pair_rows(PAIRS) == [
        ("x", "y", "0.75 [0.60, 0.90]", "0.90 [0.50, 1.00]", "1.00", "x (k = 1)", "k = 1, 5"),
        ("x", "z", "—", "—", "—", "undecided", "—"),
    ]


def test_crossings_by_hand():
    names = ["budget", "better", "worse", "k", "lower", "upper", "limit"]
    rows = [
        (1, "y", "x", 3, 2, np.inf, 20),
        (5, "y", "x", np.inf, 11, np.inf, 20),
        (1, "y", "z", 4, np.nan, np.nan, 20),
    ]
    frame = with_verdicts(pd.DataFrame(rows, columns=names), PAIRS)
    assert frame["verdict"].tolist() == ["x", "undecided", "undecided"]  # y against z was never compared
    assert crossing_rows(frame) == [("y", "x", "3 [2, ∞]", "> 20 [11, ∞]†"), ("y", "z", "4†", "—")]


def test_ranks_by_hand():
    names = ["variant", "k", "rank", "lower", "upper", "first"]
    rows = [("x", 1, 1.5, 1, 2, 0.625), ("y", 1, np.nan, np.nan, np.nan, np.nan)]
    assert rank_rows(pd.DataFrame(rows, columns=names)) == [("x", "1.5 [1, 2]", "62 %"), ("y", "—", "—")]


@pytest.mark.parametrize(
    ("bare", "space", "at", "said"),
    [
        ("fd_inf", "lenet28", "", "FD∞ (lenet28)"),
        ("fd_diag", "lenet28", "", "FD, diagonal (lenet28)"),
        ("nn1", "lenet28", "", "1-NN accuracy (lenet28)"),
        ("recall", "polygons", "3", "recall (polygons, δ = 3, lower bound)"),
        ("precision", "polygons", "3", "precision (polygons, δ = 3)"),
        ("recall", "lenet28", "", "recall (lenet28)"),
        ("kid", "lenet28", "", "KID (lenet28)"),
        ("modes", "ring", "", "modes (ring)"),
    ],
)
def test_metrics_are_written_with_their_signs(bare: str, space: str, at: str, said: str):
    assert metric_name(Metric(f"{bare}_{space}", bare, space, at, "min")) == said


@pytest.mark.parametrize(
    ("value", "said"), [(5e-5, "5e-5"), (2e-4, "0.0002"), (1e5, "1e5"), (0.0, "0"), (150, "150")]
)
def test_powers(value: float, said: str):
    assert power(value) == said
