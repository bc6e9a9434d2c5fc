from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from stores import AXES, DEFINITION, STEPS, claimed, finish, pack_of, planned, score, trial

from ganbench.errors import StoreError
from ganbench.store import Store

ZERO = {"planned": 0, "running": 0, "done": 0, "lost": 0, "diverged": 0, "failed": 0}


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "", ".", "..", ".hidden", "a\nb", "x" * 200])
def test_a_name_cannot_leave_the_results(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot name a folder of results"):
        Store(tmp_path, name)


def test_making_a_store_and_asking_it_touches_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "none", "toy")
    assert not store.exists()
    assert store.plan().trials == []
    with pytest.raises(StoreError, match=r"there is no sweep in .*toy: plan it"):
        store.definition()
    assert list(tmp_path.iterdir()) == []


def test_the_definition_is_frozen_as_yaml(tmp_path: Path) -> None:
    definition = {
        "lr": 1e-5,
        "pair": (1, 2.0),
        "word": "1e-5",
        "none": None,
        "budget": {"steps": 20},
        "on": "yes",
    }
    store = Store(tmp_path, "toy")
    store.create(definition)
    assert yaml.safe_load((tmp_path / "toy/sweep.yaml").read_text()) == {**definition, "pair": [1, 2.0]}
    store.create(definition)  # the same again is a no-op
    assert store.difference(definition) == ""


def test_another_definition_is_refused_with_the_difference(tmp_path: Path) -> None:
    store = Store(tmp_path, "toy")
    store.create({"budget": {"steps": 20, "every": 5}, "axes": {"model": ["a", "b"]}, "pack": 4})
    with pytest.raises(StoreError) as caught:
        store.create({"budget": {"steps": 40, "every": 5}, "axes": {"model": ["a"]}, "seed": 1})
    message = str(caught.value)
    assert (
        "budget.steps: 20 → 40; axes.model: ['a', 'b'] → ['a']; pack: 4 → (absent); seed: (absent) → 1"
        in message
    )
    assert "every" not in message
    assert "another name" in message
    assert "--results" in message
    assert "\n" not in message
    assert store.definition()["budget"]["steps"] == 20


def test_a_difference_is_short_and_goes_into_lists(tmp_path: Path) -> None:
    store = Store(tmp_path, "toy")
    store.create({"variants": [{"config": {f"k{n}": n for n in range(9)}}], "text": "a" * 500})
    difference = store.difference(
        {"variants": [{"config": {f"k{n}": -n - 1 for n in range(9)}}], "text": "b" * 500}
    )
    assert difference.startswith("variants.0.config.k0: 0 → -1; ")
    assert difference.endswith("; and 5 more")
    assert len(difference) < 300


@pytest.mark.parametrize("change", [1.0, True, "1", [1]])
def test_a_change_of_type_is_a_difference(tmp_path: Path, change: object) -> None:
    store = Store(tmp_path, "toy")
    store.create({"seed": 1})
    assert store.difference({"seed": change}).startswith("seed: 1 → ")


def test_a_damaged_definition_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path, "toy")
    store.create(DEFINITION)
    (tmp_path / "toy/sweep.yaml").write_text("a: [1, 2")
    with pytest.raises(StoreError, match=r"cannot read .*sweep\.yaml .*: restore it") as caught:
        store.definition()
    assert "\n" not in str(caught.value)


def test_the_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=3)
    trials, packs = store.plan().trials, store.plan().packs
    again = Store(tmp_path, "toy").plan()
    assert again.trials == trials
    assert again.packs == packs
    assert again.packs["p0"].trial_ids == ("t0", "t1", "t2")
    line = json.loads((tmp_path / "toy/trials.jsonl").read_text().splitlines()[0])
    assert line["pack"] == {
        "trial_ids": ["t0", "t1", "t2"],
        "lanes": 3,
        "mode": "vmap",
        "threads": 1,
        "precision": "float32",
    }


def test_a_plan_grows_and_holds_nothing_twice(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    rerun = trial(7, "p9", stage="rerun")
    store.extend_plan([*store.plan().trials, rerun], [pack_of(rerun)])
    assert [t.trial_id for t in Store(tmp_path, "toy").plan().trials] == ["t0", "t7"]
    assert store.plan().packs["p9"].stage == "rerun"
    assert store.plan().packs["p0"].stage == "search"


def test_equal_trials_share_a_pack_and_count_as_often_as_drawn(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    twin = trial(1, "p0")
    twin = type(twin)(**{**twin.to_json(), "trial_id": "t0"})
    store.extend_plan([twin], [])
    finish(claimed(store, "p0"), score("t0"))
    assert store.counts() == {**ZERO, "done": 2, "total": 2}


def test_a_line_must_be_in_its_pack(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    with pytest.raises(ValueError, match="t5 is not among the lanes of pack p0"):
        store.extend_plan([trial(5, "p0")], [])


def test_one_place_in_the_plan_is_one_trial(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    other = type(trial(0, "p0"))(**{**trial(0, "q").to_json(), "trial_id": "x"})
    with pytest.raises(ValueError, match="planned already"):
        store.extend_plan([other], [pack_of(other)])


def test_a_pack_cannot_leave_the_folder(tmp_path: Path) -> None:
    store, evil = planned(tmp_path), trial(5, "../../evil")
    with pytest.raises(StoreError, match="cannot name"):
        store.extend_plan([evil], [pack_of(evil)])
    with pytest.raises(StoreError, match="cannot name"):
        store.claim("../p0")


def test_a_plan_of_another_version_is_named(tmp_path: Path) -> None:
    store = planned(tmp_path)
    (tmp_path / "toy/trials.jsonl").write_text('{"trial_id": "t"}\n')
    with pytest.raises(StoreError, match="is not a plan of this version"):
        store.plan()


def test_states_and_counts_of_a_sweep(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=6, lanes=2)
    finish(claimed(store, "p1"), score("t2"), score("t3", value=None))
    claimed(store, "p2")
    claimed(store, "p3").finish("stopped")
    claimed(store, "p4").fail(ValueError("no"))
    rows = claimed(store, "p5")
    rows.append_scores([score("t10"), score("t11", step=10, value=None), score("t11")])
    rows.finish("stopped")  # every final row is there: only the last word is missing
    assert store.states() == {
        "p0": "planned", "p1": "done", "p2": "running", "p3": "lost", "p4": "failed", "p5": "done",
    }  # fmt: skip
    assert store.counts() == {
        "planned": 2, "running": 2, "done": 2, "lost": 2, "diverged": 2, "failed": 2, "total": 12,
    }  # fmt: skip
    assert Store(tmp_path, "toy").counts() == store.counts()
    table = store.trial_states().set_index("trial_id")
    assert table["state"].to_dict() == {
        "t0": "planned", "t1": "planned", "t2": "done", "t3": "diverged", "t4": "running", "t5": "running",
        "t6": "lost", "t7": "lost", "t8": "failed", "t9": "failed", "t10": "done", "t11": "diverged",
    }  # fmt: skip
    assert table.loc["t1", ["stage", "model", "dataset", "index", "seed", "pack_id"]].tolist() == [
        "search", *AXES.values(), 1, 1, "p0",
    ]  # fmt: skip


def test_done_needs_the_final_row_of_every_lane(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=2)
    first = claimed(store, "p0")
    first.append_scores([score("t0"), score("t1", step=STEPS - 1)])
    first.finish("stopped")
    assert store.states() == {"p0": "lost"}
    second = claimed(store, "p0")
    second.append_scores([score("t1")])
    second.finish("stopped")
    assert store.states() == {"p0": "done"}, "rows of all attempts count"


def test_the_final_step_may_depend_on_an_axis_of_budgets(tmp_path: Path) -> None:
    store = Store(tmp_path, "toy")
    store.create({"budget": {"short": {"steps": 5}, "long": {"steps": 50}}})
    lines = [
        type(t)(**{**t.to_json(), "variant": {"budget": b}})
        for t, b in ((trial(0, "p0"), "short"), (trial(1, "p1"), "long"))
    ]
    store.extend_plan(lines, [pack_of(line) for line in lines])
    for line in lines:
        attempt = claimed(store, line.pack_id)
        attempt.append_scores([score(line.trial_id, step=5)])
        attempt.finish("stopped")
    assert store.states() == {"p0": "done", "p1": "lost"}


def test_a_definition_without_steps_is_named(tmp_path: Path) -> None:
    store = planned(tmp_path)
    (tmp_path / "toy/sweep.yaml").write_text("name: toy\n")
    with pytest.raises(StoreError, match=r"lacks budget\.steps"):
        store.counts()


def test_reports_are_written_inside_their_folder(tmp_path: Path) -> None:
    store = Store(tmp_path, "toy")
    path = store.write_report("tables/best.csv", lambda p: p.write_text("a,b\n"))
    assert path == tmp_path / "toy/report/tables/best.csv"
    assert path.read_text() == "a,b\n"
    with pytest.raises(ValueError, match="outside"):
        store.write_report("../sweep.yaml", lambda p: p.write_text(""))


def test_baselines_are_units_of_work(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    (tmp_path / "toy/sweep.yaml").write_text(
        yaml.safe_dump({**DEFINITION, "baselines": [{"id": "baseline-1"}]})
    )
    assert store.claimable() == ["p0", "baseline-1"]
    unit = claimed(store, "baseline-1")
    row = {"dataset": "ring", "protocol": "p0", "baseline": "untrained", "metric": "f1_ring"}
    unit.append_baselines([{**row, "value": 0.25}, {**row, "metric": "fd", "value": float("inf")}])
    unit.finish("done")
    assert store.claim("baseline-1") is None
    assert store.states() == {"p0": "planned"}
    table = store.baselines()
    assert table["value"].tolist()[0] == 0.25
    assert table["value"].isna().tolist() == [False, True]
    store.compact()
    clone(tmp_path, tmp_path / "clone")
    copy = Store(tmp_path / "clone", "toy")
    assert copy.baselines().equals(table)
    assert copy.claimable() == ["p0"], "what is compacted need not be scored again"


def clone(source: Path, target: Path) -> None:
    """Copy what a repository would carry."""
    (target / "toy").mkdir(parents=True)
    for path in (source / "toy").glob("*.*"):
        (target / "toy" / path.name).write_bytes(path.read_bytes())
