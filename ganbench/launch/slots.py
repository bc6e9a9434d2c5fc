"""Slots as the store sees them: who sits in which, who is still there, and how the others ended."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ganbench import files
from ganbench.errors import UserError
from ganbench.launch import memory
from ganbench.launch.heeding import Heed
from ganbench.launch.signals import StopFlag
from ganbench.store import Store
from ganbench.store.causes import MORE_MEMORY, OUT_OF_MEMORY
from ganbench.store.liveness import alive, identity, process
from ganbench.store.provenance import now

WORKER = "ganbench.worker.run_slot"
KILLED = "killed"
_DEATHS = "deaths.jsonl"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Ending(NamedTuple):
    """How a slot ended: why, if badly, and whether the user can mend it."""

    error: str | None
    mendable: bool


class Slots:
    """The records `<key>.json` of slots; those of this machine are numbers and have folders `<number>/`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, number: int) -> Path:
        """Return where a slot's submission files and output go."""
        return self._folder / str(number)

    def reserve(self, number: int, pid: int) -> None:
        """Record a slot's parent until the slot itself speaks: a killed driver leaves no slot unknown."""
        draft = self._folder / f"{files.TEMPORARY}{number}-{pid}"
        files.replace_json(draft, process(pid))
        with suppress(FileExistsError):  # the slot was faster
            self._path(number).hardlink_to(draft)
        draft.unlink(missing_ok=True)

    def occupy(self, key: str) -> None:
        """Record that this process is the slot, and how often the kernel has killed for memory where it runs."""
        path = memory.counter()
        counted = {"memory": path, "oom_kills": memory.kills(path)} if path else {}
        files.replace_json(self._path(key), {**identity(), **counted})

    def leave(self, key: str, error: BaseException | None, stopped: signal.Signals | None = None) -> None:
        """Record how this process's slot ended, and by which signal if one stopped it."""
        mendable = isinstance(error, UserError)
        text = None if error is None else str(error) if mendable else f"{type(error).__name__}: {error}"
        ended = {"error": text, "mendable": mendable, "signal": stopped.name if stopped else None}
        files.replace_json(self._path(key), {**identity(), "ended": ended})

    def free(self, number: int) -> None:
        """Forget a slot that is gone, its submission files with it; its output stays."""
        self._path(number).unlink(missing_ok=True)
        for path in self.folder(number).glob("*.pkl"):
            path.unlink(missing_ok=True)

    def live(self) -> list[int]:
        """Return the slots whose process lives, as far as this machine can tell."""
        numbers = sorted(int(path.stem) for path in self._folder.glob("*.json") if path.stem.isdecimal())
        return [number for number in numbers if _lives(self.record(number))]

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> list[int]:
        """Send every live slot a signal, and return which: on SIGTERM it saves a checkpoint and stops."""
        told = []
        for slot in self.live():
            record = self.record(slot)
            if record is not None and _lives(record):
                with suppress(ProcessLookupError, PermissionError):  # gone, or another user's
                    os.kill(record["pid"], number)
                    told.append(slot)
        return told

    def bury(self, number: int, *, starved: bool) -> None:
        """Note that a slot died without a word, and whether there is evidence that memory ran out."""
        record = self.record(number) or {}
        dead = {name: record.get(name) for name in ("host", "boot_id", "pid", "pid_start")}
        cause = OUT_OF_MEMORY if starved else KILLED
        files.append_lines(self._folder / _DEATHS, [{"time": now(), "slot": number, **dead, "cause": cause}])

    def deaths(self) -> list[dict[str, Any]]:
        """Return the notes of slots that died without a word: time, slot, host, boot id, pid and its start, cause."""
        return files.read_lines(self._folder / _DEATHS)

    def is_silent(self, number: int) -> bool:
        """Return whether a slot that is gone left no word of how it ended."""
        return "ended" not in (self.record(number) or {})

    def ending(self, number: int, *, starved: bool = False) -> Ending:
        """Return how a slot that is gone ended; `starved`: there is evidence that memory ran out."""
        record = self.record(number) or {}
        ended = record.get("ended")
        if ended is None:
            how = "was killed" if "uid" in record else "was killed or could not start"  # it never spoke
            how += f", {OUT_OF_MEMORY}: {MORE_MEMORY}" if starved else ""
            return Ending(f"slot {number} {how}: see {self.folder(number)}", mendable=False)
        if ended["error"] is None or ended["mendable"]:
            return Ending(ended["error"], ended["mendable"])
        return Ending(f"slot {number} ended with {ended['error']}: see {self.folder(number)}", mendable=False)

    def ended(self, key: str) -> dict[str, Any] | None:
        """Return what a slot recorded of its end: error, mendable, signal; None if it did not come to that."""
        return (self.record(key) or {}).get("ended")

    def record(self, key: int | str) -> dict[str, Any] | None:
        """Return what is recorded of a slot; None if nothing is."""
        return files.read_json(self._path(key))

    def _path(self, key: int | str) -> Path:
        return self._folder / f"{key}.json"


def _lives(record: Mapping[str, Any] | None) -> bool:
    return record is not None and "ended" not in record and alive(record) is True


@dataclass(frozen=True)
class SlotJob:
    """What a slot's process runs: a few words, so that it pickles small; the work is in the store."""

    results: str
    name: str
    slot: int
    target: str = WORKER
    device: str = ""  # for CUDA_VISIBLE_DEVICES; empty: no GPU
    umask: str = ""  # octal digits; empty: as it is where the slot runs

    def __call__(self) -> None:
        """Run the target until no pack is left, or SIGTERM or SIGUSR2 asks it to stop."""
        os.environ.update(ONE_THREAD, CUDA_VISIBLE_DEVICES=self.device)
        self.sit(Slots(Store(self.results, self.name).slots), str(self.slot))

    def sit(self, slots: Slots, key: str) -> StopFlag:
        """Run the target, recorded under `key`; return the flag that says which signals came."""
        with files.masked(self.umask), StopFlag(signal.SIGTERM, signal.SIGUSR2) as stop:
            slots.occupy(key)
            try:
                heed = Heed(stop, Store(self.results, self.name))
                resolve(self.target)(self.results, self.name, self.slot, stop=heed)
            except BaseException as error:
                slots.leave(key, error)
                raise
            slots.leave(key, None, stop.received)
        return stop


def resolve(target: str) -> Callable[..., object]:
    """Import what a dotted name means, where it is to run."""
    module, _, name = target.rpartition(".")
    found: Callable[..., object] = getattr(importlib.import_module(module), name)
    return found
