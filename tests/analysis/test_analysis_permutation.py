"""The permutation test of ½ against every dealing of the labels, and on laws of which ½ is the truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from boards import board

from ganbench.analysis.comparisons import comparisons
from ganbench.analysis.duel import Duel, on_logit
from ganbench.analysis.permutation import _dealt, permutation_p
from ganbench.analysis.selection import outcomes


def statistic(a, b):
    """Return |T| of the jackknife's variance."""
    duel = Duel(a, b)
    centre, error = on_logit(duel.share(1, 1), duel._variance(1, 1)[0], len(a) * len(b))
    return abs(centre) / error


def dealings(a, b):
    """Return |T| of every dealing of the labels."""
    pooled = np.concatenate([a, b])
    places = set(range(len(pooled)))
    return np.array(
        [
            statistic(pooled[list(ours)], pooled[sorted(places - set(ours))])
            for ours in combinations(sorted(places), len(a))
        ]
    )


def distinct(values):
    found = np.sort(values)
    return found[np.diff(found, prepend=-1.0) > 1e-9]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0, 2.0, 3.0, 5.0, 9.0], [4.0, 6.0, 7.0, 8.0, 10.0]),
        ([1.0, 1.0, 2.0, 7.0, np.inf], [2.0, 3.0, 3.0, 4.0, 5.0, np.inf]),
        ([2.0, 3.0, 4.0, 8.0, 9.0, 9.5], [1.0, 5.0, 6.0, 7.0]),
    ],
)
def test_it_is_the_share_of_all_dealings_that_are_as_far_from_half(a, b):
    a, b = np.array(a), np.array(b)
    every = dealings(a, b)
    expected = np.mean(every >= statistic(a, b) - 1e-9)
    assert 0.1 < expected < 0.9  # above the floor, so that the dealings decide
    assert permutation_p(a, b) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 19_999))
    sizes = np.unique(np.concatenate([a, b]), return_counts=True)[1]
    dealt = _dealt(min(len(a), len(b)), tuple(sizes.tolist()))
    # At most 462 dealings: all of them are among the 19 999.
    np.testing.assert_allclose(distinct(dealt), distinct(every), atol=1e-9)


def test_it_sees_order_alone_and_neither_side():
    rng = np.random.Generator(np.random.Philox(key=5))
    a, b = rng.normal(size=12), rng.normal(size=9) + 1.6
    p = permutation_p(a, b)
    assert 0.01 < p < 0.5
    assert permutation_p(rng.permutation(a), b) == p
    assert permutation_p(np.exp(a), np.exp(b)) == p
    assert permutation_p(b, a) == p
    _dealt.cache_clear()
    assert permutation_p(a, b) == p


@pytest.mark.parametrize(("n", "least"), [(5, 2**-4), (7, 2**-6), (11, 2**-10)])
def test_separation_proves_no_more_than_half_a_law_on_each_side_allows(n: int, least: float):
    assert permutation_p(np.arange(n) + 0.0, np.arange(n) + 99.0) == least
    assert permutation_p(np.arange(30.0) + 99.0, np.arange(n) + 0.0) == least


def test_where_all_are_equal_there_is_no_difference():
    assert permutation_p(np.full(11, np.inf), np.full(11, np.inf)) == 1.0


LAWS = {
    "equal": lambda rng: (rng.normal(size=11), rng.normal(size=11)),
    "narrow against wide": lambda rng: (0.1 * rng.normal(size=11), rng.normal(size=11)),
    "skewed": lambda rng: (rng.exponential(size=11) - np.log(2), 0.3 * rng.normal(size=11)),
    "half on each side": lambda rng: (rng.choice([-9.0, 9.0], 11) + rng.random(11), rng.random(11)),
    "narrow few against wide many": lambda rng: (0.1 * rng.normal(size=11), rng.normal(size=22)),
    "wide few against narrow many": lambda rng: (rng.normal(size=11), 0.1 * rng.normal(size=22)),
    "ties": lambda rng: (rng.integers(0, 3, 11) * 1.0, rng.integers(0, 3, 11) * 1.0),
}


@pytest.mark.parametrize("name", LAWS)
def test_of_laws_with_a_half_it_rejects_as_often_as_it_says(name: str):
    rng = np.random.Generator(np.random.Philox(key=6))
    p = np.array([permutation_p(*LAWS[name](rng)) for _ in range(10_000)])
    for level in (0.05, 0.05 / 28):
        error = np.sqrt(level * (1 - level) / 10_000)
        assert np.mean(p <= level) <= 1.4 * level + 3 * error
    assert np.mean(p <= 0.5) > 0.3


def verdicts(first, second, **kwargs):
    made = board({"toy": {"a": first, "b": second}}, **kwargs)
    return comparisons(made, outcomes(made)).set_index("k")


def test_eleven_settings_can_decide_among_eight_models():
    apart = {name: np.arange(11) + 100.0 * i for i, name in enumerate("abcdefgh")}
    made = board({"toy": apart})
    rows = comparisons(made, outcomes(made)).set_index("k")
    assert (rows.loc[1, "verdict"] == rows.loc[1, "a"]).all()
    assert (rows.loc[5, "verdict"] == "undecided").all()
    fewer = board({"toy": {name: found[:10] for name, found in apart.items()}})
    assert (comparisons(fewer, outcomes(fewer))["verdict"] == "undecided").all()


def test_many_settings_larger_budgets_and_paired_draws_keep_student_s_t():
    rng = np.random.Generator(np.random.Philox(key=7))
    a, b = np.exp(rng.normal(size=(2, 31)))
    assert verdicts(a[:30], b).loc[1, "p"] == Duel(a[:30], b).judge(1, 1).p
    assert verdicts(a[:30], b[:30]).loc[1, "p"] == permutation_p(a[:30], b[:30])
    assert verdicts(a[:30], b[:30]).loc[5, "p"] == Duel(a[:30], b[:30]).judge(5, 5).p
    paired = Duel(a[:30], b[:30], paired=True).judge(1, 1).p
    apart = np.arange(11.0), np.arange(60.0) + 99.0
    assert Duel(*apart).judge(1, 1).p < verdicts(*apart).loc[1, "p"] == 2**-10
    assert verdicts(a[:30], b[:30], search={"shared": True}).loc[1, "p"] == paired
