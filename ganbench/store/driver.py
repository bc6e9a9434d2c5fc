"""One driver a folder: numbered claims, so that a dead driver is succeeded without a moment for two."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ganbench import files
from ganbench.errors import StoreError
from ganbench.store.liveness import ALIVE, DEAD, UNVERIFIED, Observer, identity

BEAT_S = 2.0
PATIENCE_S = 30.0  # a driver out of sight whose heartbeat stands still for so long is dead
_PREFIX = "driver-"
_LOOK_S = 0.5


class DrivenError(StoreError):
    """Another driver of the folder lives."""


@contextmanager
def only_driver(folder: Path) -> Iterator[None]:
    """Hold the newest claim `driver-<n>` of a folder. Raises `DrivenError` while another driver lives."""
    claim = _take(folder)
    try:
        with _beating(claim / "heartbeat"):
            yield
    finally:
        files.replace_text(claim / "released", "")


def driven_by(folder: Path) -> str:
    """Return what drives a folder now, in words, as far as one look can tell; empty if nothing does."""
    claim = folder / f"{_PREFIX}{max(files.numbered(folder, _PREFIX), default=0)}"
    holder = files.read_json(claim / "claim.json")
    if holder is None or (claim / "released").exists():
        return ""
    dead = Observer(PATIENCE_S).verdict(claim.name, holder, _beat(claim)) == DEAD
    return "" if dead else _called(holder)


def _take(folder: Path) -> Path:
    while True:
        newest = max(files.numbered(folder, _PREFIX), default=0)
        _refuse_second(folder / f"{_PREFIX}{newest}")
        claim = folder / f"{_PREFIX}{newest + 1}"
        if files.claim_folder(claim, identity()):
            _forget_before(folder, newest)
            return claim


def _refuse_second(claim: Path) -> None:
    """Raise `DrivenError` if the claim's holder lives; where only its heartbeat can tell, watch that for a while."""
    holder, observer = files.read_json(claim / "claim.json"), Observer(PATIENCE_S)
    while holder is not None and not (claim / "released").exists():
        verdict = observer.verdict(claim.name, holder, _beat(claim))
        if verdict == ALIVE:
            raise DrivenError(
                f"{claim.parent.parent} is driven by {_called(holder)}: wait for it, or stop it first"
            )
        if verdict != UNVERIFIED:
            return
        time.sleep(_LOOK_S)


def _called(holder: Mapping[str, Any]) -> str:
    job = holder.get("slurm", {}).get("SLURM_JOB_ID")
    return f"process {holder['pid']} on {holder['host']}" + (f" (SLURM job {job})" if job else "")


def _beat(claim: Path) -> str | None:
    with suppress(OSError):
        return (claim / "heartbeat").read_text(encoding="utf-8")
    return None


@contextmanager
def _beating(path: Path) -> Iterator[None]:
    """Advance a counter that others watch where they cannot see this process."""
    over = threading.Event()

    def beat() -> None:
        for number in itertools.count(1):
            with suppress(OSError):  # a full disk is reported by those who have something to write
                path.write_text(f"{number}\n", encoding="utf-8")
            if over.wait(BEAT_S):
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _forget_before(folder: Path, number: int) -> None:
    """Remove older claims; the newest always stays, so that numbers are never used twice."""
    for old in files.numbered(folder, _PREFIX):
        if old <= number:
            shutil.rmtree(folder / f"{_PREFIX}{old}", ignore_errors=True)
