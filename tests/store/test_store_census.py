from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from stores import AXES, DEFINITION, STEPS, claimed, finish, pack_of, planned, python, score, trial

from ganbench.errors import StoreError
from ganbench.store import Store
from ganbench.store.census import Census, Count
from ganbench.store.compacted import Compacted
from ganbench.store.lines import read_lines

KEY = ("a", "ring", "search")
KILLED = (
    "import os, sys; from ganbench.store import Store; a = Store(sys.argv[1], 'toy').claim('p3'); os._exit(0)"
)


def take(store: Store) -> Count:
    return Census(store.folder).take(store.definition())


def every_situation(results: Path) -> Store:
    """Packs that are done, diverged, done at the second attempt, lost, running, failed and planned."""
    store = planned(results, packs=7, lanes=2)
    finish(claimed(store, "p0"), score("t0", value=0.25), score("t1", value=0.75))
    finish(claimed(store, "p1"), score("t2", value=None), score("t3"))
    first = claimed(store, "p2")
    first.append_scores([score("t4", 5, 0.125)])
    first.finish("stopped")
    finish(claimed(store, "p2"), score("t4"), score("t5"))
    assert python(KILLED, results).wait() == 0
    claimed(store, "p4").append_scores([score("t8", 5, 0.9)])
    claimed(store, "p5").fail("Traceback\nValueError: no")
    return store


def test_a_census_counts_what_the_store_counts(tmp_path: Path) -> None:
    store = every_situation(tmp_path)
    count = take(store)
    (key,) = count.groups
    assert key == KEY
    assert count.axes == ("model", "dataset")
    expected = {"planned": 2, "running": 2, "done": 5, "lost": 2, "diverged": 1, "failed": 2}
    assert count.groups[KEY].counts == expected
    assert store.counts() == {**expected, "total": 14}
    assert count.packs == Counter(store.states().values())
    assert count.running == 1


def test_a_census_knows_what_is_left_and_what_it_took(tmp_path: Path) -> None:
    store = every_situation(tmp_path)
    count = take(store)
    group = count.groups[KEY]
    assert group.left == 4  # the planned pack's and the lost one's
    assert [trials for trials, _ in group.running] == [2]
    assert group.trained == 6
    attempts = {pack: sum(a.seconds() for a in store.attempts(pack)) for pack in store.plan().packs}
    assert group.seconds == pytest.approx(attempts["p0"] + attempts["p1"] + attempts["p2"])
    assert count.seconds == pytest.approx(sum(attempts.values()))
    assert [end.trials for end in count.ends] == [2, 2, 2]


def test_extremes_are_of_finite_values_of_all_attempts_running_ones_included(tmp_path: Path) -> None:
    count = take(every_situation(tmp_path))
    assert count.groups[KEY].extremes == {"p0": {"f1_ring": [0.125, 0.9]}}


def test_a_census_reads_only_and_again_what_has_changed(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=2)
    census = Census(store.folder)
    assert census.take(store.definition()).packs == {"planned": 2}
    finish(claimed(store, "p1"), score("t1"))
    before = sorted(tmp_path.rglob("*"))
    assert census.take(store.definition()).packs == {"planned": 1, "done": 1}
    assert sorted(tmp_path.rglob("*")) == before
    again = trial(9, "p9", stage="rerun")
    store.extend_plan([again], [pack_of(again)])
    assert census.take(store.definition()).groups[("a", "ring", "rerun")].left == 1


def test_nothing_planned_is_no_group(tmp_path: Path) -> None:
    store = Store(tmp_path, "toy")
    store.create({**DEFINITION, "baselines": [{"id": "base"}]})
    count = take(store)
    assert (count.groups, count.packs, count.baselines) == ({}, {}, {"planned": 1})


def test_equal_trials_are_lines_that_count_and_trials_that_train_once(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    twin = type(trial(0, "p0"))(**{**trial(1, "p0").to_json(), "trial_id": "t0"})
    store.extend_plan([twin], [])
    assert (take(store).groups[KEY].counts["planned"], take(store).groups[KEY].left) == (2, 1)
    finish(claimed(store, "p0"), score("t0"))
    group = take(store).groups[KEY]
    assert (group.counts["done"], group.trained) == (2, 1)


def test_a_clone_without_packs_is_counted_from_its_parquet(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=3, lanes=2)
    for pack, ids in (("p0", "t0 t1"), ("p1", "t2 t3")):
        finish(claimed(store, pack), *(score(t, step) for t in ids.split() for step in (5, STEPS)))
    store.compact()
    whole = take(store)
    shutil.rmtree(store.folder / "packs")
    clone = take(store)
    assert clone.groups[KEY].counts == whole.groups[KEY].counts
    assert clone.groups[KEY].extremes == whole.groups[KEY].extremes
    # per trial: 0.25 s a step, and 0.125 s for each of two scorings
    assert clone.groups[KEY].seconds == pytest.approx(4 * (0.25 * STEPS + 2 * 0.125))
    assert (clone.groups[KEY].left, clone.ends) == (2, [])


def test_rows_that_planned_lines_share_cost_once(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    twin = type(trial(0, "p0"))(**{**trial(1, "p0").to_json(), "trial_id": "t0"})
    store.extend_plan([twin], [])
    finish(claimed(store, "p0"), score("t0"), score("t0", metric="fd"))
    account = Compacted(store.compact()).accounts["p0"]
    assert account.seconds == pytest.approx(0.25 * STEPS + 2 * 0.125)
    assert account.extremes == {"p0": {"f1_ring": [0.5, 0.5], "fd": [0.5, 0.5]}}


def test_attempts_of_an_older_version_are_read_row_by_row(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=2)
    finish(claimed(store, "p0"), score("t0", value=0.25), score("t1", value=None))
    attempt = store.folder / "packs/p0/attempt-1"
    old = {"outcome": "done", "end": "2026-01-01T00:01:30+00:00", "diverged": ["t1"]}
    (attempt / "outcome.json").write_text(json.dumps(old))
    (attempt / "provenance.json").write_text(json.dumps({"start": "2026-01-01T00:00:00+00:00"}))
    count = take(store)
    assert count.groups[KEY].counts["diverged"] == 1
    assert count.groups[KEY].extremes == {"p0": {"f1_ring": [0.25, 0.25]}}
    assert (count.seconds, count.groups[KEY].trained) == (90.0, 2)


def test_compacted_rows_are_reached_as_frames_say(tmp_path: Path) -> None:
    from ganbench.store.frames import read_reached

    store = planned(tmp_path, packs=1, lanes=3)
    finish(claimed(store, "p0"), score("t0"), score("t1", value=None), score("t2", 5))
    path = store.compact()
    assert Compacted(path).reached == read_reached(path)
    assert Compacted(tmp_path / "none.parquet").reached == {}


@pytest.mark.parametrize("text", ['{"trial_id": "t"}\n', "{[\n", '{"variant": {"model": 3}}\n', "3\n"])
def test_a_damaged_plan_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"trials\.jsonl is (damaged at line 1|not a plan of this version)"):
        read_lines(path)


def test_lines_are_the_plans(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=3, lanes=2)
    other = trial(50, "p9", stage="rerun")
    store.extend_plan(
        [type(other)(**{**other.to_json(), "variant": {**AXES, "model": "b"}})], [pack_of(other)]
    )
    lines = read_lines(store.folder / "trials.jsonl")
    assert lines is not None
    assert lines.packs == ["p0", "p1", "p2", "p9"]
    assert lines.groups == [KEY, ("b", "ring", "rerun")]
    assert [lines.trials_of(n) for n in range(4)] == [("t0", "t1"), ("t2", "t3"), ("t4", "t5"), ("t50",)]
    assert lines.lanes.tolist() == [2, 2, 2, 1]
    assert lines.group_of_pack.tolist() == [0, 0, 0, 1]
    frame = pd.read_json(store.folder / "trials.jsonl", lines=True)
    assert lines.trials.to_pylist() == frame["trial_id"].tolist()


def test_no_plan_is_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "trials.jsonl") is None
    os.close(os.open(tmp_path / "trials.jsonl", os.O_CREAT))
    assert read_lines(tmp_path / "trials.jsonl") is None
