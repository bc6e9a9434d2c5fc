"""Time every variant of a sweep, each in a process of its own and in a scratch folder; the sweep stays untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ganbench.choices.choice import COMPILED
from ganbench.errors import UserError
from ganbench.growth import extend
from ganbench.launch.slots import ONE_THREAD
from ganbench.packing import lanes_for
from ganbench.planning import search_settings
from ganbench.store import Store
from ganbench.terminal import Console


@dataclass
class Timing:
    """What one variant was found to cost."""

    choices: dict[str, str]
    start_seconds: float = 0.0  # of the process: imports, data
    start_mib: float = 0.0
    packs: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number of lanes
    scoring: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def mib_per_trial(self) -> float | None:
        """Return what one more lane adds to the peak, between the smallest and the largest pack."""
        sizes = sorted(self.packs)
        if len(sizes) < 2:
            return None
        low, high = sizes[0], sizes[-1]
        return float(self.packs[high]["peak_mib"] - self.packs[low]["peak_mib"]) / (high - low)


def sizes_up_to(trials: int) -> list[int]:
    """Return the pack sizes that so many trials allow to be timed: 1, 2, 4, …"""
    return [1 << power for power in range(lanes_for(trials).bit_length()) if 1 << power <= trials]


def time_variants(definition: dict[str, Any], trials: int, seconds: float, console: Console) -> list[Timing]:
    """Time each variant's first settings, in the definition's mode; compiled, which takes long, the largest pack only.

    Raises `UserError` for what the user can mend, such as missing data.
    """
    sizes = sizes_up_to(trials)[-1 if definition["mode"] == COMPILED else 0 :]
    scratch = {
        k: v for k, v in definition.items() if k != "adaptive"
    }  # a sampler that learns has nothing to learn
    scratch |= {"search": {**definition["search"], "trials": trials}, "rerun": None, "pack": sizes[-1]}
    with tempfile.TemporaryDirectory(prefix="ganbench-pilot-") as folder:
        store = Store(folder, "pilot")
        store.create(scratch)
        extend(store, scratch, search_settings(scratch))
        variants = [variant["choices"] for variant in scratch["variants"]]
        with console.bar("pilot", len(variants) * (len(sizes) + 2)) as update:
            return list(_time_all(store, variants, sizes, seconds, update))


def _time_all(
    store: Store,
    variants: list[dict[str, str]],
    sizes: list[int],
    seconds: float,
    update: Callable[[float], None],
) -> Iterator[Timing]:
    done = 0
    for number, choices in enumerate(variants):
        order = {"results": str(store.results), "name": store.name, "variant": choices}
        timing, started = Timing(choices), time.monotonic()
        for found in _told({**order, "sizes": sizes, "seconds": seconds}):
            _note(timing, found, started)
            done += 1
            update(done)
        done = (number + 1) * (len(sizes) + 2)
        yield timing


def _note(timing: Timing, found: dict[str, Any], started: float) -> None:
    kind = found.pop("kind")
    if kind == "start":
        timing.start_seconds, timing.start_mib = time.monotonic() - started, found["peak_mib"]
    elif kind == "pack":
        timing.packs[found.pop("size")] = found
    elif kind == "scoring":
        timing.scoring = found
    elif kind == "error":
        raise UserError(found["text"])
    else:
        timing.error = found["text"]


def _told(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the measuring process says, and at last, where it died, of what."""
    command = [sys.executable, "-m", "ganbench.pilot.measure"]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **ONE_THREAD},
        ) as process,
    ):
        try:
            with process.stdin or errors as orders:
                orders.write(json.dumps(order))
            for line in process.stdout or ():
                yield json.loads(line)
        except BaseException:
            process.kill()
            raise
        if process.wait():
            errors.seek(0)
            last = errors.read().strip().splitlines()[-1:]
            yield {"kind": "died", "text": last[0] if last else f"killed by signal {-process.returncode}"}
