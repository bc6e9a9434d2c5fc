"""Why no slot may go on, derived from files: a stop that was asked for, device-hours, packs that all fail alike."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ganbench import files
from ganbench.store.attempts import Attempt, attempts_in
from ganbench.store.provenance import now
from ganbench.store.states import DONE, FAILED

STOP, BREAKER, HOURS = "stop", "breaker", "hours"
HOUR_S = 3600.0
_REQUEST, _LIMITS = "stop.json", "limits.json"


class Halt(NamedTuple):
    """Why a sweep does not go on: one of `STOP`, `BREAKER`, `HOURS`, and what to tell the user."""

    kind: str
    text: str


class Halts:
    """What keeps the slots of one sweep from claiming, and all but `BREAKER` from going on.

    `states` gives the states of packs by name; it is asked only where the breaker is about to open.
    """

    def __init__(self, folder: Path, slots: Path, states: Callable[[], dict[str, str]]) -> None:
        self._name, self._packs, self._slots, self._states = folder.name, folder / "packs", slots, states
        self._cache = files.Cache()
        self._spent: dict[str, float] = {}  # of packs that are done
        self._ended: dict[Path, float] = {}  # of attempts that have ended
        self._closed = False  # the breaker, for good: something succeeded, or failures differ

    def request(self) -> None:
        """Ask every slot, wherever it runs, to save at its next step and end."""
        files.replace_json(
            self._slots / _REQUEST,
            {"time": now(), "user": _user(), "host": platform.node(), "pid": os.getpid()},
        )

    def withdraw(self) -> dict[str, Any] | None:
        """Take the request back; return it, None if there was none."""
        asked = self.requested()
        with files.mendable(self._slots):
            (self._slots / _REQUEST).unlink(missing_ok=True)
        return asked

    def requested(self) -> dict[str, Any] | None:
        """Return the request to stop: time, user, host, pid; None if there is none."""
        return self._read(_REQUEST)

    def limit(self, *, breaker: int, device_hours: float | None) -> None:
        """Set after how many packs that all fail alike, and how many device-hours, slots end; 0 and None: never."""
        limits = {"breaker": breaker, "device_hours": device_hours}
        if self.limits() != limits:
            files.replace_json(self._slots / _LIMITS, limits)

    def limits(self) -> dict[str, Any]:
        """Return `breaker` and `device_hours` as the newest command set them; empty where none did."""
        return self._read(_LIMITS) or {}

    def why(self) -> Halt | None:
        """Return why nothing may be claimed now; None if it may."""
        return self.why_not_go_on() or self._breaker()

    def why_not_go_on(self) -> Halt | None:
        """Return why even what is under way is to be saved and left; None if it may go on."""
        return self._stop() or self._hours()

    def device_seconds(self) -> float:
        """Return for how long all attempts, ended and under way, have held a device: wall time, in seconds."""
        return sum(self._of_pack(name) for name in self._begun())

    def _stop(self) -> Halt | None:
        asked = self.requested()
        if asked is None:
            return None
        who = f"{asked.get('user', '?')} on {asked.get('host', '?')} at {asked.get('time', '?')}"
        return Halt(STOP, f"`ganbench stop {self._name}` was given by {who}; the same command continues")

    def _hours(self) -> Halt | None:
        most = self.limits().get("device_hours")
        if most is None or (used := self.device_seconds() / HOUR_S) < most:
            return None
        return Halt(
            HOURS,
            f"{used:.3g} of {most:g} device-hours are used: the same command with a larger --max-device-hours, "
            "or without, continues",
        )

    def _breaker(self) -> Halt | None:
        """Open when as many packs as the limit says have ended, all of them failed, and all alike."""
        least = int(self.limits().get("breaker") or 0)
        if least < 1 or self._closed:
            return None
        signatures: list[str] = []
        for signature in self._endings():
            if signature is None or (signatures and signature != signatures[0]):
                self._closed = True
                return None
            signatures.append(signature)
        if len(signatures) < least:
            return None
        if DONE in self._states().values():  # known from scores.parquet: trained elsewhere
            self._closed = True
            return None
        return Halt(BREAKER, self._alike(len(signatures), signatures[0]))

    def _alike(self, count: int, signature: str) -> str:
        return (
            f"all {count} packs that ended failed alike ({signature}), so no further one is begun: "
            f"see `ganbench failures {files.called(self._packs.parent)}`, then go on with the same command"
            " and --retry failed (launcher.breaker=0 never halts)"
        )

    def _endings(self) -> Iterator[str | None]:
        """Yield the signature of each pack whose newest attempt failed, None for one that is done."""
        for name in self._begun():
            newest = self._newest(name)
            outcome = (newest.outcome() or {}).get("outcome") if newest else None
            if newest and not name.startswith("baseline-") and outcome in (DONE, FAILED):
                yield None if outcome == DONE else (newest.failure() or {}).get("signature", "")

    def _newest(self, name: str) -> Attempt | None:
        return next(iter(attempts_in(self._packs / name)), None)

    def _of_pack(self, name: str) -> float:
        if name in self._spent:
            return self._spent[name]
        done, total = False, 0.0
        for attempt in attempts_in(self._packs / name):
            path = attempt.folder
            if path not in self._ended:
                outcome = attempt.outcome()
                done |= outcome is not None and outcome["outcome"] == DONE
                if outcome is None:
                    total += attempt.seconds()
                    continue
                self._ended[path] = attempt.seconds()
            total += self._ended[path]
        if done:
            self._spent[name] = total
        return total

    def _begun(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._packs) if not name.startswith(files.TEMPORARY)]  # noqa: PTH208
        except OSError:
            return []

    def _read(self, name: str) -> dict[str, Any] | None:
        return self._cache.read(self._slots / name, files.read_json)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for this number
        return str(os.getuid())
