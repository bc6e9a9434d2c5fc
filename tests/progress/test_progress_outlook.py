from __future__ import annotations

from collections import Counter

import pytest

from ganbench.progress.outlook import HOUR_S, Rate, assumptions, costs, eta, left, rate
from ganbench.store.census import Count, End, Group

A, B = ("a", "ring"), ("b", "ring")


def counted(ends: list[End] = [], running: int = 0, **groups: Group) -> Count:  # noqa: B006
    named = {(name[0], "ring", "rerun" if name.endswith("r") else "search"): g for name, g in groups.items()}
    return Count(("model", "dataset"), named, Counter(running=running), Counter(), 0.0, ends)


def test_a_rate_is_of_the_last_hour() -> None:
    now = 10 * HOUR_S
    ends = [
        End(now - 1.5 * HOUR_S, 100, 60.0),
        *(End(now - minutes * 60, 8, 60.0) for minutes in (50, 30, 10)),
    ]
    assert rate(counted(ends), now) == Rate(24, HOUR_S)
    assert rate(counted(ends), now).per_hour == 24.0


def test_a_young_sweep_has_a_rate_since_its_start() -> None:
    ends = [End(1000.0, 8, 100.0), End(1100.0, 8, 100.0)]
    assert rate(counted(ends), 1200.0) == Rate(16, 300.0)  # from 900, when the first pack began


def test_where_packs_take_hours_the_rate_looks_back_to_a_few_of_them() -> None:
    now = 100 * HOUR_S
    ends = [End(now - hours * HOUR_S, 8, 10 * HOUR_S) for hours in (2, 7, 12, 17, 22, 27)]
    found = rate(counted(ends, running=1), now)
    assert found == Rate(4 * 8, 22 * HOUR_S)  # from the end of the fifth last to now
    assert rate(counted(ends), now).trials == 0  # nothing runs: nothing ended in the last hour


def test_without_an_end_there_is_no_rate() -> None:
    assert rate(counted(), 1000.0).per_hour is None


def test_a_trial_costs_what_its_variants_finished_ones_did() -> None:
    count = counted(a=Group(trained=4, seconds=40.0), ar=Group(), b=Group(trained=2, seconds=60.0))
    found = costs(count, {A: 100, B: 100})
    assert found == {(*A, "search"): 10.0, (*A, "rerun"): 10.0, (*B, "search"): 30.0, (*B, "rerun"): 30.0}


def test_a_variant_nobody_finished_costs_what_others_do_per_step() -> None:
    count = counted(a=Group(trained=4, seconds=40.0), b=Group())
    assert costs(count, {A: 100, B: 300})[*B, "search"] == pytest.approx(30.0)
    assert costs(counted(a=Group()), {A: 100}) == {}


def test_what_is_left_counts_what_running_packs_have_done() -> None:
    group = Group(left=3, running=[(2, 5.0), (2, 50.0)])
    assert left(group, to_come=4, cost=10.0) == 15.0 + 0.0 + 30.0 + 40.0


def test_the_end_is_as_far_as_the_slots_that_run_now_take_it() -> None:
    assert eta(100.0, 4) == 25.0
    assert eta(100.0, 0) is None
    assert eta(None, 4) is None


def test_assumptions_say_what_is_assumed() -> None:
    said = assumptions(counted(running=3), 12)
    assert "3 packs that run now" in said
    assert "12 trials that are not planned yet" in said
    assert "run now" not in assumptions(counted(), 0)
