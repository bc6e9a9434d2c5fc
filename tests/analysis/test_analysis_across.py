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
    found = replace(
        found,
        **{
            k: getattr(found, k).assign(trial_id=name + getattr(found, k)["trial_id"])
            for k in ("trials", "scores")
        },
    )
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
    assert set(found["drawn"]) == {"apart"}


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
    assert set(found["drawn"]) == {"together"}
    exact = Duel(np.array(GOOD), np.array(slightly), paired=True).judge(5, 5)
    row = found.loc[5]
    assert (row["share"], row["lower"], row["upper"], row["p"]) == (
        exact.share,
        exact.lower,
        exact.upper,
        exact.p,
    )
    apart = between(one, made("two", rates[::-1], a=slightly)).set_index("k")
    assert set(apart["drawn"]) == {"apart"}
    assert apart.loc[5, "upper"] - apart.loc[5, "lower"] > 1.5 * (row["upper"] - row["lower"])


def test_a_longer_search_of_the_same_settings_is_paired_as_far_as_both_go():
    rates = [float(i) for i in range(30)]
    found = between(made("one", rates[:20], a=GOOD[:20]), made("two", rates, a=BAD))
    assert set(found["drawn"]) == {"together"}
    short = between(made("one", rates[:20], a=GOOD[:20]), made("two", rates[:20], a=BAD[:20]))
    pd.testing.assert_frame_equal(found, short)  # sizes and the reach of k too


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
    assert set(between(one, two)["drawn"]) == {"apart"}


def test_parameters_of_other_models_do_not_tell_settings_apart():
    rates = [float(i) for i in range(30)]
    one = made("one", rates, a=GOOD)
    two = made("two", rates, a=BAD, b=BAD)
    clip = np.where(two.trials["model"] == "b", 0.1, np.nan)
    two = replace(two, trials=two.trials.assign(**{"model.clip": clip}))
    found = between(one, two).groupby("b")["drawn"].first()
    assert found.to_dict() == {"a of two": "together", "b of two": "apart"}


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
    two = replace(two, scores=two.scores[~two.scores["trial_id"].str.startswith("twob")])
    found = between(made("one", a=GOOD), two).set_index(["b", "k"])
    assert np.isnan(found.loc[("b of two", 1), "share"])
    assert found.loc[("b of two", 1), ["n_a", "n_b"]].tolist() == [30, 0]
    assert found.loc[("a of two", 1), "verdict"] == "a of one"


def test_draws_that_are_not_independent_are_refused_by_name():
    tuned = replace(made("two", a=BAD), definition={**made("two", a=BAD).definition, "adaptive": True})
    with pytest.raises(StatisticsError, match="'two'"):
        between(made("one", a=GOOD), tuned)


def drawn_by(sweep: Results, seed: int, *, shared: bool = False, sampler: str = "hashed") -> Results:
    """Say by what random numbers a sweep's settings were drawn."""
    search = {"sampler": sampler, "sampler_seed": seed, "shared": shared}
    choices = [{"model": model, "dataset": "toy"} for model in sweep.variants]
    variants = [{"choices": c, "search_key": f"model={c['model']}", "config": {}} for c in choices]
    return replace(sweep, definition={**sweep.definition, "search": search, "variants": variants})


@pytest.mark.parametrize(
    ("one", "two", "drawn"),
    [
        ({"seed": 0}, {"seed": 0}, "together"),
        ({"seed": 0}, {"seed": 1}, "apart"),
        ({"seed": 0}, {"seed": 0, "sampler": "random"}, "apart"),
        ({"seed": 0}, {"seed": 0, "shared": True}, "apart"),
        ({"seed": 0, "shared": True}, {"seed": 0, "shared": True}, "together"),
    ],
)
def test_other_ranges_with_the_same_random_numbers_are_drawn_together(one, two, drawn: str):
    wide, narrow = made("wide", [*map(float, range(30))], a=GOOD), made("narrow", [0.1] * 30, a=BAD)
    found = between(drawn_by(wide, **one), drawn_by(narrow, **two))
    assert set(found["drawn"]) == {drawn}


def test_other_models_are_drawn_together_only_where_their_searches_share_draws():
    one, two = made("one", a=GOOD), made("two", c=BAD)
    assert set(between(drawn_by(one, 0), drawn_by(two, 0))["drawn"]) == {"apart"}
    found = between(*(drawn_by(sweep, 0, shared=True) for sweep in (one, two)))
    assert set(found["drawn"]) == {"together"}


def test_the_same_runs_are_not_compared():
    one = made("one", a=GOOD, b=GOOD)
    two = replace(one, name="two")
    found = between(one, two)
    assert set(found["drawn"]) == {"the same runs"}
    assert found[["share", "p", "p_holm"]].isna().all(axis=None)
    assert not found["alike"].any()


def test_seeds_of_one_setting_are_no_pairs():
    rates = [float(i) for i in range(30)]
    one, two = made("one", rates, a=GOOD), made("two", rates, a=BAD)
    repeated = two.trials.assign(index=two.trials["index"] // 2)
    found = between(one, replace(two, trials=repeated))
    assert set(found["drawn"]) == {"apart"}


def test_words_among_the_parameters_of_which_a_sweep_tried_fewer():
    def with_words(name: str, words: list[str], scores: list[float]) -> Results:
        sweep = made(name, a=scores)
        trials = sweep.trials.assign(**{"model.norm": pd.Categorical(words * 15)})
        return replace(sweep, trials=trials.astype({"trial_id": "category"}))  # as a store has them

    one, two = with_words("one", ["batch", "layer"], GOOD), with_words("two", ["batch", "batch"], BAD)
    assert set(between(one, two)["drawn"]) == {"apart"}
    assert set(between(one, with_words("two", ["batch", "layer"], BAD))["drawn"]) == {"together"}


def test_diverged_is_equal_to_diverged_of_a_sweep_that_saw_scores_below_zero():
    def maximised(name: str, scores: Sequence[float | None]) -> Results:
        runs = {"a": [Run(i, [score]) for i, score in enumerate(scores, 1)]}
        return replace(results(runs, metric="gain_toy", direction="max"), name=name)

    one, two = maximised("one", [None] * 10), maximised("two", [*[-0.5] * 5, *[None] * 5])
    two.trials["trial_id"] = "x" + two.trials["trial_id"]
    two.scores["trial_id"] = "x" + two.scores["trial_id"]
    searches = [(sweep, outcomes(sweep)) for sweep in (one, two)]
    found = across(searches, "toy", one.metric("toy", "gain_toy")).set_index("k")
    assert found.loc[1, "share"] == pytest.approx(0.25)  # ties with half, loses to what is finite
