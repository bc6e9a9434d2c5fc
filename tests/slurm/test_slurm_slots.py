"""Slots as jobs: what they see, how they are counted, adopted and judged, and what cannot be submitted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slurmwork import logs, settings, slots, start, tell, wait_for, wait_for_end, wait_for_steps
from stores import planned

from ganbench import scheduler
from ganbench.errors import ConfigError
from ganbench.launch import Launched, batch_script
from ganbench.launch.jobs import folder_of
from ganbench.launch.slurm import job_name
from ganbench.store import Store

Toy = Callable[..., Store]


def seen(store: Store, pack_id: str) -> dict[str, Any]:
    provenance = store.attempts(pack_id)[0].provenance()
    assert provenance is not None, logs(store)
    return provenance


def test_one_array_of_small_jobs_trains_all(toy: Toy) -> None:
    store = toy(packs=6)
    done = start(store)
    assert (done.started, done.adopted) == (2, 0)
    assert done.detached.startswith("2 slots submitted as job ")
    pickles = list(folder_of(store).glob("*_submitted.pkl"))
    assert len(pickles) == 2
    assert all(path.stat().st_size < 1000 for path in pickles)
    wait_for_end(store)
    assert store.counts()["done"] == 6, logs(store)
    assert all(len(store.attempts(pack)) == 1 for pack in store.plan().packs)
    claims = [seen(store, pack) for pack in store.plan().packs]
    assert {claim["slurm"]["SLURM_CLUSTER_NAME"] for claim in claims} == {"virtual"}
    assert len({claim["slurm"]["SLURM_ARRAY_JOB_ID"] for claim in claims}) == 1
    assert start(store) == Launched(), "nothing is left"
    assert sorted(path.suffix for path in folder_of(store).iterdir()) == [
        ".json",
        ".json",
        ".out",
        ".out",
        ".sh",
    ]


@pytest.mark.parametrize("use_srun", [True, False])
def test_the_sites_choices_reach_the_slot(toy: Toy, monkeypatch: pytest.MonkeyPatch, use_srun: bool) -> None:
    store = toy(packs=2)
    more = {"cpus": 3, "gres": "gpu:1", "nodelist": "node2", "setup": ["export MARK=here"]}
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    start(store, "slurmwork.tell_where", use_srun=use_srun, **more)
    wait_for_end(store)
    found = [seen(store, pack)["seen"] for pack in ("p0", "p1")]
    assert sorted(one["CUDA_VISIBLE_DEVICES"] for one in found) == ["0", "1"]
    for one in found:
        assert one["OMP_NUM_THREADS"] == "1"
        assert (one["SLURMD_NODENAME"], one["SLURM_CPUS_PER_TASK"], one["MARK"]) == ("node2", "3", "here")


def test_what_dry_run_shows_is_what_is_submitted(toy: Toy) -> None:
    store = toy(packs=2)
    shown = batch_script(store, settings(), 2)
    start(store)
    (script,) = folder_of(store).glob("*_submission.sh")
    assert script.read_text() == shown


def test_a_second_launch_adopts_what_lives_and_adds_only_what_is_missing(toy: Toy) -> None:
    store = toy(packs=8, step=0.3)
    start(store)
    again = start(Store(store.results, store.name))
    assert (again.started, again.adopted) == (0, 2), "those that only wait count as well"
    wait_for_steps(store, 2)
    again = start(Store(store.results, store.name), total=3)
    assert (again.started, again.adopted) == (1, 2)
    assert len(slots(store)) == 3


def test_jobs_on_other_machines_are_judged_by_one_call_of_squeue(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = toy(packs=3, step=30), []
    start(store, workers=3)
    wait_for_steps(store, 3)
    hosts = {
        (attempt.claim() or {})["host"] for pack in store.plan().packs for attempt in store.attempts(pack)
    }
    real = scheduler.ask
    monkeypatch.setattr(scheduler, "FRESH_S", 60.0)
    monkeypatch.setattr(scheduler, "ask", lambda *words: asked.append(words[0]) or real(*words))
    assert Store(store.results, store.name).states() == dict.fromkeys(["p0", "p1", "p2"], "running")
    assert asked.count("squeue") == (0 if hosts == {os.uname().nodename} else 1)
    monkeypatch.setattr(scheduler, "FRESH_S", 0.2)
    tell("scancel", "--signal=KILL", slots(store)[0].key)
    wait_for(lambda: Store(store.results, store.name).counts()["lost"] == 1)


def test_another_folders_sweep_of_the_same_name_is_not_adopted(
    toy: Toy, tmp_path: Path, watched: Callable[[Store], Store]
) -> None:
    first, second = toy(packs=1, step=30), watched(planned(tmp_path / "other", packs=1))
    assert job_name(first) != job_name(second)
    start(first)
    assert start(second).adopted == 0


def test_what_sbatch_refuses_is_said_in_its_words_and_leaves_nothing(toy: Toy) -> None:
    store = toy(packs=2)
    with pytest.raises(ConfigError, match=r"sbatch refuses: .*invalid partition.*launcher\.<setting>"):
        start(store, partition="moon")
    with pytest.raises(ConfigError, match="sbatch refuses: "):
        start(store, cpus=99)
    assert not list(folder_of(store).glob("*.pkl"))
    assert store.counts()["planned"] == 2


def test_no_more_slots_than_the_sites_arrays_hold(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (scheduler.site() or {})["MaxArraySize"] == "1001"
    monkeypatch.setattr(scheduler, "site", lambda: {"ClusterName": "virtual", "MaxArraySize": "3"})
    store = toy(packs=6)
    done = start(store, workers=5)
    assert done.started == 3
    assert done.detached.startswith("3 slots submitted as job ")
    assert done.detached.endswith("; this site's MaxArraySize allows 3 at once")
