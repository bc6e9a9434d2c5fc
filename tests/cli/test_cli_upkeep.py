"""The same command where nothing is left to train: what a driver that died left undone is done, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import contents, plain_reports, sweep, values

from ganbench.launch.jobs import leave_word, word
from ganbench.store import Store


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with plain_reports():
        yield


def die(store: Store) -> Path:
    raise KeyboardInterrupt


def test_rows_that_only_packs_hold_are_compacted_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, "quickstart")
    assert sweep(tmp_path, "search.trials=1").code == 0
    report = store.report_path("report.json")
    report.write_text('{"tables": {}, "partial": false, "counts": [{"planned": 2}]}')
    with monkeypatch.context() as patch:
        patch.setattr(Store, "compact", die)  # after the slots have finished all
        assert sweep(tmp_path).code == 130
    assert len(set(values(store.folder)["index"])) == 1
    with store.driver():
        assert "is driven by" in sweep(tmp_path).err
    ran = sweep(tmp_path)
    assert (ran.code, "nothing to train" in ran.err) == (0, True)
    assert len(set(values(store.folder)["index"])) == 2
    assert report.read_text() == '{"tables": {}}\n'
    before = contents(tmp_path)
    assert sweep(tmp_path).code == 0
    assert contents(tmp_path) == before


def test_baselines_that_only_attempts_hold_are_compacted(tmp_path: Path) -> None:
    assert sweep(tmp_path).code == 0
    path = tmp_path / "quickstart" / "baselines.jsonl"
    lines = path.read_bytes()
    path.unlink()
    assert sweep(tmp_path).code == 0
    assert path.read_bytes() == lines


@pytest.mark.parametrize(
    ("found", "again"),
    [
        ({"partial": True, "counts": [{"planned": 2}]}, True),
        ({"partial": False, "counts": [{"planned": 1}, {"planned": 0}]}, True),
        ({"partial": False, "counts": [{"planned": 1}, {"planned": 1}]}, False),
    ],
)
@pytest.mark.parametrize("clone", [False, True])
def test_a_report_is_made_again_where_it_is_partial_or_of_fewer_trials(
    tmp_path: Path, found: dict[str, object], again: bool, clone: bool
) -> None:
    assert sweep(tmp_path).code == 0
    store = Store(tmp_path, "quickstart")
    if clone:
        shutil.rmtree(store.folder / "packs")
        shutil.rmtree(store.slots)
    text = json.dumps({"tables": {}, **found})
    store.report_path("report.json").write_text(text)
    before = contents(tmp_path)
    assert sweep(tmp_path).code == 0
    assert (store.report_path("report.json").read_text() != text) is again
    assert (contents(tmp_path) == before) is not again
    assert store.slots.exists() is not clone


def test_the_word_of_a_continuation_that_could_not_go_on_is_taken_back(tmp_path: Path) -> None:
    assert sweep(tmp_path).code == 0
    store = Store(tmp_path, "quickstart")
    leave_word(store, "ZeroDivisionError: a bug")
    assert sweep(tmp_path).code == 0
    assert word(store) == ""
