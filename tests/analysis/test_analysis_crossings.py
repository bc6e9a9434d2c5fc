"""Crossing budgets: by scanning, by hand, and when they are not reached."""

from __future__ import annotations

import numpy as np
import pytest
from boards import board

from ganbench.analysis.crossings import crossings
from ganbench.analysis.duel import Duel
from ganbench.analysis.selection import outcomes

RNG = np.random.Generator(np.random.Philox(key=21))
GOOD, BAD = np.exp(RNG.normal(size=(2, 80)))
WIDE = np.exp(2.0 * RNG.normal(size=80)) * 4.0


def crossed(**variants):
    made = board({"toy": variants})
    return crossings(made, outcomes(made)).set_index("budget")


def test_the_crossing_is_where_scanning_finds_it():
    rows = crossed(a=GOOD, b=WIDE)
    for budget, row in rows.iterrows():
        better, worse = (GOOD, WIDE) if row["better"] == "a" else (WIDE, GOOD)
        assert Duel(better, worse).share(budget, budget) == pytest.approx(row["share"])
        assert row["share"] >= 0.5
        shares = [Duel(worse, better).share(k, budget) for k in range(1, 41)]
        assert row["k"] == next((k for k, share in enumerate(shares, 1) if share >= 0.5), np.inf)
        found = [Duel(worse, better).judge(k, budget) for k in range(1, 21)]
        assert row["lower"] == next((k for k, f in enumerate(found, 1) if f.upper >= 0.5), 21)
        assert row["upper"] == next((k for k, f in enumerate(found, 1) if f.lower >= 0.5), np.inf)
        assert row["lower"] <= row["k"] <= row["upper"]
    assert 1 < rows.loc[1, "k"] < np.inf


def test_equal_models_cross_at_the_budget_itself():
    rows = crossed(a=GOOD, b=GOOD)
    assert rows["k"].tolist() == [1.0, 5.0, 10.0]
    assert (rows["lower"] <= rows.index).all()
    assert (rows["upper"] > rows.index).all()


def test_a_model_that_is_always_worse_never_gets_there():
    row = crossed(a=BAD + 1e6, b=GOOD).loc[1]
    assert (row["better"], row["worse"], row["limit"]) == ("b", "a", 40)
    assert row["k"] == row["upper"] == np.inf
    assert row["lower"] == 21  # all budgets up to a quarter are ruled out


def test_by_hand():
    # The worse wins one try in four against 1: 1 − C(3, k)/C(4, k) is ½ at two tries.
    row = crossed(a=[1.0] * 4, b=[0.0, 2.0, 2.0, 2.0]).loc[1]
    assert (row["better"], row["share"], row["k"]) == ("a", pytest.approx(0.75), 2.0)


def test_budgets_that_half_the_settings_do_not_reach_have_no_row():
    assert crossed(a=GOOD[:12], b=BAD[:12]).index.tolist() == [1, 5]
    assert np.isnan(crossed(a=GOOD[:12], b=BAD[:12]).loc[5, "lower"])
    assert crossed(a=GOOD, b=[]).empty


@pytest.mark.parametrize("swap", [False, True])
def test_the_names_follow_the_models(swap: bool):
    row = (crossed(b=BAD * 9, a=GOOD) if swap else crossed(a=GOOD, b=BAD * 9)).loc[1]
    assert (row["better"], row["worse"]) == ("a", "b")
