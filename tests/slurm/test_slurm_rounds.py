"""The continuation: it looks at what the slots left behind, and goes on or says why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from slurmwork import THEN, logs, outcomes, slots, start, tell, wait_for, wait_for_end, wait_for_steps

from ganbench.launch.jobs import folder_of, word
from ganbench.launch.slurm import queued
from ganbench.store import Store
from ganbench.store.driver import DrivenError

Toy = Callable[..., Store]


def test_a_pack_whose_slot_was_killed_runs_again(toy: Toy) -> None:
    store = toy(packs=1)
    start(store, "stores.die_once", then=THEN)
    wait_for_end(store)
    assert outcomes(store, "p0") == [None, "done"], logs(store)
    assert len({(a.claim() or {})["slurm"]["SLURM_JOB_ID"] for a in store.attempts("p0")}) == 2


def test_a_pack_that_is_killed_every_time_is_given_up(toy: Toy) -> None:
    store = toy(packs=3)
    start(store, "slurmwork.die_always", then=THEN, workers=1, max_attempts=2)
    wait_for_end(store)
    assert outcomes(store, "p0") == [None, None, "failed"], logs(store)
    assert Store(store.results, store.name).counts()["done"] == 2
    (failure,) = store.failures("p0")
    assert failure["signature"] == "KilledError"
    assert "launcher.mem" in failure["message"]


def test_slots_that_cannot_even_begin_are_not_submitted_for_ever(toy: Toy) -> None:
    store = toy(packs=1)
    start(store, "slurmwork.idle", then=THEN)
    wait_for_end(store)
    assert word(store).startswith("slots ended before they began any work (no word): see ")
    assert len(list(folder_of(store).glob("*_submission.sh"))) == 2, "slots once, one continuation"


def test_what_the_user_must_mend_halts_the_sweep(toy: Toy) -> None:
    store = toy(packs=1)
    start(store, "stores.full_disk", then=THEN)
    wait_for_end(store)
    assert word(store) == "the disk is full: free some space; the same command continues"


def test_one_continuation_waits_however_often_the_command_is_given(toy: Toy) -> None:
    store = toy(packs=4, step=5.0)
    start(store, then=THEN)
    wait_for_steps(store, 2)
    start(Store(store.results, store.name), then=THEN)
    assert len(queued(store).continuations) == 1
    start(Store(store.results, store.name), then=THEN, total=3)
    assert len(queued(store).continuations) == 2, "the newer one also waits for the new slot"
    assert len(slots(store)) == 3


def test_a_driver_on_a_node_is_respected_until_its_job_is_gone(toy: Toy) -> None:
    store = toy(packs=1)
    start(store, then="slurmwork.hang_driving")
    wait_for(lambda: list(store.slots.glob("driver-*/claim.json")))
    (job,) = queued(store).continuations
    with pytest.raises(DrivenError, match=rf"\(SLURM job {job.key}\): wait for it"), store.driver():
        pass
    tell("scancel", "--signal=KILL", "--batch", job.key)
    wait_for_end(store)
    with store.driver():
        pass


def test_a_slot_that_queues_again_is_waited_for(toy: Toy) -> None:
    store = toy(packs=2, step=0.25)
    start(store, then=THEN)
    wait_for_steps(store, 2)
    tell("scancel", "--signal=USR2", slots(store)[1].key)
    wait_for_end(store)
    assert Store(store.results, store.name).counts()["done"] == 2, logs(store)
    assert word(store) == ""
