from __future__ import annotations

from typing import Any

import pytest

from ganbench.pilot.findings import best_of
from ganbench.pilot.projection import Projection, best_pack, disk, pack_seconds, project, time_limit, works
from ganbench.pilot.run import Timing, sizes_up_to

CHOICES = {"model": "a", "dataset": "ring"}
SCORING = {
    "score_seconds": 2.0,
    "final_seconds": 5.0,
    "snapshot_bytes": 2**20,
    "row_bytes": 2**10,
    "peak_mib": 50.0,
}


def cost(step: float, **more: float) -> dict[str, Any]:
    found = {"step_seconds": step, "steps": [10, 20], "warm_seconds": 3.0, "compile_seconds": 4.0}
    return {**found, "prepared": True, "peak_mib": 100.0, **more}


def timing(**packs: dict[str, Any]) -> Timing:
    return Timing(CHOICES, 6.0, 40.0, {int(name[1:]): found for name, found in packs.items()}, SCORING)


def definition(keep: str = "best_last", **more: Any) -> dict[str, Any]:
    budget = {"steps": 110, "every": 50, "keep": keep}
    variant = {"choices": CHOICES, "config": {"budget": budget}}
    return {"name": "toy", "pack": 2, "search": {"trials": 3}, "rerun": None, "variants": [variant], **more}


def test_a_pack_costs_preparing_training_and_scoring() -> None:
    (work,) = works(definition(), [timing(p2=cost(0.5))])
    assert work.checkpoints == 3  # 50, 100 and the last, 110
    # 3 + 4 to prepare the first 10 steps, 100 steps, and per trial 3 checkpoints and twice what waits for the end
    assert pack_seconds(work, 2, 2) == 3 + 4 + 100 * 0.5 + 2 * (3 * 2 + 2 * 5)


def test_a_sweep_is_its_packs_and_the_stages_come_one_after_the_other() -> None:
    rerun = {"top": 2, "seeds": [3, 1]}
    (work,) = works(definition(rerun=rerun), [timing(p1=cost(0.25), p2=cost(0.5))])
    full, single = 57 + 2 * 16, 7 + 25 + 16
    found = project([work], pack=2, workers=1)
    assert (found.search_seconds, found.rerun_seconds) == (full + single, 2 * full)
    assert found.wall_seconds == found.device_seconds == 3 * full + single
    assert (
        project([work], pack=2, workers=2).wall_seconds == full + full
    )  # the search waits for its longer pack
    assert found.longest_pack_seconds == full


def test_the_pack_that_ends_first_is_proposed_and_the_smaller_of_two_alike() -> None:
    (work,) = works(
        definition(search={"trials": 8}), [timing(p1=cost(1.0), p2=cost(1.1), p4=cost(1.2), p8=cost(2.2))]
    )
    assert best_pack([work], workers=1).pack == 8
    assert best_pack([work], workers=8).pack == 1  # everything at once
    slow = timing(p1=cost(1.0), p2=cost(2.0, warm_seconds=6.0, compile_seconds=8.0))
    (work,) = works(definition(search={"trials": 2}), [slow])
    assert best_pack([work], workers=1).pack == 1


@pytest.mark.parametrize(("keep", "snapshots"), [("none", 0), ("best_last", 2), ("all", 3)])
def test_disk_is_snapshots_and_rows(keep: str, snapshots: int) -> None:
    (work,) = works(definition(keep), [timing(p2=cost(0.5))])
    mib, count = disk([work], 2)
    assert mib == pytest.approx(3 * (snapshots + 3 / 1024))
    assert count == 3 * snapshots + 7 * 2


def test_a_variant_that_could_not_be_timed_is_left_out() -> None:
    assert works(definition(), [Timing(CHOICES, error="killed by signal 9")]) == []


@pytest.mark.parametrize(
    ("wall_hours", "longest_minutes", "minutes"),
    [(0.05, 1, 10), (2, 5, 190), (100, 5, 24 * 60), (100, 24 * 60, 36 * 60 + 10)],
)
def test_a_time_limit_has_room_for_the_longest_pack(
    wall_hours: float, longest_minutes: float, minutes: int
) -> None:
    found = Projection(8, 1.0, 0.0, 3600 * wall_hours, 60 * longest_minutes, 100.0)
    assert time_limit(found, start_seconds=60.0) == minutes


def test_memory_of_one_more_trial_is_a_slope() -> None:
    found = timing(p1=cost(1.0, peak_mib=300.0), p4=cost(1.0, peak_mib=330.0))
    assert found.mib_per_trial == 10.0
    assert timing(p1=cost(1.0)).mib_per_trial is None


def test_packs_of_powers_of_two_are_timed() -> None:
    assert [sizes_up_to(n) for n in (1, 2, 6, 8)] == [[1], [1, 2], [1, 2, 4], [1, 2, 4, 8]]


def test_a_library_is_made_once_for_all_packs() -> None:
    made = cost(0.5, compile_seconds=0.0, library_seconds=60.0)
    (work,) = works(definition(search={"trials": 6}, rerun={"top": 1, "seeds": 2}), [timing(p2=made)])
    full = 3 + 50 + 2 * 16
    found = project([work], pack=2, workers=1)
    assert (found.search_seconds, found.rerun_seconds) == (60 + 3 * full, full)


def test_the_mode_that_ends_first_is_proposed() -> None:
    found = [
        {"mode": name, "proposal": {"wall_hours": hours}} for name, hours in (("slow", 2.0), ("fast", 1.0))
    ]
    failed = {"mode": "failed", "proposal": None}
    best = best_of([failed, *found])
    assert best["mode"] == "fast"
    assert [other["mode"] for other in best["others"]] == ["slow", "failed"]
