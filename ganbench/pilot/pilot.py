"""The pilot as a whole: compose, time, project, and write down what was asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.choices import AUTO
from ganbench.choices.choice import VMAP
from ganbench.errors import ConfigError
from ganbench.growth import added
from ganbench.pilot.findings import best_of, findings, write_choices
from ganbench.pilot.run import time_variants
from ganbench.planning import search_settings
from ganbench.requests import Request
from ganbench.store import Store
from ganbench.store.plan import Plan
from ganbench.sweep import define
from ganbench.sweepfile import MODES
from ganbench.terminal import Console


@dataclass(frozen=True)
class Trip:
    """How far a pilot goes: settings of each variant, seconds that each pack is timed, and the slots to reckon with.

    `modes` are timed one after the other; none is the sweep's own, or what most of its packs would be given.
    """

    trials: int
    seconds: float
    workers: int
    modes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = [mode for mode in MODES if mode != AUTO]
        for mode in self.modes:
            if mode not in known:
                raise ConfigError(f"--modes takes {', '.join(known)}, with commas between them, not {mode!r}")


def run_pilot(request: Request, trip: Trip, write: Path | None, console: Console) -> dict[str, Any]:
    """Time a sweep's variants and return `findings`; nothing of the sweep is planned or trained.

    `write` is a sweep file that gets the proposed mode and pack size. Raises `ConfigError` for a bad sweep or file.
    """
    if request.of_launcher:
        raise ConfigError(
            f"`{request.of_launcher[0]}`: a pilot proposes where to run; `ganbench sweep` is told"
        )
    definition = define(request)
    if write is not None:
        write_choices(write, {})  # whether it can be written is known before minutes are spent
    found = best_of(
        [_timed({**definition, "mode": m}, trip, console) for m in trip.modes or _mode(definition)]
    )
    if write is not None and found["proposal"] is not None:
        _write(request, found["proposal"], write, console)
    return found


def _timed(definition: dict[str, Any], trip: Trip, console: Console) -> dict[str, Any]:
    return findings(definition, time_variants(definition, trip.trials, trip.seconds, console), trip.workers)


def _mode(definition: dict[str, Any]) -> tuple[str]:
    """Return the sweep's mode; where it is open, that of most packs that would be planned."""
    if definition["mode"] != AUTO:
        return (definition["mode"],)
    packs = added(definition, search_settings(definition), Plan([], {}))[1]
    common = Counter(pack.mode for pack in packs).most_common(1)
    return (common[0][0] if common else VMAP,)


def _write(request: Request, proposal: dict[str, Any], path: Path, console: Console) -> None:
    chosen = {key: proposal[key] for key in ("pack", "mode")}
    write_choices(path, chosen)
    console.say(f"written into {path}: pack: {chosen['pack']}, mode: {chosen['mode']}")
    store = Store(request.results, request.name)
    if store.exists():
        console.say(
            f"{store.folder} is planned already: its packs stay; another name or --results takes the new ones"
        )
