"""Verdicts of two searches beside each other, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ganbench.analysis.repeats import repeats

NAMES = ["dataset", "metric", "k", "a", "b", "share", "p", "verdict"]


def search(*rows: tuple[int, str, str, float, float, str]) -> pd.DataFrame:
    """Rows as `comparisons` gives them, of one dataset and metric."""
    return pd.DataFrame([("toy", "fd_toy", *row) for row in rows], columns=NAMES)


FIRST = search(
    (1, "x", "y", 0.9, 0.01, "x"),
    (1, "x", "z", 0.8, 0.01, "x"),
    (1, "y", "z", 0.6, 0.20, "undecided"),
    (5, "x", "y", 0.9, 0.01, "x"),
    (5, "x", "z", np.nan, np.nan, "undecided"),
)


def test_same_reversed_and_undecided_by_hand() -> None:
    second = search(
        (1, "y", "z", 0.4, 0.01, "z"),  # in another order, decided in the second alone, on the other side
        (1, "x", "y", 0.95, 0.01, "x"),
        (1, "x", "z", 0.1, 0.01, "z"),
        (5, "x", "y", 0.5, 0.90, "undecided"),
        (5, "x", "z", 0.7, 0.90, "undecided"),
    )
    found = repeats(FIRST, second).set_index("k")
    assert found.loc[1, ["pairs", "first", "second", "same", "reversed", "side"]].tolist() == [
        3,
        2,
        3,
        1,
        1,
        1,
    ]
    assert found.loc[1, "distance"] == pytest.approx((0.05 + 0.7 + 0.2) / 3)
    assert found.loc[5, ["pairs", "first", "second", "same", "reversed", "side"]].tolist() == [
        1,
        1,
        0,
        0,
        0,
        1,
    ]


def test_the_order_in_which_a_sweep_lists_its_models_does_not_matter() -> None:
    turned = FIRST.assign(a=FIRST["b"], b=FIRST["a"], share=1.0 - FIRST["share"])
    pd.testing.assert_frame_equal(repeats(FIRST, turned), repeats(FIRST, FIRST))


def test_a_search_repeats_itself_and_what_one_lacks_is_left_out() -> None:
    found = repeats(FIRST, FIRST)
    assert (found["first"] == found["same"]).all()
    assert found["distance"].tolist() == [0.0, 0.0]
    assert repeats(FIRST, FIRST[FIRST["a"] == "y"])["pairs"].tolist() == [1]
    assert repeats(FIRST, FIRST.iloc[:0]).empty
