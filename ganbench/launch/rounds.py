"""Between two rounds of slots on a cluster: whether going on makes sense, and which packs to give up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganbench import files, scheduler
from ganbench.errors import StoreError
from ganbench.identity import digest
from ganbench.launch.jobs import folder_of
from ganbench.launch.memory import starved_jobs
from ganbench.launch.slots import Slots
from ganbench.store import Store
from ganbench.store.attempts import Attempt
from ganbench.store.causes import MORE_MEMORY, OUT_OF_MEMORY
from ganbench.store.states import FAILED, LOST, PLANNED

AGAIN = "the same command continues"


def left(work: Mapping[str, str]) -> list[str]:
    """Return the units of work that slots may claim, of all with their states."""
    return [unit for unit, state in work.items() if state in (PLANNED, LOST)]


def progress(store: Store, units: Sequence[str]) -> str:
    """Return a mark of the work that is left and how often it was begun: a round that leaves it as it is was vain."""
    return digest([[unit, len(store.attempts(unit))] for unit in units])


def judge(store: Store, last: Mapping[str, Any], max_attempts: int) -> None:
    """Give up packs that are killed every time; raise `StoreError` where another round of slots would be wrong.

    That is after a cancel, after an error that the user must mend, and after a round that began nothing.
    """
    files.check_writable(store.slots)  # a slot on a full disk cannot even leave word
    units = [unit for unit in left(store.work()) if not _given_up(store, unit, max_attempts)]
    jobs = scheduler.known(list(last["jobs"])) if last["jobs"] and units else []
    ends = [end for job in jobs if (end := Slots(folder_of(store)).ended(job.key))]
    if mend := next((end["error"] for end in ends if end["mendable"]), None):
        raise StoreError(f"{mend}; {AGAIN}")
    if cancelled := [job.key for job in jobs if job.state == "CANCELLED"]:
        raise StoreError(f"{_named(cancelled, store.name)} cancelled: what is left waits; {AGAIN}")
    if jobs and progress(store, units) == last["progress"]:
        errors = {end["error"] for end in ends if end["error"]} or {"no word"}
        raise StoreError(
            f"slots ended before they began any work ({'; '.join(errors)}): see {folder_of(store)}"
        )


def _named(keys: list[str], name: str) -> str:
    shown = ", ".join(keys[:5]) + (" …" if len(keys) > 5 else "")
    return f"slots {shown} of {name} were" if len(keys) > 1 else f"slot {shown} of {name} was"


def _given_up(store: Store, unit: str, max_attempts: int) -> bool:
    """Let a pack fail whose newest attempts were all killed before they saved anything."""
    newest = _tried(store, unit)[-max_attempts:]
    if len(newest) < max_attempts or any(a.outcome() or a.checkpoints() for a in newest):
        return False
    if attempt := store.claim(unit):
        attempt.fail(_why_killed(newest))
    return True


def _tried(store: Store, unit: str) -> list[Attempt]:
    """Return a pack's attempts since it last failed, oldest first, without those that the launcher put between."""
    attempts = [(attempt, attempt.outcome()) for attempt in store.attempts(unit)]
    failed = [place for place, (_, end) in enumerate(attempts) if end and end["outcome"] == FAILED]
    since = attempts[failed[-1] + 1 :] if failed else attempts
    return [attempt for attempt, end in since if attempt.provenance() or not end]


def _why_killed(attempts: Sequence[Attempt]) -> str:
    """Return an error that says what is known of attempts that were killed: out of memory only where SLURM says so."""
    keys = [scheduler.job_key((attempt.claim() or {}).get("slurm", {})) for attempt in attempts]
    starved = starved_jobs(key for key in keys if key)
    count = sum(key in starved for key in keys)
    if count:
        return (
            f"OutOfMemoryError: of {len(keys)} attempts that were killed before they saved anything, {count} ran "
            f"{OUT_OF_MEMORY} as SLURM says; {MORE_MEMORY}, then --retry failed"
        )
    return (
        f"KilledError: {len(keys)} attempts were killed before they saved anything; "
        "give slots more memory or time (launcher.mem, launcher.time_min), then --retry failed"
    )
