"""P(A beats B) between sweeps: against comparisons within one, and who meets whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic import Run, results

from ganbench.analysis.across import Search, across, opponents
from ganbench.analysis.comparisons import COLUMNS, comparisons
from ganbench.analysis.draws import StatisticsError
from ganbench.analysis.duel import Duel
from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes

GOOD = [float(x) for x in range(1, 31)]
BAD = [x + 19.5 for x in GOOD]
NUMBERS = [name for name in COLUMNS if name not in ("dataset", "metric", "a", "b", "line")]


def made(name: str, lr: Sequence[float] | None = None, /, **models: Sequence[float | None]) -> Results:
    """Make a sweep of settings 1 … n a model, each with one score; their learning rates are all that they have."""
    runs = {m: [Run(i, [score]) for i, score in enumerate(ours, 1)] for m, ours in models.items()}
    found = replace(results(runs), name=name)
    if lr is None:
        return found
    return replace(found, trials=found.trials.assign(**{"model.lr": [*lr] * len(models)}))


def between(*sweeps: Results) -> pd.DataFrame:
    searches: list[Search] = [(sweep, outcomes(sweep)) for sweep in sweeps]
    return across(searches, "toy", sweeps[0].metric("toy", "fd_toy"))


def test_who_meets():
    assert opponents(["a", "b"], ["b", "a"]) == [("a", "a"), ("b", "b")]
    assert opponents(["a", "b"], ["b", "c"]) == [("a", "b"), ("a", "c"), ("b", "b"), ("b", "c")]
    assert opponents(["a"], ["c", "d"]) == [("a", "c"), ("a", "d")]


def test_two_sweeps_are_compared_as_two_models_of_one():
    scores = {"one": [*GOOD[:-1], None], "two": BAD[:20]}
    both = made("both", **scores)
    within = comparisons(both, outcomes(both))
    found = between(made("one", a=scores["one"]), made("two", a=scores["two"]))
    assert found["a"].unique().tolist() == ["a of one"]
    assert found["b"].unique().tolist() == ["a of two"]
    pd.testing.assert_frame_equal(found[[*NUMBERS, "p_holm", "alike"]], within[[*NUMBERS, "p_holm", "alike"]])
    assert found["verdict"].tolist() == within["verdict"].replace({"one": "a of one"}).tolist()
    assert found.loc[found["k"] == 1, "verdict"].item() == "a of one"
    assert not found["paired"].any()


def test_turned_round_the_other_wins():
    ab, ba = (
        between(made("one", a=GOOD), made("two", a=BAD)),
        between(made("two", a=BAD), made("one", a=GOOD)),
    )
    np.testing.assert_allclose(ab["share"], 1.0 - ba["share"])
    assert ab["verdict"].tolist() == ba["verdict"].tolist()


def test_the_same_settings_are_compared_one_by_one():
    rates = [float(i) for i in range(30)]
    slightly = [score + 0.5 for score in GOOD]  # worse at every setting, by less than settings differ
    one, two = made("one", rates, a=GOOD), made("two", rates, a=slightly)
    found = between(one, two).set_index("k")
    assert found["paired"].all()
    exact = Duel(np.array(GOOD), np.array(slightly), paired=True).judge(5, 5)
    row = found.loc[5]
    assert (row["share"], row["lower"], row["upper"], row["p"]) == (
        exact.share,
        exact.lower,
        exact.upper,
        exact.p,
    )
    apart = between(one, made("two", rates[::-1], a=slightly)).set_index("k")
    assert not apart["paired"].any()
    assert apart.loc[5, "upper"] - apart.loc[5, "lower"] > 1.5 * (row["upper"] - row["lower"])


def test_a_longer_search_of_the_same_settings_is_paired_as_far_as_both_go():
    rates = [float(i) for i in range(30)]
    found = between(made("one", rates[:20], a=GOOD[:20]), made("two", rates, a=BAD))
    assert found["paired"].all()
    short = between(made("one", rates[:20], a=GOOD[:20]), made("two", rates[:20], a=BAD[:20]))
    assert found["share"].tolist() == short["share"].tolist()


@pytest.mark.parametrize("other", ["value", "name", "none"])
def test_settings_are_the_same_only_if_nothing_differs(other: str):
    rates = [float(i) for i in range(30)]
    one, two = made("one", rates, a=GOOD), made("two", rates, a=BAD)
    if other == "value":
        two.trials.loc[7, "model.lr"] = 0.5
    elif other == "name":
        two = replace(two, trials=two.trials.rename(columns={"model.lr": "model.g_lr"}))
    else:
        one, two = made("one", a=GOOD), made("two", a=BAD)
    assert not between(one, two)["paired"].any()


def test_parameters_of_other_models_do_not_tell_settings_apart():
    rates = [float(i) for i in range(30)]
    one = made("one", rates, a=GOOD)
    two = made("two", rates, a=BAD, b=BAD)
    clip = np.where(two.trials["model"] == "b", 0.1, np.nan)
    two = replace(two, trials=two.trials.assign(**{"model.clip": clip}))
    found = between(one, two).groupby("b")["paired"].all()
    assert found.to_dict() == {"a of two": True, "b of two": False}


def test_holm_counts_every_pair_of_every_two_sweeps():
    one, two, three = made("one", a=GOOD), made("two", a=BAD), made("three", a=BAD)
    found = between(one, two, three)
    assert found[["a", "b"]].drop_duplicates().to_numpy().tolist() == [
        ["a of one", "a of two"],
        ["a of one", "a of three"],
        ["a of two", "a of three"],
    ]
    tested = found["p"].notna().sum()
    least = found["p"].idxmin()
    assert found.loc[least, "p_holm"] == pytest.approx(tested * found.loc[least, "p"])


def test_a_model_without_draws_has_rows_without_numbers():
    two = made("two", a=BAD, b=BAD)
    two = replace(two, scores=two.scores[~two.scores["trial_id"].str.startswith("b")])
    found = between(made("one", a=GOOD), two).set_index(["b", "k"])
    assert np.isnan(found.loc[("b of two", 1), "share"])
    assert found.loc[("b of two", 1), ["n_a", "n_b"]].tolist() == [30, 0]
    assert found.loc[("a of two", 1), "verdict"] == "a of one"


def test_draws_that_are_not_independent_are_refused_by_name():
    tuned = replace(made("two", a=BAD), definition={**made("two", a=BAD).definition, "adaptive": True})
    with pytest.raises(StatisticsError, match="'two'"):
        between(made("one", a=GOOD), tuned)
