"""Launches that are halted: slots save and end, none follows, and what they left is there to go on from."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from stores import LOCAL, environment, planned, wait_until

from ganbench.launch import Launched, base, heeding, launch, memory
from ganbench.launch.heeding import Heed
from ganbench.launch.memory import MemoryWatch, counter, kills, starved_jobs
from ganbench.launch.slots import Slots
from ganbench.scheduler import Job
from ganbench.store import Store
from ganbench.store.halts import Halts

INLINE = {"kind": "inline"}


@pytest.fixture(autouse=True)
def _children_import_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setattr(base, "POLL_S", 0.1)


def test_the_folder_is_looked_at_now_and_then_not_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, looks = [0.0], []
    monkeypatch.setattr(heeding.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Halts, "why_not_go_on", lambda self: looks.append(clock[0]))
    heed = Heed(lambda: False, planned(tmp_path))
    for _ in range(500):  # a step every hundredth of a second
        assert not heed()
        clock[0] += 0.01
    assert len(looks) == 3
    assert looks[0] == 0.0


def test_a_slow_look_makes_looks_rare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = [0.0], []
    monkeypatch.setattr(heeding.time, "monotonic", lambda: clock[0])

    def slow(self: Halts) -> None:
        looks.append(clock[0])
        clock[0] += 1.0

    monkeypatch.setattr(Halts, "why_not_go_on", slow)
    heed = Heed(lambda: False, planned(tmp_path))
    while clock[0] < 60.0:
        heed()
        clock[0] += 0.1
    assert len(looks) == 3, "a twentieth of the time"


def test_a_signal_is_heeded_at_once_and_a_halt_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heeding, "LOOK_S", 0.0)
    monkeypatch.setattr(heeding, "_SHARE", 1e9)
    store = planned(tmp_path)
    assert Heed(lambda: True, store)()
    store.halts.request()
    heed = Heed(lambda: False, store)
    assert heed()
    store.halts.withdraw()
    assert not Heed(lambda: False, store)()
    assert heed(), "the slot that began to end does not change its mind"


@pytest.mark.parametrize("settings", [LOCAL, INLINE])
def test_a_stop_saves_what_is_under_way_and_the_launch_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setenv("GANBENCH_TEST_STEP", "0.2")
    monkeypatch.setattr(heeding, "LOOK_S", 0.1)
    store, wanted = planned(tmp_path, packs=4), 2 if settings is LOCAL else 1
    asked = threading.Thread(target=_stop_when_running, args=(Store(tmp_path, "toy"), wanted))
    asked.start()
    launch(store, settings, target="stores.run_slot")
    asked.join()
    assert Slots(store.slots).live() == []
    counts = Store(tmp_path, "toy").counts()
    assert (counts["lost"], counts["planned"], counts["running"]) == (wanted, 4 - wanted, 0)
    assert sum(bool(store.checkpoints(pack)) for pack in store.plan().packs) == wanted
    assert launch(store, settings, target="stores.run_slot").started <= 1, (
        "no slot for what may not be claimed"
    )
    assert Store(tmp_path, "toy").counts() == counts
    store.halts.withdraw()
    monkeypatch.setenv("GANBENCH_TEST_STEP", "0.001")
    launch(store, settings, target="stores.run_slot")
    assert store.counts()["done"] == 4


def _stop_when_running(store: Store, packs: int) -> None:
    wait_until(lambda: store.counts()["running"] == packs)
    store.halts.request()
    Slots(store.slots).terminate()


def test_no_slot_begins_when_the_hours_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heeding, "LOOK_S", 0.0)
    monkeypatch.setenv("GANBENCH_TEST_STEP", "0.01")
    store = planned(tmp_path, packs=9)
    store.halts.limit(breaker=0, device_hours=0.5 / 3600)  # a pack takes a fifth of a second
    launch(store, INLINE, target="stores.run_slot")
    used = store.halts.device_seconds()
    assert 0.5 <= used < 1.5
    assert 0 < store.counts()["done"] < 9
    launch(store, INLINE, target="stores.run_slot")
    assert store.halts.device_seconds() == used


def test_slots_of_a_broken_sweep_end_after_a_few_packs(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=30)
    store.halts.limit(breaker=3, device_hours=None)
    launch(store, INLINE, target="stores.fail_one_by_one")
    assert store.counts()["failed"] == 3


# Memory


def test_the_kernels_counter_is_found_in_either_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    monkeypatch.setattr(memory, "_MEMBERSHIP", tmp_path / "membership")
    assert counter() is None
    new, old = tmp_path / "user" / "memory.events", tmp_path / "memory" / "job" / "memory.oom_control"
    for path in (new, old):
        path.parent.mkdir(parents=True)
    new.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    old.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n")
    (tmp_path / "membership").write_text("0::/user\n")
    assert counter() == str(new)
    (tmp_path / "membership").write_text("4:memory:/job\n0::/\n")
    assert counter() == str(old)
    assert (kills(str(new)), kills(str(old)), kills(str(tmp_path / "none"))) == (2, 7, None)


def test_a_death_is_explained_only_by_a_kill_just_before_it(tmp_path: Path) -> None:
    path, clock = tmp_path / "memory.events", [0.0]
    path.write_text("oom_kill 4\n")
    record, watch = {"memory": str(path), "oom_kills": 4}, MemoryWatch(lambda: clock[0])
    watch.look([record])
    assert watch.explain([record]) == [False]
    path.write_text("oom_kill 5\n")
    for clock[0] in (0.5, 1.0, 1.5):  # counted already, and not gone yet
        watch.look([record])
    assert watch.explain([record, record]) == [False, False], "two died, one for memory: who knows which"
    assert watch.explain([record, {}]) == [True, False]
    assert watch.explain([record]) == [False], "that kill was another slot's"
    path.write_text("oom_kill 6\n")
    assert watch.explain([record]) == [True]
    for clock[0] in (2.0, 8.0, 14.0, 20.0):
        watch.look([record])
    assert watch.explain([record]) == [False], "that was long ago"
    assert MemoryWatch().explain([{**record, "oom_kills": 5}]) == [True], "since the slot began"


@pytest.mark.parametrize("starved", [True, False])
def test_a_slot_that_was_killed_is_told_out_of_memory_only_with_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starved: bool
) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 0\n")
    monkeypatch.setenv("GANBENCH_TEST_EVENTS", str(events))
    monkeypatch.setenv("GANBENCH_TEST_KILLS", str(int(starved)))
    store = planned(tmp_path, packs=1)
    settings = {**LOCAL, "workers": 1, "restarts": 0}
    done = launch(store, settings, target="stores.die_of_memory")
    (line,) = done.failures
    folder = store.slots / "0"
    if starved:
        assert line.startswith("slot 0 was killed, out of memory: give each slot more memory (launcher.mem")
    else:
        assert line == f"slot 0 was killed: see {folder}"
    (death,) = Slots(store.slots).deaths()
    assert (death["slot"], death["cause"]) == (0, "out of memory" if starved else "killed")
    claim = store.attempts("p0")[0].claim() or {}
    assert {name: death[name] for name in ("host", "boot_id", "pid", "pid_start")}.items() <= claim.items()


def test_slurms_word_for_jobs_and_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [Job("7", "7_1", "OUT_OF_MEMORY", 0, ""), Job("7", "7_2", "FAILED", 0, "")]
    monkeypatch.setattr(memory.scheduler, "known", lambda arrays: jobs if arrays == ["7"] else [])
    asked: list[tuple[str, ...]] = []
    said = "7_2|FAILED\n7_2.0|OUT_OF_ME+\n7_3|COMPLETED\n8|CANCELLED by 0\n9_1|OUT_OF_MEMORY\n"
    monkeypatch.setattr(memory.scheduler, "ask", lambda *words: asked.append(words) or said)
    assert starved_jobs(["7_1", "7_2", "7_3", "8"]) == {"7_1", "7_2"}
    assert asked[0][-1] == "7,8"
    monkeypatch.setattr(memory.scheduler, "ask", lambda *words: None)
    assert starved_jobs(["7_2", "8"]) == set()
    assert starved_jobs([]) == set()


def test_a_launch_without_work_is_none(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    store.halts.request()
    assert launch(store, LOCAL, target="stores.run_slot") == Launched()
