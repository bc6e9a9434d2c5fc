"""Stopping a sweep wherever its slots run: by a request in its folder, or at once by signals and scancel."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from ganbench import scheduler
from ganbench.errors import ConfigError
from ganbench.launch.jobs import folder_of
from ganbench.launch.slots import Slots
from ganbench.launch.slurm import Queued, queued
from ganbench.store import Store
from ganbench.store.driver import driven_by
from ganbench.store.opening import open_store
from ganbench.store.states import RUNNING, UNVERIFIED
from ganbench.terminal import Console

GRACE_S = 10.0  # from SIGTERM to SIGKILL, for `--now`
_POLL_S = 0.1
_NOTHING = Queued([], [])


def stop_sweep(name: str, results: Path, console: Console, *, now: bool) -> dict[str, Any]:
    """Ask all slots of a sweep to save at their next step and end; with `now`, do not wait for that.

    Returns whether it is `running`, the `slots` here and the `jobs` of SLURM that were asked, and which of them were
    `killed` and `cancelled`. Raises `StoreError` where there is no such sweep, `ConfigError` where SLURM does not obey.
    """
    store = open_store(name, results)
    slots, said = (
        Slots(store.slots),
        {"running": False, "slots": [], "jobs": [], "cancelled": [], "killed": []},
    )
    jobs = _jobs(store)
    if not (slots.live() or (jobs is None or jobs.any) or _is_held(store)):
        return said
    store.halts.request()  # first: whoever starts from now on sees it
    said |= {"running": True, "slots": slots.terminate(), "jobs": _arrays(jobs or _NOTHING)}
    if now:
        said["killed"] = _kill(slots, console)
        said["cancelled"] = _cancel(jobs)
    return said


def _jobs(store: Store) -> Queued | None:
    """Return the sweep's jobs; none where it never was on a cluster, None where the cluster does not answer."""
    if not folder_of(store).is_dir():
        return _NOTHING
    try:
        return queued(store)
    except ConfigError:
        return None if scheduler.site() is not None or _is_held(store) else _NOTHING


def _is_held(store: Store) -> bool:
    """Return whether somebody drives the sweep or trains for it, as far as one look can tell."""
    return bool(driven_by(store.slots)) or bool({RUNNING, UNVERIFIED} & set(store.work().values()))


def _arrays(jobs: Queued) -> list[str]:
    """Return the ids to cancel: continuations first, so that none starts when its slots are gone."""
    ids = [job.key.partition("_")[0] for job in (*jobs.continuations, *jobs.slots)]
    return list(dict.fromkeys(ids))


def _cancel(jobs: Queued | None) -> list[str]:
    """Cancel whole arrays: SLURM forgets an element that is cancelled alone before it started."""
    if jobs is None:
        raise ConfigError(
            "squeue does not answer: slots save at their next step all the same; "
            "give the same command when SLURM's controller is back"
        )
    ids = _arrays(jobs)
    if ids and scheduler.ask("scancel", *ids) is None:
        raise ConfigError(
            f"scancel {' '.join(ids)} fails: try again, or ask your site; slots save at their next step"
        )
    return ids


def _kill(slots: Slots, console: Console) -> list[int]:
    """Wait a little for slots here that were told to end, then kill those that have not."""
    end = time.monotonic() + GRACE_S
    with console.working("waiting for slots to save"):
        while slots.live() and time.monotonic() < end:
            time.sleep(_POLL_S)
    return slots.terminate(signal.SIGKILL)


def show_stop(name: str, said: dict[str, Any], console: Console) -> None:
    """Say what a stop did."""
    if not said["running"]:
        console.say(f"{name} is not running: nothing to stop")
        return
    parts = [f"{_counted(said['slots'], 'slot')} here"] if said["slots"] else []
    waiting = [job for job in said["jobs"] if job not in said["cancelled"]]
    parts += [f"SLURM {_counted(waiting, 'job')} ({', '.join(waiting)})"] if waiting else []
    told = " and ".join(parts) or ("every slot" if not said["cancelled"] else "")
    lines = [f"{told} asked to save at the next step and end"] if told else []
    lines += [f"SLURM jobs {', '.join(said['cancelled'])} cancelled"] if said["cancelled"] else []
    lines += [f"{_counted(said['killed'], 'slot')} here killed"] if said["killed"] else []
    console.say(f"{name}: {'; '.join(lines)}; the same `ganbench sweep {name} …` continues")


def _counted(items: list[Any], what: str) -> str:
    return f"{len(items)} {what}" + ("s" if len(items) != 1 else "")
