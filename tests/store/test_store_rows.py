from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from stores import AXES, DEFINITION, STEPS, claimed, finish, pack_of, planned, score, trial

import ganbench
from ganbench.errors import StoreError
from ganbench.records import Score, Trial
from ganbench.store import Store, load

COLUMNS = [
    "trial_id", "sweep", "stage", "model", "dataset", "index", "seed", "is_default", "model.lr", "step",
    "images_seen", "seconds", "metric", "value", "status", "protocol", "pack_id", "attempt", "score_seconds",
]  # fmt: skip


def test_scores_carry_every_row_with_nan_for_diverged(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=2)
    finish(claimed(store, "p0"), score("t0", value=0.1), score("t1", value=None))
    table = store.scores()
    assert table["value"].tolist()[0] == 0.1
    assert math.isnan(table["value"].tolist()[1])
    assert table["status"].tolist() == ["ok", "diverged"]
    assert table.loc[0, ["step", "images_seen", "seconds", "pack_id", "attempt"]].tolist() == [
        20,
        1280,
        5.0,
        "p0",
        1,
    ]
    assert table["model"].tolist() == ["a", "a"]
    assert table["score_seconds"].tolist() == [0.125, 0.125]


def test_attempts_are_merged_and_the_newest_row_wins(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    first = claimed(store, "p0")
    first.append_scores([score("t0", 5), score("t0", 10), score("t0", 10, None, "fd")])
    first.finish("stopped")
    finish(claimed(store, "p0"), score("t0", 10), score("t0", 10, None, "fd"), score("t0", 20))
    table = store.scores()
    assert table[["step", "metric", "attempt"]].to_numpy().tolist() == [
        [5, "f1_ring", 1],
        [10, "f1_ring", 2],
        [10, "fd", 2],
        [20, "f1_ring", 2],
    ]


@pytest.mark.parametrize(("one", "other"), [(0.5, 0.5000001), (0.5, None), (None, 0.5)])
def test_attempts_that_disagree_are_an_error(tmp_path: Path, one: float | None, other: float | None) -> None:
    store = planned(tmp_path, packs=1)
    for value in (one, other):
        attempt = claimed(store, "p0")
        attempt.append_scores([score("t0", 5, 0.25), score("t0", 10, value)])
        attempt.finish("stopped")
    with pytest.raises(
        StoreError, match="attempts 1 and 2 of pack p0 disagree on f1_ring of trial t0 at step 10"
    ) as caught:
        store.scores()
    assert "move one attempt's folder away" in str(caught.value)


def values(store: Store) -> dict[int, float]:
    return store.scores().set_index("step")["value"].to_dict()


def test_a_trial_that_was_begun_elsewhere_is_what_the_attempt_that_ended_it_says(tmp_path: Path) -> None:
    """Its rows were compacted, its packs were not copied, and here the last digits are others."""
    store = planned(tmp_path, packs=1)
    first = claimed(store, "p0")
    first.append_scores([score("t0", 5, 0.1), score("t0", 10, 0.2)])
    first.finish("stopped")
    store.compact()
    (tmp_path / "toy/packs").rename(tmp_path / "gone")
    store = Store(tmp_path, "toy")
    again = claimed(store, "p0")
    again.append_scores([score("t0", 5, 0.11)])
    assert values(Store(tmp_path, "toy")) == {5: 0.1, 10: 0.2}
    again.append_scores([score("t0", 10, 0.22)])
    assert values(Store(tmp_path, "toy")) == {5: 0.1, 10: 0.2}
    finish(again, score("t0", 20, 0.33))
    assert values(Store(tmp_path, "toy")) == {5: 0.11, 10: 0.22, 20: 0.33}
    Store(tmp_path, "toy").compact()
    assert values(Store(tmp_path, "toy")) == {5: 0.11, 10: 0.22, 20: 0.33}


def test_the_last_step_scored_again_after_a_kill_is_the_one_that_counts(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=2)
    first = claimed(store, "p0")
    first.append_scores([score("t0", 10), score("t1", 10), score("t0", 20, 0.1)])
    first.finish("stopped")
    finish(claimed(store, "p0"), score("t0", 20, 0.2), score("t1", 20, 0.5))
    table = store.scores()
    found = table.set_index(["trial_id", "step"])[["value", "attempt"]].T.to_dict("list")
    assert found == {("t0", 10): [0.5, 1], ("t0", 20): [0.2, 2], ("t1", 10): [0.5, 1], ("t1", 20): [0.5, 2]}
    assert [*table] == [name for name in table if name != "unfinished"]


def test_compacted_rows_must_agree_too(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    finish(claimed(store, "p0"), score("t0"))
    store.compact()
    store.compact()
    assert len(store.scores()) == 1
    path = tmp_path / "toy/packs/p0/attempt-1/scores.jsonl"
    path.write_text(path.read_text().replace('"value": 0.5', '"value": 0.75'))
    with pytest.raises(StoreError, match="disagree"):
        store.scores()


def test_the_tidy_table_has_a_row_for_every_planned_line(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=2)
    twin = Trial(**{**trial(9, "p0").to_json(), "trial_id": "t1"})
    store.extend_plan([twin], [])
    finish(claimed(store, "p0"), score("t1", 10), score("t0", 10), score("t0", 20), score("t1", 20))
    table = pd.read_parquet(store.compact())
    assert list(table.columns) == COLUMNS
    assert table[["trial_id", "index", "step"]].to_numpy().tolist() == [
        ["t0", 0, 10], ["t0", 0, 20], ["t1", 1, 10], ["t1", 1, 20], ["t1", 9, 10], ["t1", 9, 20],
    ]  # fmt: skip
    assert set(table["sweep"]) == {"toy"}
    assert table["is_default"].tolist() == [True, True, False, False, False, False]
    assert len(store.scores()) == 4, "scores are those of trials, not of lines"


def test_compaction_is_a_fixed_point_down_to_the_byte(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=3)
    for number in (2, 0, 1):
        finish(claimed(store, f"p{number}"), score(f"t{number}", 20, None if number == 1 else 0.1 * number))
    first = store.compact().read_bytes()
    assert store.compact().read_bytes() == first
    (tmp_path / "toy/packs").rename(tmp_path / "gone")
    assert Store(tmp_path, "toy").compact().read_bytes() == first


def test_a_clone_without_packs_is_done(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=2, lanes=2)
    finish(claimed(store, "p0"), score("t0"), score("t1", 10, None), score("t1"))
    part = claimed(store, "p1")
    part.append_scores([score("t2", 10), score("t3", 10)])
    part.finish("stopped")
    store.compact()
    (tmp_path / "toy/packs").rename(tmp_path / "gone")
    clone = Store(tmp_path, "toy")
    assert clone.states() == {"p0": "done", "p1": "planned"}
    assert clone.counts() == {
        "planned": 2, "running": 0, "done": 1, "lost": 0, "diverged": 1, "failed": 0, "total": 4,
    }  # fmt: skip
    assert clone.claim("p0") is None
    finish(claimed(clone, "p1"), score("t2"), score("t3"))
    assert len(clone.scores()) == 3 + 4
    assert pd.read_parquet(clone.compact()).shape[0] == 7


def test_load_reads_folder_file_and_name_alike(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=2)
    finish(claimed(store, "p0"), score("t0"))
    assert len(load(tmp_path / "toy")) == 1, "a running sweep can be read"
    finish(claimed(store, "p1"), score("t1", value=None))
    table = pd.read_parquet(store.compact())
    for found in (
        ganbench.load(tmp_path / "toy"),
        load(tmp_path / "toy" / "scores.parquet"),
        load(tmp_path, "toy"),
        load(str(tmp_path), "toy"),
    ):
        pd.testing.assert_frame_equal(found, table)
    (tmp_path / "toy/trials.jsonl").unlink()
    pd.testing.assert_frame_equal(load(tmp_path / "toy"), table)


def test_load_names_what_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no .*none.*: name a sweep's folder"):
        load(tmp_path / "none")
    (tmp_path / "scores.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(StoreError, match=r"cannot read .*scores\.parquet"):
        load(tmp_path)


def test_a_half_written_parquet_is_named_by_status_too(tmp_path: Path) -> None:
    store = planned(tmp_path)
    finish(claimed(store, "p0"), score("t0"))
    path = store.compact()
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StoreError, match="restore it, or delete it"):
        Store(tmp_path, "toy").counts()


def test_parameters_of_every_kind_keep_their_values(tmp_path: Path) -> None:
    drawn = [
        {"lr": 1e-5, "bn": True, "steps": 5, "mixed": 1, "any": "text", "list": [1, 2]},
        {"lr": 0.1, "bn": None, "mixed": 0.5, "any": 3, "list": None},
        {},
    ]
    store = Store(tmp_path, "toy")
    store.create(DEFINITION)
    lines = [
        Trial(f"t{n}", AXES, "search", n, n, False, params, f"p{n}", 0) for n, params in enumerate(drawn)
    ]
    store.extend_plan(lines, [pack_of(line) for line in lines])
    for line in lines:
        finish(claimed(store, line.pack_id), score(line.trial_id))
    table = pd.read_parquet(store.compact()).astype(object)
    rows = table[["lr", "bn", "steps", "mixed", "any", "list"]].where(table.notna(), None).to_numpy().tolist()
    assert rows == [
        [1e-5, True, 5, 1.0, "text", "[1, 2]"],
        [0.1, None, None, 0.5, "3", None],
        [None, None, None, None, None, None],
    ]
    assert len(Store(tmp_path, "toy").scores()) == 3


def test_an_axis_of_protocols_does_not_hide_the_scores_protocol(tmp_path: Path) -> None:
    store = Store(tmp_path, "toy")
    store.create(DEFINITION)
    line = Trial("t0", {"model": "a", "protocol": "ring"}, "search", 0, 0, True, {}, "p0", 0)
    store.extend_plan([line], [pack_of(line)])
    finish(claimed(store, "p0"), score("t0"))
    table = pd.read_parquet(store.compact())
    assert table["protocol"].tolist() == ["p0"]
    assert store.scores()["protocol"].tolist() == ["p0"]


def test_scores_of_another_protocol_join_the_table(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    finish(claimed(store, "p0"), score("t0"))
    store.add_scores([Score("t0", STEPS, 1, 1.0, "kid_lite0", 0.25, "ok", "other")])
    assert sorted(store.scores()["protocol"]) == ["other", "p0"]
    store.compact()
    assert pd.read_parquet(store.compact())["metric"].tolist() == ["f1_ring", "kid_lite0"]


def test_an_empty_sweep_has_empty_tables(tmp_path: Path) -> None:
    store = planned(tmp_path)
    assert store.scores().empty
    assert store.baselines().empty
    assert load(tmp_path / "toy").empty
    assert {"trial_id", "value", "step"} <= set(load(tmp_path / "toy").columns)
    store.compact()
    assert store.counts()["planned"] == 2
    assert Store(tmp_path, "toy").scores().empty


def test_values_survive_to_the_last_bit(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    values = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308]
    finish(claimed(store, "p0"), *(score("t0", step, value) for step, value in enumerate(values, start=17)))
    store.compact()
    assert load(tmp_path / "toy")["value"].tolist() == values
    assert load(tmp_path / "toy/scores.parquet")["value"].tolist() == values
