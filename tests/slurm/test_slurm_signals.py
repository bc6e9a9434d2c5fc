"""What SLURM tells a slot: limits and pre-emption bring it back, a cancel does not; work is saved either way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from chains import assert_whole
from slurmwork import (
    THEN,
    logs,
    outcomes,
    record,
    slots,
    start,
    tell,
    wait_for,
    wait_for_end,
    wait_for_steps,
)

from ganbench.launch.jobs import word
from ganbench.scheduler import known
from ganbench.store import Store
from ganbench.store.attempts import checkpoint_step

Toy = Callable[..., Store]


def restarts(store: Store, pack_id: str) -> list[int]:
    """Return which run of its job each attempt belongs to."""
    claims = [attempt.claim() or {} for attempt in store.attempts(pack_id)]
    return [int(claim["slurm"].get("SLURM_RESTART_COUNT", 0)) for claim in claims]


@pytest.mark.parametrize("use_srun", [True, False])
def test_usr2_saves_at_the_next_step_and_queues_again(toy: Toy, use_srun: bool) -> None:
    store = toy(packs=1, step=0.25)
    start(store, use_srun=use_srun)
    wait_for_steps(store)
    (slot,) = slots(store)
    tell("scancel", "--signal=USR2", *([] if use_srun else ["--batch"]), slot.key)
    wait_for_end(store)
    assert outcomes(store, "p0") == ["stopped", "done"], logs(store)
    assert_whole(store)
    assert restarts(store, "p0") == [0, 1], "the same job came back"
    (first,) = store.checkpoints("p0")
    assert 0 < checkpoint_step(first) < 20


@pytest.mark.slow
def test_the_time_limit_is_announced_and_survived(toy: Toy) -> None:
    """The limit is a minute; the work takes longer than SLURM lets it run (it announces up to a minute early)."""
    store = toy(packs=1, step=2.0)
    start(store, time_min=1, signal_s=20)
    wait_for_end(store)
    assert outcomes(store, "p0")[-1] == "done", logs(store)
    assert set(outcomes(store, "p0")[:-1]) == {"stopped"}
    assert restarts(store, "p0") == list(range(len(store.attempts("p0"))))
    assert len(store.attempts("p0")) >= 2
    assert_whole(store)


def test_pre_emption_lets_the_slot_save_and_come_back(toy: Toy, last_node: None) -> None:
    store = toy(packs=1, step=0.5)
    start(store, partition="low", cpus=16)
    wait_for_steps(store)
    tell("sbatch", "--partition=high", "--cpus-per-task=16", "--output=/dev/null", "--wrap=sleep 3")
    wait_for_end(store)
    assert outcomes(store, "p0") == ["stopped", "done"], logs(store)
    assert_whole(store)
    assert restarts(store, "p0") == [0, 1]


def test_a_cancelled_sweep_stays_cancelled_until_the_same_command(toy: Toy) -> None:
    store = toy(packs=4, step=0.25)
    start(store, then=THEN)
    wait_for_steps(store, 2)
    running = [slot.key for slot in slots(store)]
    tell("scancel", running[0].partition("_")[0])
    wait_for_end(store)
    assert [record(store, key)["ended"]["signal"] for key in running] == ["SIGTERM", "SIGTERM"]
    assert [job.restarts for job in known([running[0].partition("_")[0]])] == [0, 0]
    assert [outcomes(store, pack) for pack in store.plan().packs].count(["stopped"]) == 2
    assert "cancelled: what is left waits; the same command continues" in word(store)
    assert len(store.checkpoints("p0")) == 1, "what was under way is saved"
    again = start(store, then=THEN)
    assert again.started == 2
    wait_for_end(store)
    assert word(store) == ""
    assert_whole(store, logs(store))


def test_a_term_before_usr2_is_a_cancel_all_the_same(toy: Toy) -> None:
    store = toy(packs=1, step=2.0)
    start(store)
    wait_for_steps(store)
    (slot,) = slots(store)
    tell("scancel", "--signal=TERM", slot.key)
    tell("scancel", "--signal=USR2", slot.key)
    wait_for_end(store)
    assert outcomes(store, "p0") == ["stopped"]
    assert [job.restarts for job in known([slot.array])] == [0]


def test_the_others_take_over_from_a_cancelled_slot(toy: Toy) -> None:
    store = toy(packs=6, step=0.1)
    start(store, then=THEN)
    wait_for_steps(store, 2)
    tell("scancel", slots(store)[0].key)
    wait_for_end(store)
    assert_whole(store, logs(store))
    assert word(store) == ""


def test_a_slot_that_has_nothing_left_does_not_come_back(toy: Toy) -> None:
    store = toy(packs=1, step=0.2)
    start(store, "slurmwork.finish_deaf")
    wait_for_steps(store)
    (slot,) = slots(store)
    tell("scancel", "--signal=USR2", slot.key)
    wait_for_end(store)
    assert store.counts()["done"] == 1
    assert [job.restarts for job in known([slot.array])] == [0]
    wait_for(lambda: [job.state for job in known([slot.array])] == ["COMPLETED"])
