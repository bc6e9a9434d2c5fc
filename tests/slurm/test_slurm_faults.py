"""What goes wrong on a cluster: killed workers, logins, daemons, full disks. Every row is there once, the right one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chains import assert_whole
from commands import plain_reports, sweep, values
from slurmwork import (
    CONTINUE_DRIVING,
    THEN,
    logs,
    outcomes,
    slots,
    start,
    tell,
    wait_for,
    wait_for_end,
    wait_for_steps,
)
from stores import planned, python

from ganbench.launch.jobs import word
from ganbench.launch.slurm import queued
from ganbench.store import Store
from ganbench.store.liveness import alive

Toy = Callable[..., Store]


def workers(store: Store) -> list[int]:
    """Return the processes that train packs now."""
    newest = [attempts[-1] for pack in store.plan().packs if (attempts := store.attempts(pack))]
    claims = [attempt.claim() or {} for attempt in newest if not attempt.outcome()]
    return [
        claim["pid"] for claim in claims if claim and alive({**claim, "host": os.uname().nodename}) is True
    ]


def test_slots_killed_at_random_moments(toy: Toy) -> None:
    """Rounds follow until all is done: a slot that was killed is another one's in the next round."""
    store, chance, kills = toy(packs=6, lanes=2, step=0.1), random.Random(3), 0
    start(store, then=THEN, max_attempts=50)
    while kills < 6:
        wait_for(lambda: workers(store))
        time.sleep(chance.uniform(0, 1.0))
        for pid in workers(store)[:1]:
            os.kill(pid, signal.SIGKILL)
            kills += 1
    wait_for_end(store)
    assert_whole(store, logs(store))
    assert word(store) == ""


@pytest.mark.parametrize("where", ["before", "between", "after"])
def test_a_login_killed_while_it_submits(toy: Toy, where: str) -> None:
    """Before anything is submitted, between the slots and what continues after them, and after both."""
    store = toy(packs=3, step=0.1)
    login = python(CONTINUE_DRIVING, store.results, where)
    out, err = login.communicate(timeout=120)
    assert login.returncode == -signal.SIGKILL, out + err
    with store.driver():
        start(store, then=THEN)
    found = queued(store)
    assert len(found.continuations) == 1
    assert len(found.slots) <= 2
    wait_for_end(store)
    assert_whole(store, logs(store))


def test_a_login_killed_while_it_watches(
    tmp_path: Path, watched: Callable[[Store], Store], small: list[str]
) -> None:
    """Nobody is logged in any more, and the sweep of real trainings comes to its report."""
    with plain_reports():
        assert sweep(tmp_path / "undisturbed", "rerun=null").code == 0
    store = watched(Store(tmp_path, "quickstart"))
    main = "import commands, pathlib, sys; commands.sweep(pathlib.Path(sys.argv[1]), *sys.argv[2:], launcher='slurm')"
    login = python(main, tmp_path, "rerun=null", *small, "--watch")
    wait_for(lambda: store.exists() and store.attempts(next(iter(store.plan().packs), "none")))
    login.kill()
    login.communicate(timeout=60)
    wait_for_end(store)
    assert values(store.folder).equals(values(tmp_path / "undisturbed" / "quickstart")), logs(store)
    assert (store.folder / "report" / "report.json").exists()


def test_a_requeue_by_hand(toy: Toy) -> None:
    store = toy(packs=2, lanes=2, step=0.25)
    start(store, then=THEN)
    wait_for_steps(store, 2)
    tell("scontrol", "requeue", slots(store)[0].key)
    wait_for_end(store)
    assert_whole(store, logs(store))
    assert [outcomes(store, pack)[-1] for pack in ("p0", "p1")] == ["done", "done"]
    assert word(store) == ""


def test_two_users_at_once(toy: Toy) -> None:
    """Each gives the same command at the same moment: one drives, the other is told, or adopts what the first left."""
    store = toy(packs=6, step=0.1)
    gate = store.results / "gate"
    logins = [python(CONTINUE_DRIVING, store.results, "whole") for _ in range(2)]
    for login in logins:
        assert login.stdout is not None
        assert login.stdout.readline() == "ready\n"
    gate.touch()
    said = [login.communicate(timeout=120)[0].split() for login in logins]
    assert all(words in (["submitted"], ["refused"]) for words in said), said
    assert ["submitted"] in said
    assert len(slots(store)) <= 2
    assert len(queued(store).continuations) == 1
    wait_for_end(store)
    assert_whole(store, logs(store))
    assert all(len(store.attempts(pack)) == 1 for pack in store.plan().packs)


@pytest.mark.slow
def test_the_daemon_of_a_node_is_killed(toy: Toy, last_node: None) -> None:
    """The node is declared down and the job runs again, while what SLURM lost sight of still trains there.

    An operator declares it: SLURM itself would after `SlurmdTimeout`, or minutes later where a ping of it hangs.
    """
    root = Path(os.environ["SLURM_CONF"]).parents[1]
    store = toy(packs=1, lanes=2, step=1.5)
    start(store, partition="low", then=THEN)
    wait_for_steps(store)
    (first,) = workers(store)
    daemon = int((root / "run" / "slurmd-node4.pid").read_text())
    command = Path(f"/proc/{daemon}/cmdline").read_bytes().split(b"\0")[:-1]
    names = [f"/proc/{daemon}/ns/{kind}" for kind in ("uts", "mnt")]
    held = [os.open(name, os.O_RDONLY) for name in names]
    os.kill(daemon, signal.SIGKILL)
    try:
        tell("scontrol", "update", "nodename=node4", "state=down", "reason=gone")
        wait_for(lambda: "down" in tell("sinfo", "-h", "-n", "node4", "-p", "low", "-o", "%T"))
        assert alive({**(store.attempts("p0")[0].claim() or {}), "host": os.uname().nodename}), first
    finally:
        enter = [f"--uts=/proc/self/fd/{held[0]}", f"--mount=/proc/self/fd/{held[1]}"]
        subprocess.run(["nsenter", *enter, *command], check=True, pass_fds=held, stdin=subprocess.DEVNULL)
        for descriptor in held:
            os.close(descriptor)
    wait_for(lambda: "idle" in tell("sinfo", "-h", "-n", "node4", "-p", "low", "-o", "%T") or slots(store))
    wait_for_end(store)
    assert_whole(store, logs(store))


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a small disk; return its folder as every node sees it, which have mounts of their own."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "small", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, f"this test mounts a small disk, for which it must be root: {made.stderr}"
    try:
        yield Path(f"/proc/{os.getpid()}/root{folder}")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path) -> None:
    """Write until the disk refuses."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))


def test_a_disk_that_fills_up_and_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watched: Callable[[Store], Store]
) -> None:
    monkeypatch.setenv("GANBENCH_TEST_STEP", "0.2")
    with mounted(tmp_path / "disk", "2m") as disk:
        store = watched(planned(disk, packs=4, lanes=2))
        start(store, then=THEN)
        wait_for_steps(store, 2)
        with pytest.raises(OSError, match="No space left"):
            fill(disk / "filler")
        wait_for_end(store)
        assert Store(disk, "toy").counts()["done"] < 4
        (disk / "filler").unlink()
        start(store, then=THEN)
        wait_for_end(store)
        assert_whole(store, logs(store))


def test_a_results_folder_that_becomes_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watched: Callable[[Store], Store]
) -> None:
    monkeypatch.setenv("GANBENCH_TEST_STEP", "0.2")
    with mounted(tmp_path / "disk", "2m") as disk:
        store = watched(planned(disk, packs=4, lanes=2))
        start(store, then=THEN)
        wait_for_steps(store, 2)
        tell("mount", "--bind", str(tmp_path / "disk"), str(tmp_path / "disk"))
        try:
            tell("mount", "-o", "remount,bind,ro", str(tmp_path / "disk"))
            wait_for_end(store)
        finally:
            tell("umount", "--lazy", str(tmp_path / "disk"))
        assert Store(disk, "toy").counts()["done"] < 4
        start(store, then=THEN)
        wait_for_end(store)
        assert_whole(store, logs(store))
