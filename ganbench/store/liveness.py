"""Who holds a claim, and is it still alive? Asked of the kernel, then the scheduler, then the heartbeat."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ganbench.scheduler import Scheduler

ALIVE, DEAD, UNVERIFIED = "alive", "dead", "unverified"
PATIENCE_S = 300.0  # a heartbeat that stands still for so long, while we look, has stopped
_SLURM = (
    "SLURM_CLUSTER_NAME",
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_RESTART_COUNT",
)
_LOCAL_JOB = "SUBMITIT_LOCAL_JOB_ID"  # names the file that a local slot's output goes to

Claim = Mapping[str, Any]


def identity() -> dict[str, Any]:
    """Return what tells this process from every other one: machine, boot, pid and its start, user, its job."""
    slurm = {name: os.environ[name] for name in _SLURM if name in os.environ}
    local = {"local_job": os.environ[_LOCAL_JOB]} if _LOCAL_JOB in os.environ else {}
    return {**_machine(), **process(os.getpid()), "uid": os.getuid(), "slurm": slurm, **local}


def process(pid: int) -> dict[str, Any]:
    """Return a process of this machine as a claim names it."""
    return {**_machine(), "pid": pid, "pid_start": _status(pid).start}


def alive(claim: Claim) -> bool | None:
    """Return whether the claiming process lives; None where this machine cannot tell."""
    here = _machine()
    if any(claim.get(key) != here[key] for key in ("host", "machine_id")):
        return None
    if claim.get("boot_id") != here["boot_id"]:
        return False  # this machine, an earlier life
    if claim.get("pid_namespace") != here["pid_namespace"]:
        return None  # another container: its pids mean nothing here
    return _running(claim["pid"], claim.get("pid_start"))


class Observer:
    """Judges claims over time: `verdict` says alive, dead or, where that needs a second look, unverified.

    `scheduler` is asked about claims made inside a SLURM job on another machine; None: it does not know.
    """

    def __init__(
        self,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        scheduler: Callable[[Claim], bool | None] | None = None,
    ) -> None:
        self._patience_s, self._clock, self._scheduler = patience_s, clock, scheduler or Scheduler()
        self._seen: dict[str, _Beat] = {}

    def verdict(self, key: str, claim: Claim | None, beat: str | None) -> str:
        """Judge the claim called `key` whose heartbeat counter reads `beat`."""
        known = alive(claim) if claim else None
        if known is None and claim and claim.get("slurm"):
            known = self._scheduler(claim)
        if known is None:
            return self._by_heartbeat(key, beat)
        return ALIVE if known else DEAD

    def _by_heartbeat(self, key: str, beat: str | None) -> str:
        now, last = self._clock(), self._seen.get(key)
        if last is None or last.beat != beat:
            self._seen[key] = _Beat(beat, now, moved=last is not None)
            return ALIVE if last else UNVERIFIED
        if now - last.since >= self._patience_s:
            return DEAD
        return ALIVE if last.moved else UNVERIFIED


class _Beat(NamedTuple):
    beat: str | None
    since: float
    moved: bool


class _Status(NamedTuple):
    state: str
    start: int | None  # clock ticks after boot


def _running(pid: int, start: int | None) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's: it exists
    status = _status(pid)
    if status.state in ("Z", "X"):  # ended, and only not yet collected by its parent
        return False
    return None in (start, status.start) or start == status.start


def _status(pid: int) -> _Status:
    """Read /proc/<pid>/stat; the name, in parentheses, may itself hold blanks and parentheses."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return _Status("", None)
    return _Status(fields[0], int(fields[19]))


@lru_cache(maxsize=1)
def _machine() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "machine_id": _read("/etc/machine-id"),
        "boot_id": _read("/proc/sys/kernel/random/boot_id"),
        "pid_namespace": _pid_namespace(),
    }


def _pid_namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
