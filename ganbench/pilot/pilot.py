"""The pilot as a whole: compose, time, project, and write down what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.errors import ConfigError
from ganbench.pilot.findings import findings, write_choices
from ganbench.pilot.run import time_variants
from ganbench.requests import Request
from ganbench.store import Store
from ganbench.sweep import define
from ganbench.terminal import Console


@dataclass(frozen=True)
class Trip:
    """How far a pilot goes: settings of each variant, seconds that each pack is timed, and the slots to reckon with."""

    trials: int
    seconds: float
    workers: int


def run_pilot(request: Request, trip: Trip, write: Path | None, console: Console) -> dict[str, Any]:
    """Time a sweep's variants and return `findings`; nothing of the sweep is planned or trained.

    `write` is a sweep file that gets the proposed pack size. Raises `ConfigError` for a bad sweep or file.
    """
    if request.of_launcher:
        raise ConfigError(
            f"`{request.of_launcher[0]}`: a pilot proposes where to run; `ganbench sweep` is told"
        )
    definition = define(request)
    if write is not None:
        write_choices(write, {})  # whether it can be written is known before minutes are spent
    found = findings(definition, time_variants(definition, trip.trials, trip.seconds, console), trip.workers)
    if write is not None and found["proposal"] is not None:
        _write(request, found["proposal"], definition["mode"], write, console)
    return found


def _write(request: Request, proposal: dict[str, Any], mode: str, path: Path, console: Console) -> None:
    write_choices(path, {"pack": proposal["pack"], "mode": mode})
    console.say(f"written into {path}: pack: {proposal['pack']}, mode: {mode}")
    store = Store(request.results, request.name)
    if store.exists():
        console.say(
            f"{store.folder} is planned already: its packs stay; another name or --results takes the new ones"
        )
