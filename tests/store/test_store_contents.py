"""What scores.parquet holds is not read again; everything else is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import claimed, finish, planned, score

from ganbench.errors import StoreError
from ganbench.store import Store
from ganbench.store.attempts import Attempt


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The attempts whose rows were read."""
    seen: list[str] = []
    original = Attempt.scores

    def spied(attempt: Attempt) -> list[dict[str, object]]:
        seen.append(f"{attempt.pack_id}/{attempt.number}")
        return original(attempt)

    monkeypatch.setattr(Attempt, "scores", spied)
    return seen


def compacted(folder: Path) -> Store:
    """Two packs: one done, one stopped on its way; both compacted."""
    store = planned(folder, packs=2)
    finish(claimed(store, "p0"), score("t0", 10), score("t0"))
    part = claimed(store, "p1")
    part.append_scores([score("t1", 10)])
    part.finish("stopped")
    store.compact()
    return store


def rows(store: Store) -> list[tuple[str, int]]:
    table = Store(store.results, store.name).scores()
    return sorted(zip(table["trial_id"], table["step"].tolist(), strict=True))


DONE, BEGUN = [("t0", 10), ("t0", 20)], [("t1", 10)]


def test_what_was_compacted_is_not_read_again(tmp_path: Path, read: list[str]) -> None:
    store = compacted(tmp_path)
    slow = store.folder / "packs" / "compacted.json"
    slow.rename(tmp_path / "aside")
    before = Store(tmp_path, "toy").scores()
    (tmp_path / "aside").rename(slow)
    read.clear()
    found = Store(tmp_path, "toy").scores()
    assert read == []
    key = ["trial_id", "step"]
    assert found.sort_values(key, ignore_index=True).equals(
        before.sort_values(key, ignore_index=True)[[*found]]
    )


def test_a_newer_attempt_is_read_with_all_of_its_pack(tmp_path: Path, read: list[str]) -> None:
    store = compacted(tmp_path)
    again = claimed(store, "p1")
    again.append_scores([score("t1", 10), score("t1")])
    read.clear()
    assert rows(store) == [*DONE, *BEGUN, ("t1", 20)]
    assert read == ["p1/1", "p1/2"]
    assert Store(tmp_path, "toy").scores().set_index("trial_id").loc["t1", "attempt"].tolist() == [2, 2]


def grown(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(score("t1").to_json()) + "\n")


def edited(path: Path) -> None:  # as long as before
    path.write_text(path.read_text().replace('"step": 10', '"step": 15'))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(("change", "more"), [(grown, ("t1", 20)), (edited, ("t1", 15))])
def test_a_file_that_changed_is_read(
    tmp_path: Path, change: Callable[[Path], None], more: tuple[str, int]
) -> None:
    store = compacted(tmp_path)
    change(store.folder / "packs/p1/attempt-1/scores.jsonl")
    assert rows(store) == [*DONE, *BEGUN, more]


def test_a_row_that_disagrees_is_an_error_as_before(tmp_path: Path) -> None:
    store = compacted(tmp_path)
    path = store.folder / "packs/p0/attempt-1/scores.jsonl"
    path.write_text(path.read_text().replace('"value": 0.5', '"value": 0.75'))
    with pytest.raises(StoreError, match="disagree on f1_ring of trial t0 at step 10"):
        Store(tmp_path, "toy").scores()


@pytest.mark.parametrize("other", ["gone", "older", "damaged"])
def test_another_parquet_than_was_written_vouches_for_nothing(
    tmp_path: Path, read: list[str], other: str
) -> None:
    store = planned(tmp_path, packs=2)
    finish(claimed(store, "p0"), score("t0", 10), score("t0"))
    early = store.compact().read_bytes()
    part = claimed(store, "p1")
    part.append_scores([score("t1", 10)])
    part.finish("stopped")
    path, note = store.compact(), store.folder / "packs" / "compacted.json"
    if other == "gone":
        path.unlink()
    elif other == "older":
        path.write_bytes(early)
    else:
        note.write_text(note.read_text()[:-9])
    read.clear()
    assert rows(store) == [*DONE, *BEGUN]
    assert read == ["p0/1", "p1/1"]


def test_compaction_reads_everything_anew(tmp_path: Path, read: list[str]) -> None:
    store = compacted(tmp_path)
    read.clear()
    store.compact()
    assert read == ["p0/1", "p1/1"]


def test_rows_of_no_planned_trial_keep_being_read(tmp_path: Path, read: list[str]) -> None:
    store = planned(tmp_path, packs=1)
    finish(claimed(store, "p0"), score("t0"), score("stranger"))
    store.compact()
    read.clear()
    assert rows(store) == [("stranger", 20), ("t0", 20)]
    assert read == ["p0/1"]
