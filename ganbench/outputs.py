"""What the slots that ran a trial printed, how each attempt ended, and where its files lie. Reads only, torch-free."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench import scheduler
from ganbench.errors import StoreError
from ganbench.files import called
from ganbench.launch.jobs import folder_of
from ganbench.launch.memory import starved_jobs
from ganbench.launch.slots import KILLED, Slots
from ganbench.store import Store
from ganbench.store.attempts import Attempt
from ganbench.store.causes import MORE_MEMORY, OUT_OF_MEMORY, is_out_of_memory
from ganbench.store.opening import open_store
from ganbench.store.states import LOST
from ganbench.terminal import Console

TAIL = 40  # lines
_SHOWN = 5
_PROCESS = ("host", "boot_id", "pid", "pid_start")


def logs_of(name: str, results: Path, asked: str) -> dict[str, Any]:
    """Return how each attempt at a trial's pack went: its end, slot, output files, traceback and own files.

    `asked` is a trial's id or how one begins, or a pack's or baseline's. Raises `StoreError` for none or several.
    """
    store = open_store(name, results)
    unit = _unit(store, asked)
    pack = store.plan().packs.get(unit)
    state = store.work()[unit]
    attempts = [
        a for a in store.attempts(unit) if a.provenance() or not a.outcome()
    ]  # others are a launcher's
    newest = attempts[-1].number if attempts else 0
    return {
        "name": name,
        "unit": unit,
        "trials": list(pack.trial_ids) if pack else [],
        "state": state,
        "folder": str(store.folder / "packs" / unit),
        "attempts": [_told(store, a, state if a.number == newest else LOST) for a in attempts],
    }


def _unit(store: Store, asked: str) -> str:
    plan, units = store.plan(), list(store.work())
    if asked in units:
        return asked
    pack_of = plan.pack_of()
    found = {trial: pack for trial, pack in pack_of.items() if asked and trial.startswith(asked)}
    found |= {unit: unit for unit in units if asked and unit.startswith(asked)}
    if asked in found or len(found) == 1:
        return found.get(asked, next(iter(found.values())))
    if not found:
        raise StoreError(
            f"no trial or pack of {store.name} begins with {asked!r}: "
            f"their ids stand in {store.folder / 'trials.jsonl'}, those of failures in"
            f" `ganbench failures {called(store.folder)}`"
        )
    shown = ", ".join(list(found)[:_SHOWN]) + (" …" if len(found) > _SHOWN else "")
    raise StoreError(
        f"{len(found)} trials and packs of {store.name} begin with {asked!r} ({shown}): give more of it"
    )


def _told(store: Store, attempt: Attempt, state: str) -> dict[str, Any]:
    claim, outcome, failure = attempt.claim() or {}, attempt.outcome() or {}, attempt.failure() or {}
    ended = outcome.get("outcome") or (_death(store, claim) if state == LOST else state)
    if is_out_of_memory(failure.get("message", "")):
        ended = f"{ended}, {OUT_OF_MEMORY}"
    return {
        "attempt": attempt.number,
        "ended": ended,
        "start": (attempt.provenance() or {}).get("start"),
        "end": outcome.get("end"),
        "seconds": attempt.seconds(),
        "where": _where(claim),
        "output": [str(path) for path in _output(store, claim)],
        "signature": failure.get("signature"),
        "traceback": failure.get("traceback"),
        "files": sorted(str(path) for path in attempt.folder.rglob("*") if path.is_file()),
    }


def _death(store: Store, claim: Mapping[str, Any]) -> str:
    """Return how an attempt ended that left no word of it: out of memory only where there is evidence."""
    key = scheduler.job_key(claim.get("slurm", {}))
    if key and "local_job" not in claim:
        if starved_jobs([key]):
            return f"{KILLED}, {OUT_OF_MEMORY}"
        said = [job.state for job in scheduler.known([key.partition("_")[0]]) if job.key == key]
        return f"{KILLED} (SLURM says {said[0]})" if said else KILLED
    deaths = (death for death in Slots(store.slots).deaths() if _same(death, claim))
    starved = any(death["cause"] == OUT_OF_MEMORY for death in deaths)
    return f"{KILLED}, {OUT_OF_MEMORY}" if starved else KILLED


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other.get(name) for name in _PROCESS)


def _where(claim: Mapping[str, Any]) -> str:
    process = f"process {claim.get('pid', '?')} on {claim.get('host', '?')}"
    key = scheduler.job_key(claim.get("slurm", {}))
    if "local_job" in claim:
        return f"a local slot, {process}"
    return f"SLURM job {key}, {process}" if key else process


def _output(store: Store, claim: Mapping[str, Any]) -> list[Path]:
    """Return the files that a slot's output went to; none for one that ran where its command was typed."""
    if "local_job" in claim:
        return sorted(store.slots.glob(f"*/{claim['local_job']}_*_log.*"))
    key = scheduler.job_key(claim.get("slurm", {}))
    return sorted(folder_of(store).glob(f"{key}_*_log.*")) if key else []


def show_logs(found: Mapping[str, Any], console: Console, *, whole: bool = False) -> None:
    """Print each attempt: how it ended, the end of its slot's output (or all of it), its traceback, where files lie."""
    of = f" with trials {', '.join(found['trials'])}" if found["trials"] else ""
    console.print(f"{found['name']}: {found['unit']}{of}: {found['state']}")
    if not found["attempts"]:
        done = found["state"] == "done"
        console.print(
            "trained elsewhere: only its rows are here" if done else "not run yet: there is no output"
        )
    printed: set[str] = set()
    for attempt in found["attempts"]:
        console.print(f"\n── attempt {attempt['attempt']}: {attempt['ended']}; {attempt['where']}")
        if OUT_OF_MEMORY in attempt["ended"]:
            console.print(f"{OUT_OF_MEMORY}: {MORE_MEMORY}")
        for path in attempt["output"]:
            console.print(f"output: {path}" + (" (above)" if path in printed else ""))
            if path not in printed:
                _print_file(Path(path), console, whole=whole)
            printed.add(path)
        if not attempt["output"]:
            console.print("output: none kept; a slot that runs inline prints where its command was typed")
        if attempt["traceback"]:
            console.print(attempt["traceback"].rstrip())
    if found["attempts"]:
        console.print(f"\nfiles: {found['folder']}")


def _print_file(path: Path, console: Console, *, whole: bool) -> None:
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = deque(file, maxlen=None if whole else TAIL + 1)
    if not whole and len(lines) > TAIL:
        lines.popleft()
        console.print(f"… the last {TAIL} lines; --all shows what is before")
    for line in lines:
        console.print(line.rstrip("\n"))
