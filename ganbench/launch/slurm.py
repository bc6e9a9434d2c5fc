"""Slots as one array of a SLURM cluster, and a job after them that continues: nothing has to stay logged in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ganbench import scheduler
from ganbench.errors import ConfigError, StoreError, UserError
from ganbench.identity import digest
from ganbench.launch.base import Launched, Orders, Progress, Sight, missing
from ganbench.launch.jobs import ClusterSlot, Continuation, folder_of, leave_word, word
from ganbench.launch.rounds import AGAIN, judge, left, progress
from ganbench.launch.sbatch import continuation_queue, forget_ended, slot_queue, submit
from ganbench.scheduler import Job
from ganbench.store import Store
from ganbench.store.halts import STOP, Halt

POLL_S = 2.0
_THEN = "-then"
_DEFAULT_ARRAY = 1001  # where a site sets none


@dataclass(frozen=True)
class Queued:
    """A sweep's jobs that wait or run, whoever submitted them."""

    slots: list[Job]
    continuations: list[Job]

    @property
    def any(self) -> bool:
        """Return whether anything of the sweep is still to come."""
        return bool(self.slots or self.continuations)


def run(store: Store, settings: Mapping[str, Any], orders: Orders) -> Launched:
    """Submit the slots that are missing and the job that continues after them; return at once.

    `settings["round"]`, where a continuation calls, is what the launch before it left. Raises `ConfigError` where
    there is no SLURM or it refuses, `StoreError` where another round of slots makes no sense.
    """
    check(settings)
    site = _site()
    if halt := _halt(store):
        leave_word(store, halt.text)
        return Launched()
    if "round" in settings and not queued(store).any:  # else somebody has begun another round since
        _wait_for_the_unseen(store)
        judge(store, settings["round"], settings["max_attempts"])
    leave_word(store, "")
    before, work = queued(store), store.work()
    mark = progress(store, left(work))
    _forget_ended(store, before)
    slots = missing(_wanted(settings), work, len(before.slots))
    slots, limited = min(slots, _most(site)), slots > _most(site)
    array = _submit_slots(store, settings, orders, slots) if slots else ""
    arrays = sorted({job.array for job in before.slots} | ({array} if array else set()))
    waits = any(job.state == "PENDING" for job in before.continuations) and not array
    then = ""
    if orders.then and not waits and (arrays or _unseen(store)):
        with _taken_back(array):
            then = _continue_after(store, settings, orders, {"jobs": arrays, "progress": mark})
    said = _said(slots, array, len(before.slots), then)
    if said and limited:
        said += f"; this site's MaxArraySize allows {slots} at once"
    if said and scheduler.pre_empts_silently(site):
        said += "; this site pre-empts without a signal, which costs the work since the last checkpoint"
    return Launched(slots, len(before.slots), detached=said)


def check(settings: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for numbers that cannot be meant."""
    for name in ("workers", "time_min", "cpus", "max_attempts"):
        if settings[name] < 1:
            raise ConfigError(f"`launcher.{name}` must be at least 1, not {settings[name]}")
    if not 0 < settings["signal_s"] < 60 * settings["time_min"]:
        raise ConfigError(
            f"`launcher.signal_s` must be shorter than launcher.time_min ({settings['time_min']} minutes), "
            f"not {settings['signal_s']} seconds"
        )


def _site() -> dict[str, str]:
    site = scheduler.site()
    if site is None:
        raise ConfigError(
            "SLURM does not answer (`scontrol show config`): log in where it does, set SLURM_CONF, "
            "or use --launcher local"
        )
    return site


def queued(store: Store) -> Queued:
    """Return the sweep's jobs that wait or run. Raises `ConfigError` where squeue does not answer."""
    name = job_name(store)
    jobs = scheduler.queued(f"--name={name},{name}{_THEN}")
    if jobs is None:
        raise ConfigError("squeue does not answer: try again when SLURM's controller is back")
    me = scheduler.job_key()
    return Queued(
        [job for job in jobs if job.name == name],
        [job for job in jobs if job.name != name and job.key != me],
    )


def may_go_on(store: Store) -> bool:
    """Return whether jobs of the sweep may wait or run: that squeue does not answer is no proof that none does."""
    if not folder_of(store).is_dir():
        return False
    try:
        return queued(store).any
    except ConfigError:
        return True


def job_name(store: Store) -> str:
    """Return the name of a sweep's jobs: two sweeps of one name in different folders are told apart."""
    return f"{store.name}-{digest(str(store.folder.resolve()), 8)}"


def script(store: Store, settings: Mapping[str, Any], units: int) -> str:
    """Return the batch script that would be submitted for so much work; asks nothing, writes nothing."""
    check(settings)
    queue = slot_queue(folder_of(store), settings, job_name(store))
    return queue.script(max(1, min(_wanted(settings), units)))


def follow(store: Store, on_progress: Progress) -> bool:
    """Wait until nothing of the sweep waits or runs in SLURM, or its plan has grown; return whether it goes on.

    After a request to stop, slots that only wait in the queue are not waited for. Raises `StoreError` where the sweep
    came to an end that somebody must look at.
    """
    total = store.counts()["total"]
    while _goes_on(store):
        counts = store.counts()
        if counts["total"] != total:
            return True
        on_progress(counts)
        time.sleep(POLL_S)
    if _halt(store):
        return False
    if said := word(store):
        raise StoreError(said)
    if left(store.work()):
        raise halfway(store)
    return False


def halfway(store: Store) -> StoreError:
    """Return what to raise where nobody works on a sweep any more although something is left to do."""
    said = f"nothing of {store.name} waits or runs in SLURM, and it is not at its end"
    return StoreError(f"{said}: see {folder_of(store)}; {AGAIN}")


def _goes_on(store: Store) -> bool:
    try:
        jobs = queued(store)
    except ConfigError:  # the controller is away for a moment
        return True
    halt = _halt(store)
    return any(job.runs for job in jobs.slots) if halt and halt.kind == STOP else jobs.any


def _halt(store: Store) -> Halt | None:
    """Return why slots may not claim the work that is left; None if they may, or nothing is left."""
    halt = store.halts.why()
    return halt if halt and left(store.work()) else None


def _forget_ended(store: Store, there: Queued) -> None:
    """Remove the pickles of jobs that are gone; the job that calls keeps its own, to be read if it is queued again."""
    live = {job.key for job in (*there.slots, *there.continuations)}
    forget_ended(folder_of(store), live | {scheduler.job_key() or ""})


def _most(site: Mapping[str, str]) -> int:
    return int(site.get("MaxArraySize", _DEFAULT_ARRAY))


def _wanted(settings: Mapping[str, Any]) -> int:
    return int(settings.get("total", settings["workers"]))


def _submit_slots(store: Store, settings: Mapping[str, Any], orders: Orders, slots: int) -> str:
    results = str(store.results.absolute())
    more = {"target": orders.target, "umask": settings["umask"] or ""}
    work = [ClusterSlot(results, store.name, number, **more) for number in range(slots)]
    return submit(slot_queue(folder_of(store), settings, job_name(store)), work)


def _continue_after(
    store: Store, settings: Mapping[str, Any], orders: Orders, last: Mapping[str, Any]
) -> str:
    work = Continuation(str(store.results.absolute()), store.name, {**settings, "round": last}, orders.then)
    queue = continuation_queue(folder_of(store), settings, f"{job_name(store)}{_THEN}", last["jobs"])
    return submit(queue, [work])


@contextmanager
def _taken_back(array: str) -> Iterator[None]:
    """Cancel the slots just submitted, if any, where what continues after them is refused: nobody would see to them."""
    try:
        yield
    except UserError as error:
        if not array:
            raise
        gone = scheduler.ask("scancel", array) is not None
        what = f"job {array} of the slots was cancelled" if gone else f"end its slots with `scancel {array}`"
        raise ConfigError(
            f"no job can continue after the slots (launcher.continuation): {error}; {what}"
        ) from None


def _unseen(store: Store) -> bool:
    sight = Sight(store)
    sight.look()
    return sight.blocked


def _wait_for_the_unseen(store: Store) -> None:
    """Wait until it is clear whether work on other machines lives, as only its heartbeat can tell."""
    sight = Sight(store)
    sight.look()
    while sight.blocked:
        time.sleep(POLL_S)
        sight.look()


def _said(slots: int, array: str, live: int, then: str) -> str:
    parts = [f"{slots} slots submitted as job {array}"] if array else []
    parts += [f"{live} slots still wait or run"] if live else []
    parts += [f"job {then} continues after them"] if then else []
    return ", ".join(parts)
