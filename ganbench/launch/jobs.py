"""What runs inside jobs of a cluster: a slot, and the continuation that follows when all slots have ended."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench import files
from ganbench.errors import UserError
from ganbench.launch.slots import ONE_THREAD, SlotJob, Slots, resolve
from ganbench.scheduler import job_key
from ganbench.store import Store
from ganbench.store.driver import DrivenError
from ganbench.store.provenance import now

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

_WORD = "word.json"


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
            resolve(self.target)(Path(self.results), self.name, self.settings)
        except DrivenError as error:
            print(error)  # noqa: T201  (the job's log); whoever drives the sweep now sees to the rest
        except UserError as error:
            leave_word(store, str(error))
            raise SystemExit(2) from error
        except Exception as error:
            leave_word(store, f"{type(error).__name__}: {error}: see {folder_of(store)}")
            raise


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
