"""What runs inside jobs of a cluster: a slot, and the continuation that follows when all slots have ended."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench import files
from ganbench.errors import StoreError, UserError
from ganbench.launch.signals import StopFlag
from ganbench.launch.slots import ONE_THREAD, SlotJob, Slots, resolve
from ganbench.scheduler import job_key
from ganbench.store import Store
from ganbench.store.driver import DrivenError
from ganbench.store.provenance import now

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

_WORD = "word.json"
_AGAIN_S = 30.0  # between two tries to drive a sweep that somebody else drives
_LOOK_S = 1.0  # between two looks for a stop
_MARGIN_S = 60.0  # of a continuation's time, for its last words


def folder_of(store: Store) -> Path:
    """Return where slots on a cluster leave their records, pickles and output."""
    return store.slots / "slurm"


@dataclass(frozen=True)
class ClusterSlot(SlotJob):
    """A slot in a job, which comes back after a time limit or a pre-emption but never after a cancel."""

    def __call__(self) -> None:
        """Run the target; after SIGUSR2 alone, and where work is left, hand over to submitit's requeue."""
        os.environ.update(ONE_THREAD)
        store = Store(self.results, self.name)
        stop = self.sit(Slots(folder_of(store)), job_key() or "here")
        if stop.requeue and store.claimable():
            signal.raise_signal(
                signal.SIGUSR2
            )  # submitit's handler is back in place, and this is a safe point

    def checkpoint(self) -> DelayedSubmission:
        """Return what runs after the requeue: the same again, since all state is in the store."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415  (submitit runs this, so it is loaded)

        return DelayedSubmission(self)


@dataclass(frozen=True)
class Continuation:
    """What runs when all slots have ended: the function that launched them, with what it needs to judge them."""

    results: str
    name: str
    settings: dict[str, Any]
    target: str

    def __call__(self) -> None:
        """Call it; where it cannot go on, leave word for whoever looks next."""
        store = Store(self.results, self.name)
        try:
            self._call_when_free(store)
        except UserError as error:
            leave_word(store, str(error))
            raise SystemExit(2) from error
        except Exception as error:
            leave_word(store, f"{type(error).__name__}: {error}: see {folder_of(store)}")
            raise

    def _call_when_free(self, store: Store) -> None:
        """Call it as often as somebody else drives the sweep, which may do no more than score it again."""
        minutes = self.settings.get("continuation", {}).get("time_min", 0)
        end = time.monotonic() + 60 * minutes - _MARGIN_S
        while True:
            try:
                resolve(self.target)(Path(self.results), self.name, self.settings)
            except DrivenError as error:
                print(error, flush=True)  # noqa: T201  (the job's log)
                _wait(store, end, error)
            else:
                return


def _wait(store: Store, end: float, error: DrivenError) -> None:
    """Wait for a while; raises `StoreError` where the time is nearly up, or somebody says to stop."""
    again = min(end, time.monotonic() + _AGAIN_S)
    with StopFlag(signal.SIGTERM) as stop:
        while not (told := store.halts.requested()) and not stop() and time.monotonic() < again:
            time.sleep(_LOOK_S)
    if told or stop() or time.monotonic() >= end:
        raise StoreError(f"{error}; then the same command continues") from error


def leave_word(store: Store, text: str) -> None:
    """Record why nothing goes on by itself; an empty text takes that back."""
    path = folder_of(store) / _WORD
    if text:
        files.replace_json(path, {"time": now(), "text": text})
    else:
        path.unlink(missing_ok=True)


def word(store: Store) -> str:
    """Return why nothing goes on by itself; empty where nothing stands in the way."""
    return str((files.read_json(folder_of(store) / _WORD) or {}).get("text", ""))
