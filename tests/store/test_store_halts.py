"""What keeps slots from claiming: a request to stop, packs that all fail alike, device-hours; all read from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stores import claimed, finish, planned, score

from ganbench.store import Store
from ganbench.store.attempts import Attempt
from ganbench.store.halts import BREAKER, HOURS, STOP

ALIKE = 'File "a.py", line 3, in f\nValueError: {}'
OTHER = 'File "a.py", line 4, in f\nValueError: {}'


def eyes(store: Store) -> Store:
    """Look with the eyes of another process."""
    return Store(store.results, store.name)


def fail(store: Store, *packs: str, text: str = ALIKE) -> None:
    for pack in packs:
        claimed(store, pack).fail(text.format(pack))


def test_nothing_halts_a_sweep_that_nobody_limited(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=9)
    fail(store, *(f"p{n}" for n in range(8)))
    assert store.halts.why() is None
    assert store.claimable() == ["p8"]


def test_a_request_to_stop_holds_until_it_is_taken_back(tmp_path: Path) -> None:
    store = planned(tmp_path)
    other = eyes(store)
    assert other.claimable() == ["p0", "p1"]
    store.halts.request()
    halt = other.halts.why_not_go_on()
    assert halt is not None
    assert halt.kind == STOP
    assert halt.text.startswith("`ganbench stop toy` was given by ")
    assert (other.claim("p0"), other.claimable()) == (None, [])
    asked = store.halts.withdraw()
    assert asked is not None
    assert set(asked) == {"time", "user", "host", "pid"}
    assert (other.halts.why(), store.halts.withdraw()) == (None, None)
    assert other.claim("p0") is not None


def test_the_breaker_opens_when_all_that_ended_failed_alike(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=9)
    store.halts.limit(breaker=3, device_hours=None)
    fail(store, "p0", "p1")
    assert eyes(store).halts.why() is None
    claimed(store, "p8").finish("stopped")
    assert eyes(store).halts.why() is None, "what was stopped has not ended"
    fail(store, "p2")
    halt = eyes(store).halts.why()
    assert halt is not None
    assert halt.kind == BREAKER
    assert halt.text.startswith("all 3 packs that ended failed alike (ValueError at a.py:3 in f)")
    assert "--retry failed" in halt.text
    assert (eyes(store).claim("p3"), eyes(store).claimable()) == (None, [])
    assert eyes(store).halts.why_not_go_on() is None, "what is under way goes on"


@pytest.mark.parametrize("what", ["done", "other", "off", "compacted"])
def test_the_breaker_stays_closed(tmp_path: Path, what: str) -> None:
    store = planned(tmp_path, packs=9)
    store.halts.limit(breaker=0 if what == "off" else 3, device_hours=None)
    if what in ("done", "compacted"):
        finish(claimed(store, "p7"), score("t7"))
    if what == "compacted":
        store.compact()
        for path in (store.folder / "packs" / "p7" / "attempt-1").iterdir():
            path.unlink()
        (store.folder / "packs" / "p7" / "attempt-1").rmdir()
    fail(store, "p0", "p1", "p2")
    if what == "other":
        eyes(store).halts.limit(breaker=4, device_hours=None)
        fail(store, "p3", text=OTHER)
    assert eyes(store).halts.why() is None


def test_a_baseline_neither_opens_nor_closes_it(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=3)
    store.halts.limit(breaker=2, device_hours=None)
    folder = store.folder / "packs" / "baseline-1" / "attempt-1"
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text(json.dumps({"outcome": "done", "end": "", "seconds": 1.0}))
    fail(store, "p0", "p1")
    halt = eyes(store).halts.why()
    assert halt is not None


def test_a_retry_closes_it_until_packs_fail_again(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=4)
    store.halts.limit(breaker=2, device_hours=None)
    fail(store, "p0", "p1")
    again = eyes(store)
    for pack in ("p0", "p1"):
        again.take_over(pack, retry_failed=True)
    assert again.halts.why() is None
    fail(store, "p0", "p1")
    assert again.halts.why() is not None


def spent(store: Store, pack: str, seconds: float, outcome: str) -> None:
    """End an attempt that lasted so long."""
    attempt = claimed(store, pack)
    attempt._since -= seconds
    attempt.finish(outcome)


def test_device_seconds_are_those_of_all_attempts(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=3)
    store.halts.limit(breaker=0, device_hours=0.5)
    looker = eyes(store)
    assert looker.halts.device_seconds() == 0.0
    spent(store, "p0", 600.0, "stopped")
    spent(store, "p0", 300.0, "done")
    assert looker.halts.device_seconds() == pytest.approx(900.0, abs=1.0)
    under_way = claimed(store, "p1")
    under_way._since -= 850.0
    under_way.heartbeat()
    assert looker.halts.device_seconds() == pytest.approx(1750.0, abs=1.0), "as its heartbeat says"
    assert looker.halts.why() is None
    under_way._since -= 100.0
    under_way.heartbeat()
    halt = looker.halts.why_not_go_on()
    assert halt is not None
    assert (halt.kind, looker.claim("p2")) == (HOURS, None)
    assert halt.text.startswith("0.514 of 0.5 device-hours are used: the same command with a larger")
    store.halts.limit(breaker=0, device_hours=None)
    assert looker.halts.why() is None


def test_attempts_of_older_versions_are_counted_from_start_to_end(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    attempt.write_json("provenance.json", {"start": "2024-05-01T10:00:00+00:00"})
    assert attempt.seconds() == 0.0
    attempt.write_json("outcome.json", {"outcome": "done", "end": "2024-05-01T10:01:30+00:00"})
    assert Attempt(attempt.folder).seconds() == 90.0


def test_what_is_done_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = planned(tmp_path, packs=3)
    spent(store, "p0", 10.0, "done")
    spent(store, "p1", 10.0, "stopped")
    looker, read = eyes(store), []
    real = Attempt.outcome
    monkeypatch.setattr(Attempt, "outcome", lambda self: read.append(self.pack_id) or real(self))
    first = looker.halts.device_seconds()
    read.clear()
    assert looker.halts.device_seconds() == first
    assert read == []
