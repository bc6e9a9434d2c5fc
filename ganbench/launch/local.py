"""Slots on this machine: processes through submitit's local executor, one for a thread or a GPU."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import submitit

from ganbench import files
from ganbench.errors import UserError
from ganbench.launch import base
from ganbench.launch.base import CONTINUE, Launched, Orders, Sight
from ganbench.launch.memory import MemoryWatch
from ganbench.launch.signals import StopFlag
from ganbench.launch.slots import ONE_THREAD, SlotJob, Slots
from ganbench.store import Store

_RESEND_S = 1.0
_REAP_S = 10.0
_YEAR_MIN = 60 * 24 * 365  # submitit wants a limit; a slot on one's own machine has none

logging.getLogger("submitit").setLevel(logging.WARNING)  # it would write its progress to our stdout


def run(store: Store, settings: Mapping[str, Any], orders: Orders) -> Launched:
    """Keep slots running while there is work for them; Ctrl-C lets them save their checkpoints."""
    crew = Crew(store, settings, orders.target)
    with StopFlag(signal.SIGINT, signal.SIGTERM) as stop:
        try:
            while crew.busy() and not stop():
                orders.on_progress(store.counts())
                crew.pause(stop)
        except Exception:
            crew.dismiss()
            raise
        late = crew.dismiss() if stop() else ""
    orders.on_progress(store.counts())
    stop.raise_received(f"{late}{CONTINUE}")
    return crew.result()


def visible_devices() -> list[str]:
    """Return this machine's GPUs as CUDA_VISIBLE_DEVICES names them, without loading torch."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    listed = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False)
    return [
        str(number) for number in range(sum(line.startswith("GPU ") for line in listed.stdout.splitlines()))
    ]


class Crew:
    """The slots of one local launch: those of an earlier driver found alive, and those started."""

    def __init__(self, store: Store, settings: Mapping[str, Any], target: str) -> None:
        self._store, self._target, self._sight = store, target, Sight(store)
        self._slots, self._grace_s = Slots(store.slots), settings["grace_s"]
        self._umask = settings["umask"] or ""
        self._devices = visible_devices() if settings["per_gpu"] else []
        per_machine = settings["per_gpu"] * len(self._devices) or settings["workers"]
        self._size = settings.get("total", per_machine)
        self._limit = self._size + settings["restarts"]
        self._live = set(self._slots.live())
        self._adopted, self._started = len(self._live), 0
        self._jobs: list[submitit.Job[None]] = []
        self._failures: list[str] = []
        self._mend: str | None = None
        self._looked, self._memory = time.monotonic(), MemoryWatch()

    def busy(self) -> bool:
        """Start the slots there is work for; return whether any lives, or it is too early to say who does."""
        self._looked = time.monotonic()
        self._take_leave()
        self._sight.look()
        halted = self._store.halts.why()
        wanted = 0 if halted else base.missing(self._size, self._store.work(), len(self._live))
        for _ in range(min(wanted, self._limit - self._started)):
            self._start()
        return bool(self._live) or (self._sight.blocked and not self._store.halts.why())

    def pause(self, stop: Callable[[], bool]) -> None:
        """Wait for a while, longer where looking takes long, unless told to stop."""
        end = time.monotonic() + max(base.POLL_S, 5 * (time.monotonic() - self._looked))
        while time.monotonic() < end and not stop():
            time.sleep(base.POLL_S / 5)

    def dismiss(self) -> str:
        """Ask every slot to stop and wait for them; return what is to be said of those that take longer."""
        end, again = time.monotonic() + self._grace_s, 0.0
        while self._slots.live() and time.monotonic() < end:
            if time.monotonic() >= again:  # a slot that is only starting does not listen yet
                self._slots.terminate()
                again = time.monotonic() + _RESEND_S
            time.sleep(base.POLL_S / 5)
        late = ", ".join(map(str, self._slots.live()))
        return f"slots {late} still save their work and then end by themselves; " if late else ""

    def result(self) -> Launched:
        """Return what was done; raises `UserError` where a slot ended with one or the disk is at fault."""
        self._take_leave()
        end = time.monotonic() + _REAP_S
        while not all(job.done() for job in self._jobs) and time.monotonic() < end:
            time.sleep(base.POLL_S / 10)
        if self._mend is not None:
            raise UserError(self._mend)
        if self._failures:
            files.check_writable(self._store.slots)  # a slot on a full disk cannot even leave word
        return Launched(self._started, self._adopted, tuple(self._failures))

    def _take_leave(self) -> None:
        """Note how the slots ended that have gone; one that the user must mend is not followed by another."""
        gone = self._live - set(self._slots.live())
        self._live -= gone
        silent = [number for number in sorted(gone) if self._slots.is_silent(number)]
        explained = self._memory.explain(self._slots.record(number) or {} for number in silent)
        starved = {number for number, is_so in zip(silent, explained, strict=True) if is_so}
        for number in silent:
            self._slots.bury(number, starved=number in starved)
        endings = [self._slots.ending(number, starved=number in starved) for number in sorted(gone)]
        for error, mendable in endings:
            if error and mendable:
                self._mend, self._limit = error, 0
            elif error:
                self._failures.append(error)
        self._memory.look(record for number in self._live if (record := self._slots.record(number)))

    def _start(self) -> None:
        number = next(n for n in itertools.count() if n not in self._live)
        device = self._devices[number % len(self._devices)] if self._devices else ""
        results = str(self._store.results.absolute())
        job = SlotJob(results, self._store.name, number, self._target, device, self._umask)
        with files.mendable(self._store.slots):
            self._slots.free(number)
            executor = submitit.LocalExecutor(folder=self._slots.folder(number))
            executor.update_parameters(timeout_min=_YEAR_MIN, stderr_to_stdout=True)
            with _shielded():
                submitted = executor.submit(job)
        self._slots.reserve(number, int(submitted.job_id))
        self._jobs.append(submitted)
        self._live.add(number)
        self._started += 1


@contextmanager
def _shielded() -> Iterator[None]:
    """Start processes that neither Ctrl-C nor a closed terminal reaches, with one thread for arithmetic.

    A blocked signal stays blocked in a child; here it is delivered when the block ends.
    """
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
