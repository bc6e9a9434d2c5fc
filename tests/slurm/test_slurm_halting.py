"""Sweeps on a real cluster that are stopped, fail alike or have used their hours; and what their slots printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import SHORT, TINY, ganbench, plain_reports, sweep, values
from slurmwork import THEN, logs, outcomes, slots, start, tell, wait_for, wait_for_end, wait_for_steps
from stores import environment, planned

from ganbench.launch.jobs import folder_of, word
from ganbench.launch.slurm import queued
from ganbench.scheduler import known
from ganbench.store import Store

Toy = Callable[..., Store]


def stop(store: Store, *more: str) -> str:
    ran = ganbench("stop", store.name, *more, "--results", store.results)
    assert ran.code == 0, ran
    return ran.err


def submissions(store: Store) -> int:
    return len(list(folder_of(store).glob("*_submission.sh")))


def test_a_stop_lets_every_slot_save_and_nothing_goes_on(toy: Toy) -> None:
    store = toy(packs=4, step=0.25)
    start(store, then=THEN)
    wait_for_steps(store, 2)
    array = slots(store)[0].array
    assert "SLURM 2 jobs (" in (said := stop(store)), said
    assert array in said
    wait_for_end(store)
    assert [outcomes(store, pack) for pack in store.plan().packs].count(["stopped"]) == 2, logs(store)
    assert len([pack for pack in store.plan().packs if store.checkpoints(pack)]) == 2
    assert [job.restarts for job in known([array])] == [0, 0]
    assert word(store).startswith("`ganbench stop toy` was given by "), logs(store)
    assert submissions(store) == 2, "slots once, one continuation"
    assert store.halts.withdraw() is not None
    start(store, then=THEN)
    wait_for_end(store)
    assert Store(store.results, store.name).counts()["done"] == 4, logs(store)


def test_a_stop_at_once_cancels_this_sweeps_jobs_and_no_others(
    toy: Toy, tmp_path: Path, watched: Callable[[Store], Store]
) -> None:
    store, other = toy(packs=2, step=30.0), watched(planned(tmp_path / "other", packs=1))
    start(store, then=THEN)
    start(other, then=THEN)
    wait_for_steps(store, 2)
    wait_for_steps(other)
    said = stop(store, "--now")
    assert "cancelled; the same `ganbench sweep toy …` continues" in said
    wait_for_end(store, 40.0)
    assert submissions(store) == 2, "no continuation follows"
    assert store.counts()["lost"] == 2
    assert (len(queued(other).slots), len(queued(other).continuations)) == (1, 1)
    assert stop(store) == "toy is not running: nothing to stop\n"


def test_packs_that_all_fail_alike_end_the_sweep(toy: Toy) -> None:
    store = toy(packs=20)
    store.halts.limit(breaker=3, device_hours=None)
    start(store, "stores.fail_one_by_one", then=THEN, workers=1)
    wait_for_end(store)
    assert store.counts()["failed"] == 3, logs(store)
    assert word(store).startswith("all 3 packs that ended failed alike (ValueError)")
    assert submissions(store) == 2


def test_hours_that_are_used_end_the_sweep_and_more_continue_it(toy: Toy) -> None:
    store = toy(packs=8, step=0.05)
    store.halts.limit(breaker=0, device_hours=2.5 / 3600)  # a pack takes a second
    start(store, then=THEN)
    wait_for_end(store)
    done = Store(store.results, store.name).counts()["done"]
    assert 0 < done < 8, logs(store)
    assert 2.5 <= store.halts.device_seconds() < 10
    assert "of 0.000694444 device-hours are used" in word(store)
    store.halts.limit(breaker=0, device_hours=None)
    start(store, then=THEN)
    wait_for_end(store)
    assert Store(store.results, store.name).counts()["done"] == 8, logs(store)
    assert word(store) == ""


def test_the_output_of_a_job_is_found_and_its_end_told(toy: Toy) -> None:
    store = toy(packs=2, step=10.0)
    start(store, workers=1)
    wait_for_steps(store)
    (slot,) = slots(store)
    tell("scancel", "--signal=KILL", slot.key)
    wait_for_end(store)
    found = ganbench("logs", "toy", "p0", "--results", store.results, "--json").json()
    (attempt,) = found["attempts"]
    assert attempt["where"].startswith(f"SLURM job {slot.key}, process ")
    (path,) = attempt["output"]
    assert Path(path) == folder_of(store) / f"{slot.key}_0_log.out"
    assert attempt["ended"].startswith("killed (SLURM says "), "no guess of memory"
    assert "submitit INFO" in ganbench("logs", "toy", "t0", "--results", store.results).out


@pytest.mark.slow
def test_who_watches_is_told_of_a_stop_and_the_same_command_ends_it_bit_for_bit(
    tmp_path: Path, watched: Callable[[Store], Store]
) -> None:
    # ten seconds of steps: a stop is heard after two or three
    long = ("budget.steps=4000", "budget.every=2000", "budget.checkpoint_seconds=0.1")
    site = ("launcher.mem=500M", "launcher.signal_s=30", "--workers", "1")
    store = watched(Store(tmp_path / "results", "quickstart"))
    few = ("model=ns_gan", "dataset=ring", "search.trials=2", "rerun=null", *TINY, *SHORT, *long, *site)
    command = [sys.executable, "-c", "from ganbench.cli import main; main()", "sweep", "quickstart", *few]
    more = ["--launcher", "slurm", "--watch", "--results", str(store.results)]
    watcher = subprocess.Popen(
        [*command, *more], env={**os.environ, **environment()}, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: list(store.folder.glob("packs/*/attempt-1/checkpoint-*.pt")))
    stop(store)
    _, said = watcher.communicate(timeout=120)
    assert watcher.returncode == 130, said
    assert said.splitlines()[-1].startswith("ganbench: stopped; `ganbench stop quickstart` was given by ")
    with plain_reports():
        ran = sweep(store.results, *long, *site, "--watch", launcher="slurm")
        assert (ran.code, "goes on, after `ganbench stop`" in ran.err) == (0, True), logs(store)
        assert sweep(tmp_path / "undisturbed", *long).code == 0
    assert values(store.folder).equals(values(tmp_path / "undisturbed" / "quickstart"))
