"""Slots as real processes of submitit, with a worker that only pretends to train."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stores import LOCAL, ROOT, STEPS, claimed, environment, finish, planned, score

from ganbench.errors import ConfigError, StoreError, UserError
from ganbench.launch import Launched, base, launch, launcher_settings, local
from ganbench.launch.slots import SlotJob, Slots
from ganbench.store import Store
from ganbench.store.liveness import identity

INLINE = {"kind": "inline"}


@pytest.fixture(autouse=True)
def _children_import_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setattr(base, "POLL_S", 0.1)


@pytest.mark.parametrize("name", ["inline", "local"])
def test_every_launcher_has_settings(name: str) -> None:
    assert launcher_settings(name)["kind"] == name


def test_the_number_of_workers_overrides(tmp_path: Path) -> None:
    assert set(LOCAL) == set(launcher_settings("local"))
    assert launcher_settings("local")["workers"] == 2
    crew = local.Crew(planned(tmp_path), launcher_settings("local", workers=5), "")
    assert crew._size == 5


def test_an_unknown_launcher_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'moon' is not known: choose inline or local"):
        launcher_settings("moon")
    with pytest.raises(ConfigError, match="'moon' is not known"):
        launch(planned(tmp_path), {"kind": "moon"})


def test_inline_runs_every_pack_here(tmp_path: Path) -> None:
    store, seen = planned(tmp_path, packs=3), []
    done = launch(store, INLINE, target="stores.run_slot", on_progress=seen.append)
    assert done == Launched(started=1)
    assert store.counts()["done"] == 3
    assert seen[-1] == store.counts()
    assert held_pids(store) == {os.getpid()}


def held_pids(store: Store) -> set[int]:
    found = [attempt.provenance() for pack in store.plan().packs for attempt in store.attempts(pack)]
    return {provenance["pid"] for provenance in found if provenance}


def test_local_runs_every_pack_in_slots_of_one_thread(tmp_path: Path) -> None:
    store, seen = planned(tmp_path, packs=6), []
    done = launch(store, {**LOCAL, "restarts": 0}, target="stores.run_own", on_progress=seen.append)
    assert done == Launched(started=2)
    assert store.counts()["done"] == 6
    assert seen[-1] == store.counts()
    pids = held_pids(store)
    assert os.getpid() not in pids
    assert len(pids) == 2
    provenance = store.attempts("p0")[0].provenance()
    assert provenance is not None
    assert (provenance["threads"], provenance["cuda"]) == ("1", "")
    assert os.environ.get("OMP_NUM_THREADS", "1") == "1"
    assert Slots(store.slots).live() == []
    assert list(store.slots.glob("0/*_log.out"))


def test_nothing_is_started_where_nothing_is_left(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    finish(claimed(store, "p0"), score("t0"))
    for settings in (LOCAL, INLINE):
        assert launch(store, settings, target="stores.broken") == Launched()
    assert not (store.slots / "0").exists()


def test_no_more_slots_than_packs(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    assert launch(store, LOCAL, target="stores.run_slot") == Launched(started=1)


def test_failed_packs_run_again_on_request(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    claimed(store, "p0").fail("Traceback\nValueError: no")
    again = Store(tmp_path, "toy")
    assert launch(again, LOCAL, target="stores.run_slot") == Launched()
    assert launch(again, LOCAL, target="stores.run_slot", retry_failed=True).started == 1
    assert again.counts()["done"] == 1


@pytest.mark.parametrize("settings", [LOCAL, INLINE])
def test_a_pack_that_fails_again_is_retried_once(tmp_path: Path, settings: dict[str, Any]) -> None:
    store = planned(tmp_path, packs=1)
    claimed(store, "p0").fail("Traceback\nValueError: no")
    done = launch(Store(tmp_path, "toy"), settings, target="stores.fail", retry_failed=True)
    assert done.started == 1
    outcomes = [attempt.outcome() for attempt in store.attempts("p0")]
    assert [o and o["outcome"] for o in outcomes] == ["failed", "stopped", "failed"]


def test_a_slot_that_was_killed_is_replaced_and_its_pack_resumed(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    done = launch(store, LOCAL, target="stores.die_once")
    assert done.started == 2
    assert len(done.failures) == 1
    assert done.failures[0].startswith("slot 0 was killed: see ")
    assert store.counts()["done"] == 1
    assert [a.number for a in store.attempts("p0")] == [1, 2]


def test_slots_that_always_die_are_given_up(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    done = launch(store, {**LOCAL, "workers": 1, "restarts": 1}, target="stores.die")
    assert done.started == 2
    assert len(done.failures) == 2
    assert store.counts()["lost"] == 1


@pytest.mark.parametrize(("packs", "started"), [(1, 0), (2, 1), (4, 1)])
def test_a_busy_slot_takes_none_of_the_work_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packs: int, started: int
) -> None:
    """A slot that died beside one that trains is replaced for the one pack that waits."""
    store = planned(tmp_path, packs=packs)
    claimed(store, "p0")
    Slots(store.slots).reserve(0, os.getpid())
    crew, starts = local.Crew(store, LOCAL, ""), []
    monkeypatch.setattr(crew, "_start", lambda: starts.append(1))
    assert crew.busy()
    assert len(starts) == started


def test_a_slot_that_ends_in_a_bug_says_so(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    done = launch(store, {**LOCAL, "restarts": 0, "workers": 1}, target="stores.broken")
    assert len(done.failures) == 1
    assert done.failures[0].startswith("slot 0 ended with ZeroDivisionError: a bug: see ")
    log = next((store.slots / "0").glob("*_log.out")).read_text()
    assert "ZeroDivisionError: a bug" in log


def test_what_the_user_can_mend_comes_up_in_its_own_words(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=4)
    with pytest.raises(UserError) as caught:
        launch(store, LOCAL, target="stores.full_disk")
    assert str(caught.value) == "the disk is full: free some space"
    assert len(list(store.slots.glob("?/*_log.out"))) == 2, "no slot is started again"


def test_a_slot_that_could_not_even_leave_word_has_the_disk_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path, packs=1)

    def full(folder: Path) -> None:
        raise StoreError(f"cannot write to {folder}")

    monkeypatch.setattr("ganbench.files.check_writable", full)
    with pytest.raises(StoreError, match="cannot write to"):
        launch(store, {**LOCAL, "workers": 1, "restarts": 0}, target="stores.die")


def test_a_results_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    store.slots.write_text("a file")
    with pytest.raises(StoreError, match="a file stands where a folder is needed"):
        launch(store, LOCAL, target="stores.run_slot")


def test_a_slot_starting_when_its_driver_is_killed_is_known(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "slots")
    slots.reserve(0, os.getpid())
    assert slots.live() == [0]
    slots.occupy(0)
    slots.leave(0, None)
    slots.reserve(0, os.getpid())
    assert slots.live() == [], "the slot's own word stands"
    slots.free(0)
    slots.reserve(0, os.getpid())
    assert slots.live() == [0]
    assert [path.name for path in (tmp_path / "slots").iterdir()] == ["0.json"]


def test_a_slot_job_is_small() -> None:
    assert len(pickle.dumps(SlotJob("/a/results/folder", "quickstart", 3))) < 500


def test_a_slot_takes_the_device_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-b")
    assert local.visible_devices() == ["4", "GPU-b"]
    store = planned(tmp_path, packs=2)
    assert launch(store, {**LOCAL, "workers": 9, "restarts": 0}, target="stores.run_own").started == 2
    found = [store.attempts(pack)[0].provenance() for pack in ("p0", "p1")]
    assert [provenance and provenance["cuda"] for provenance in found] == ["4", "GPU-b"]
    assert local.Crew(store, {**LOCAL, "per_gpu": 3}, "")._size == 6
    crew = local.Crew(store, {**LOCAL, "per_gpu": 0}, "")
    assert (crew._devices, crew._size) == ([], 2)


def test_gpus_are_counted_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert local.visible_devices() == []
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho '  MIG 1g: y'\necho 'GPU 1: A (UUID: z)'\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert local.visible_devices() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert local.visible_devices() == []


def test_launching_loads_no_torch() -> None:
    code = "import sys, ganbench.launch; print('torch' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert said.stdout == "False\n"


@pytest.mark.parametrize("settings", [LOCAL, INLINE])
def test_a_pack_out_of_sight_is_waited_for_and_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    here = identity()
    with monkeypatch.context() as patch:
        patch.setattr("ganbench.store.folder.identity", lambda: {**here, "host": "another"})
        claimed(planned(tmp_path, packs=1), "p0")
    store = Store(tmp_path, "toy", patience_s=0.5)
    assert launch(store, settings, target="stores.run_slot").started == 1
    outcomes = [attempt.outcome() for attempt in store.attempts("p0")]
    assert [o and o["outcome"] for o in outcomes] == [None, "stopped", "done"]


def test_a_pack_that_lives_elsewhere_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = identity()
    with monkeypatch.context() as patch:
        patch.setattr("ganbench.store.folder.identity", lambda: {**here, "host": "another"})
        attempt = claimed(planned(tmp_path, packs=1), "p0")
    store = Store(tmp_path, "toy", patience_s=2.0)
    launch(store, LOCAL, target="stores.broken", on_progress=lambda _: attempt.heartbeat())
    assert [a.number for a in store.attempts("p0")] == [1]
    assert store.counts()["running"] == 1


def test_the_toy_trains_as_long_as_the_store_thinks() -> None:
    assert STEPS == 20
    assert (ROOT / "conf/launcher/local.yaml").is_file()
