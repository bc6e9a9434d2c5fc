"""Evidence that a slot was killed for want of memory: the kernel's counters, or SLURM's word; no guesses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ganbench import scheduler

WINDOW_S = 10.0
STARVED = "OUT_OF_MEMORY"  # as SLURM spells it
_MEMBERSHIP = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")


def counter() -> str | None:
    """Return the file in which the kernel counts its kills for memory in this process's cgroup, of either version."""
    try:
        lines = _MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        own = group.lstrip("/")
        paths = {"": _ROOT / own / "memory.events", "memory": _ROOT / "memory" / own / "memory.oom_control"}
        path = paths.get(controllers)
        if path and kills(str(path)) is not None:
            return str(path)
    return None


def kills(path: str) -> int | None:
    """Return how many processes the kernel has killed for memory, as a counter's file says; None if it does not."""
    try:
        rows = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    return next((int(row[1]) for row in rows if row[:1] == ["oom_kill"] and len(row) == 2), None)


class MemoryWatch:
    """Looks at the counters of slots again and again; a death is explained by a kill that was counted just before it.

    The kernel counts when it kills, and a large process takes a while to be gone: so the count is compared with the one
    of `WINDOW_S` seconds ago, and deaths that were explained since then use their kills up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, list[tuple[float, int]]] = {}
        self._explained: dict[str, list[float]] = {}

    def look(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Remember how the counters of these slots stand."""
        now = self._clock()
        for path in {record["memory"] for record in records if record.get("memory")}:
            if (count := kills(path)) is not None:
                seen = [*self._seen.get(path, []), (now, count)]
                old = sum(at <= now - WINDOW_S for at, _ in seen)
                self._seen[path] = seen[max(0, old - 1) :]

    def explains(self, dead: Mapping[str, Any], deaths: int) -> bool:
        """Return whether enough kills were counted where `dead` ran for the slots that died there without a word."""
        path, now = str(dead.get("memory")), self._clock()
        count, start = kills(path), dead.get("oom_kills")
        if count is None or start is None:
            return False
        before = max(start, self._seen[path][0][1]) if path in self._seen else start
        used = sum(at > now - WINDOW_S for at in self._explained.get(path, []))
        return bool(count - before >= deaths + used)

    def explain(self, dead: Iterable[Mapping[str, Any]]) -> list[bool]:
        """Return for each slot that died without a word at this look whether memory is why; all or none of a group."""
        records = list(dead)
        paths = [str(record.get("memory")) for record in records]
        found = [self.explains(r, paths.count(path)) for r, path in zip(records, paths, strict=True)]
        for path, is_so in zip(paths, found, strict=True):
            self._explained.setdefault(path, []).extend([self._clock()] * is_so)
        return found


def starved_jobs(keys: Iterable[str]) -> set[str]:
    """Return those jobs and elements of arrays that ran out of memory, as the controller or accounting says."""
    asked = set(keys)
    if not asked:
        return set()
    arrays = sorted({key.partition("_")[0] for key in asked})
    found = {job.key for array in arrays for job in scheduler.known([array]) if job.state == STARVED}
    said = scheduler.ask("sacct", "-n", "-P", "-o", "JobID,State", "-j", ",".join(arrays)) or ""
    steps = (line.split("|")[:2] for line in said.splitlines() if "|" in line)
    found |= {step.partition(".")[0] for step, state in steps if state.startswith(STARVED[:9])}
    return found & asked
