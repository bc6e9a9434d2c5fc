"""Slots on this machine: inline, or processes through submitit; signals stop them at a checkpoint."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import submitit
import yaml

from ganbench import files
from ganbench.errors import ConfigError, UserError
from ganbench.shipped import builtin
from ganbench.signals import StopFlag
from ganbench.slots import ONE_THREAD, WORKER, SlotJob, Slots, resolve
from ganbench.store import Store
from ganbench.store.states import FAILED, LOST, UNVERIFIED

CONTINUE = "the same command continues where this one ended"
POLL_S = 0.5
_RESEND_S = 1.0
_REAP_S = 10.0
_YEAR_MIN = 60 * 24 * 365  # submitit wants a limit; a slot on one's own machine has none

Progress = Callable[[dict[str, int]], None]

logging.getLogger("submitit").setLevel(logging.WARNING)  # it would write its progress to our stdout


@dataclass(frozen=True)
class Launched:
    """What a launch did: slots started and adopted, and a line for each one that ended badly."""

    started: int = 0
    adopted: int = 0
    failures: tuple[str, ...] = ()


def launcher_settings(name: str, *, workers: int | None = None) -> dict[str, Any]:
    """Return conf/launcher/<name>.yaml, with so many slots altogether if given.

    Raises `ConfigError` for a launcher that is not there.
    """
    folder = builtin("conf") / "launcher"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise ConfigError(f"launcher {name!r} is not known: choose {' or '.join(names)}")
    settings: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return settings if workers is None else {**settings, "total": workers}


def launch(
    store: Store,
    settings: Mapping[str, Any],
    *,
    on_progress: Progress = lambda _: None,
    retry_failed: bool = False,
    target: str = WORKER,
) -> Launched:
    """Run slots until no pack is left that they may claim; `on_progress` gets the counts of states meanwhile.

    Ctrl-C and SIGTERM let the slots save their checkpoints, then raise `KeyboardInterrupt` and `SystemExit`.
    Raises `UserError` where a slot ended with one.
    """
    kinds = {"inline": _inline, "local": _local}
    if settings["kind"] not in kinds:
        raise ConfigError(f"launcher kind {settings['kind']!r} is not known: choose {' or '.join(kinds)}")
    for name, state in store.work().items() if retry_failed else ():
        if state == FAILED:
            store.take_over(name, retry_failed=True)
    return kinds[settings["kind"]](store, settings, on_progress, target)


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


def _inline(store: Store, _: Mapping[str, Any], on_progress: Progress, target: str) -> Launched:
    sight = Sight(store)
    if not (sight.look() or sight.blocked or store.claimable()):
        return Launched()
    free = True
    with StopFlag(signal.SIGINT, signal.SIGTERM, signal.SIGUSR2) as stop, _watched(store, on_progress):
        while (free or sight.blocked) and not stop():
            if free:
                resolve(target)(str(store.results), store.name, 0, stop=stop)
            else:
                time.sleep(POLL_S)
            free = sight.look()
    on_progress(store.counts())
    stop.raise_received(CONTINUE)
    return Launched(started=1)


def _local(store: Store, settings: Mapping[str, Any], on_progress: Progress, target: str) -> Launched:
    crew = Crew(store, settings, target)
    with StopFlag(signal.SIGINT, signal.SIGTERM) as stop:
        try:
            while crew.busy() and not stop():
                on_progress(store.counts())
                crew.pause(stop)
        except Exception:
            crew.dismiss()
            raise
        late = crew.dismiss() if stop() else ""
    on_progress(store.counts())
    stop.raise_received(f"{late}{CONTINUE}")
    return crew.result()


@contextmanager
def _watched(store: Store, on_progress: Progress) -> Iterator[None]:
    """Report progress from a thread, through eyes of its own, while this process is the slot."""
    over, eyes = threading.Event(), Store(store.results, store.name)

    def watch() -> None:
        while not over.wait(2 * POLL_S):
            on_progress(eyes.counts())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Sight:
    """Watches what runs out of sight, on other machines, and takes over where the heartbeat has stopped."""

    def __init__(self, store: Store) -> None:
        self._store, self._watched, self._since = store, set[str](), time.monotonic()
        self.blocked = False  # some of it may yet turn out dead

    def look(self) -> bool:
        """Look again; return whether anything was taken over, for slots to claim."""
        work = self._store.work()
        unverified = {name for name, state in work.items() if state == UNVERIFIED}
        dead = {name for name in self._watched if work.get(name) == LOST}
        for name in dead:
            self._store.take_over(name)
        self._watched = (self._watched | unverified) - dead
        self.blocked = bool(unverified) and time.monotonic() - self._since < 2 * self._store.patience_s
        return bool(dead)


class Crew:
    """The slots of one local launch: those of an earlier driver found alive, and those started."""

    def __init__(self, store: Store, settings: Mapping[str, Any], target: str) -> None:
        self._store, self._target, self._sight = store, target, Sight(store)
        self._slots, self._grace_s = Slots(store.slots), settings["grace_s"]
        self._devices = visible_devices() if settings["per_gpu"] else []
        per_machine = settings["per_gpu"] * len(self._devices) or settings["workers"]
        self._size = settings.get("total", per_machine)
        self._limit = self._size + settings["restarts"]
        self._live = set(self._slots.live())
        self._adopted, self._started = len(self._live), 0
        self._jobs: list[submitit.Job[None]] = []
        self._failures: list[str] = []
        self._mend: str | None = None
        self._looked = time.monotonic()

    def busy(self) -> bool:
        """Start the slots there is work for; return whether any lives, or it is too early to say who does."""
        self._looked = time.monotonic()
        self._take_leave()
        self._sight.look()
        wanted = min(self._size, len(self._store.claimable())) - len(self._live)
        for _ in range(min(wanted, self._limit - self._started)):
            self._start()
        return bool(self._live) or self._sight.blocked

    def pause(self, stop: Callable[[], bool]) -> None:
        """Wait for a while, longer where looking takes long, unless told to stop."""
        end = time.monotonic() + max(POLL_S, 5 * (time.monotonic() - self._looked))
        while time.monotonic() < end and not stop():
            time.sleep(POLL_S / 5)

    def dismiss(self) -> str:
        """Ask every slot to stop and wait for them; return what is to be said of those that take longer."""
        end, again = time.monotonic() + self._grace_s, 0.0
        while self._slots.live() and time.monotonic() < end:
            if time.monotonic() >= again:  # a slot that is only starting does not listen yet
                self._slots.terminate()
                again = time.monotonic() + _RESEND_S
            time.sleep(POLL_S / 5)
        late = ", ".join(map(str, self._slots.live()))
        return f"slots {late} still save their work and then end by themselves; " if late else ""

    def result(self) -> Launched:
        """Return what was done; raises `UserError` where a slot ended with one or the disk is at fault."""
        self._take_leave()
        end = time.monotonic() + _REAP_S
        while not all(job.done() for job in self._jobs) and time.monotonic() < end:
            time.sleep(POLL_S / 10)
        if self._mend is not None:
            raise UserError(self._mend)
        if self._failures:
            files.check_writable(self._store.slots)  # a slot on a full disk cannot even leave word
        return Launched(self._started, self._adopted, tuple(self._failures))

    def _take_leave(self) -> None:
        """Note how the slots ended that have gone; one that the user must mend is not followed by another."""
        gone = self._live - set(self._slots.live())
        self._live -= gone
        for error, mendable in map(self._slots.ending, sorted(gone)):
            if error and mendable:
                self._mend, self._limit = error, 0
            elif error:
                self._failures.append(error)

    def _start(self) -> None:
        number = next(n for n in itertools.count() if n not in self._live)
        device = self._devices[number % len(self._devices)] if self._devices else ""
        results = str(self._store.results.absolute())
        job = SlotJob(results, self._store.name, number, self._target, device)
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
