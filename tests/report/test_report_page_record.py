"""What the page says of code, machines and failures, and that a clone without packs still says it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from stores import claimed, finish, planned, score
from synthetic import sweep

from ganbench.analysis.results import Results
from ganbench.report.page import Record, read_record, write_record
from ganbench.store import Store


def results_of(store: Store) -> Results:
    return replace(sweep(), trials=store.trial_states())


def recorded(store: Store) -> Record:
    out = store.folder / "report"
    out.mkdir(exist_ok=True)
    record = read_record(results_of(store), out)
    write_record(record, out)
    return record


def train(store: Store, pack: str, monkeypatch: Any, **environment: Any) -> None:
    """Finish a pack that was trained in an environment."""
    monkeypatch.setattr("ganbench.store.attempts.software", lambda: environment)
    attempt = claimed(store, pack)
    attempt.start({"device": "cpu"})
    finish(attempt, *(score(t) for t in store.plan().packs[pack].trial_ids))


def packs(record: Record) -> list[list[str]]:
    return [origin["packs"] for origin in record.origins]


def test_packs_of_one_environment_stand_together(tmp_path: Path, monkeypatch: Any):
    store = planned(tmp_path, packs=3)
    old, new = ({"python": "3.11", "git": {"commit": commit, "dirty": False}} for commit in ("aaa", "bbb"))
    train(store, "p0", monkeypatch, **old)
    train(store, "p1", monkeypatch, **new)
    train(store, "p2", monkeypatch, **old)
    found = recorded(store)
    assert sorted(packs(found)) == [["p0", "p2"], ["p1"]]
    first = next(o for o in found.origins if o["packs"] == ["p0", "p2"])
    assert first["environment"]["git"] == {"commit": "aaa", "dirty": False}
    assert first["environment"]["device"] == "cpu"
    assert first["start"] <= first["end"]
    assert "pid" not in first["environment"]


def test_a_clone_without_packs_says_the_same_and_adds_what_it_trains(tmp_path: Path, monkeypatch: Any):
    store = planned(tmp_path, packs=2)
    train(store, "p0", monkeypatch, python="3.11")
    here = recorded(store)
    file = store.folder / "report" / "provenance.json"
    before = file.read_bytes()
    shutil.rmtree(store.folder / "packs")
    assert recorded(Store(tmp_path, "toy")) == here
    assert file.read_bytes() == before
    train(store, "p1", monkeypatch, python="3.12")
    assert sorted(packs(recorded(store))) == [["p0"], ["p1"]]
    assert len(json.loads(file.read_text())["origins"]) == 2


def test_the_newest_attempt_is_told_of(tmp_path: Path, monkeypatch: Any):
    store = planned(tmp_path, packs=1)
    monkeypatch.setattr("ganbench.store.attempts.software", lambda: {"python": "3.11"})
    first = claimed(store, "p0")
    first.start({})
    first.finish("stopped")
    train(store, "p0", monkeypatch, python="3.12")
    assert [origin["environment"]["python"] for origin in recorded(store).origins] == ["3.12"]


def test_a_pack_that_was_trained_again_is_told_of_once(tmp_path: Path, monkeypatch: Any):
    store = planned(tmp_path, packs=1)
    train(store, "p0", monkeypatch, python="3.11")
    recorded(store)
    shutil.rmtree(store.folder / "packs")
    again = Store(tmp_path, "toy")
    train(again, "p0", monkeypatch, python="3.12")
    found = recorded(again)
    assert packs(found) == [["p0"]]
    assert found.origins[0]["environment"]["python"] == "3.12"


def test_failures_are_grouped_by_signature_the_commonest_first(tmp_path: Path):
    store = planned(tmp_path, packs=3, lanes=2)
    texts = {
        "p0": "Traceback\nValueError: one",
        "p1": "Traceback\nKeyError: 'x'",
        "p2": "Traceback\nValueError: two",
    }
    for pack, text in texts.items():
        claimed(store, pack).fail(text)
    failures = recorded(store).failures
    assert [(f["signature"], f["packs"], f["trials"]) for f in failures] == [
        ("ValueError", 2, 4),
        ("KeyError", 1, 2),
    ]
    assert failures[0]["traceback"] == texts["p0"]


def test_a_folder_that_is_no_sweep_has_no_record(tmp_path: Path):
    assert read_record(sweep(), tmp_path / "x" / "report") == Record()
    assert not (tmp_path / "x").exists()
    store = planned(tmp_path, packs=1)
    assert recorded(store) == Record()  # nothing was trained
    assert not (store.folder / "report" / "provenance.json").exists()
