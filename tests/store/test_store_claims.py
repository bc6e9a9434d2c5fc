from __future__ import annotations

from pathlib import Path

import pytest
from stores import claimed, finish, planned, score

from ganbench.errors import StoreError
from ganbench.store import Store


def test_claims_number_attempts_and_respect_states(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=2)
    first = claimed(store, "p0")
    assert (first.pack_id, first.number, first.folder.name) == ("p0", 1, "attempt-1")
    assert store.claim("p0") is None, "it lives: in this very process"
    first.finish("stopped")
    second = claimed(store, "p0")
    assert second.number == 2
    assert [a.number for a in store.attempts("p0")] == [1, 2]
    finish(second, score("t0"))
    assert store.claim("p0") is None, "it is done"
    assert store.claimable() == ["p1"]


def test_what_is_known_to_be_done_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path, packs=2)
    finish(claimed(store, "p0"), score("t0"))
    assert store.claim("p0") is None
    monkeypatch.setattr("ganbench.files.numbered", lambda *_: pytest.fail("looked"))
    assert store.claim("p0") is None
    with pytest.raises(pytest.fail.Exception, match="looked"):
        store.claim("p1")


def test_a_failed_pack_is_claimed_again_only_on_request_and_once(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    claimed(store, "p0").fail("Traceback\nValueError: no")
    assert store.claimable() == []
    later = Store(tmp_path, "toy")
    assert later.claim("p0") is None
    assert later.claimable(retry_failed=True) == ["p0"]
    again = later.claim("p0", retry_failed=True)
    assert again is not None
    again.fail("Traceback\nValueError: still")
    assert later.claim("p0", retry_failed=True) is None, "a slot would retry for ever"
    assert later.claimable(retry_failed=True) == []
    assert [f["message"] for f in later.failures("p0")] == ["ValueError: still"]


def test_failures_are_those_of_the_newest_attempt(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    claimed(store, "p0").fail("Traceback\nValueError: no")
    assert store.failures("p0")[0]["attempt"] == 1
    again = Store(tmp_path, "toy").claim("p0", retry_failed=True)
    assert again is not None
    finish(again, score("t0"))
    assert store.failures("p0") == []


def test_a_claim_judged_on_an_older_attempt_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = planned(tmp_path, packs=1)
    claimed(store, "p0").finish("stopped")
    real = store._states

    def slow(names: object) -> object:
        judged = real(names)  # lost, as seen now
        claimed(Store(tmp_path, "toy"), "p0")  # but somebody is faster
        return judged

    monkeypatch.setattr(store, "_states", slow)
    assert store.claim("p0") is None
    assert [a.number for a in store.attempts("p0")] == [1, 2]


def test_checkpoints_come_newest_first_over_all_attempts(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    for steps in ((5, 100), (20, 100)):
        attempt = claimed(store, "p0")
        for step in steps:
            attempt.write(f"checkpoint-{step}.pt", lambda path: path.write_bytes(b"x"))
        (attempt.folder / ".tmp-1-checkpoint-999.pt").write_bytes(b"half")
        attempt.finish("stopped")
    found = [(p.parent.name, p.name) for p in store.checkpoints("p0")]
    assert found == [
        ("attempt-2", "checkpoint-100.pt"),
        ("attempt-1", "checkpoint-100.pt"),
        ("attempt-2", "checkpoint-20.pt"),
        ("attempt-1", "checkpoint-5.pt"),
    ]


def test_gc_keeps_what_is_asked_and_what_is_not_finished(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=2, lanes=2)
    for pack in ("p0", "p1"):
        attempt = claimed(store, pack)
        for name in (
            "checkpoint-5.pt",
            *(f"snapshots/t{n}-{s}.safetensors" for n in (0, 1) for s in (5, 20)),
        ):
            attempt.write(name, lambda path: path.write_bytes(b"12345678"))
        (attempt.folder / ".tmp-x-checkpoint-6.pt").write_bytes(b"half")
    finish(attempt_of(store, "p0"), score("t0"), score("t1"))
    assert store.gc("best", {"t0": 5}) == 8 + 4 + 8
    assert sorted(store.snapshots("p0")) == [("t0", 5), ("t1", 5), ("t1", 20)]
    assert store.checkpoints("p0") == []
    assert len(store.snapshots("p1")) == 4
    assert len(store.checkpoints("p1")) == 1
    assert store.snapshot("p0", "t0", 5).name == "t0-5.safetensors"
    with pytest.raises(StoreError, match="keeps no snapshot of trial t0 at step 20"):
        store.snapshot("p0", "t0", 20)
    assert store.gc("none") == 24
    assert store.snapshots("p0") == {}
    with pytest.raises(StoreError, match="best or none, not all"):
        store.gc("all")


def attempt_of(store: Store, pack_id: str):
    attempt = store.attempts(pack_id)[-1]
    return type(attempt)(attempt.folder, claimed=True)
