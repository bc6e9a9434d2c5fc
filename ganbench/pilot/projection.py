"""From what a few steps cost to what a sweep will: device-hours, wall time, disk, and which pack size is best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ganbench.nodes import value_at
from ganbench.pilot.run import Timing
from ganbench.reruns import seeds_by_rank

MIB = 2**20
_FILES_PER_PACK = 7  # folder, attempt, claim, provenance, outcome, scores, logs
_KEPT = {"none": 0, "best_last": 2}  # snapshots of a trial; `all` keeps every checkpoint's
_SAFETY = 1.5  # over what was measured, for limits
_ROUND_MIN, _DAY_MIN = 10, 24 * 60


class Work(NamedTuple):
    """What one variant is asked for."""

    timing: Timing
    steps: int
    checkpoints: int
    searched: int  # trials
    rerun: int
    snapshots: int  # kept of a trial


class Projection(NamedTuple):
    """What the sweep will take with packs of at most `pack` lanes, on so many workers."""

    pack: int
    search_seconds: float
    rerun_seconds: float
    wall_seconds: float
    longest_pack_seconds: float
    peak_mib: float

    @property
    def device_seconds(self) -> float:
        """Return the seconds of all slots together."""
        return self.search_seconds + self.rerun_seconds


def works(definition: Mapping[str, Any], timings: Iterable[Timing]) -> list[Work]:
    """Put what was timed beside what is asked; variants that could not be timed are left out."""
    rerun = definition["rerun"] or {"seeds": 0, "top": 0}
    seeds = sum(seeds_by_rank(rerun))
    found = []
    for timing in timings:
        config = next(v["config"] for v in definition["variants"] if v["choices"] == timing.choices)
        budget = {name: value_at(config, f"budget.{name}") for name in ("steps", "every", "keep")}
        checkpoints = math.ceil(budget["steps"] / budget["every"])
        kept = _KEPT.get(budget["keep"], checkpoints)
        if timing.packs and timing.scoring:
            work = Work(timing, budget["steps"], checkpoints, definition["search"]["trials"], seeds, kept)
            found.append(work)
    return found


def project(all_work: list[Work], pack: int, workers: int) -> Projection:
    """Project a pack size that was timed: stages one after the other, no slot idle while packs are left.

    A compiled step's library is made once for each variant.
    """
    stages = {"search": [w.searched for w in all_work], "rerun": [w.rerun for w in all_work]}
    seconds, wall, longest = {}, 0.0, 0.0
    for stage, trials in stages.items():
        packs = [s for work, n in zip(all_work, trials, strict=True) for s in _packs(work, n, pack)]
        packs += [
            work.timing.packs[pack].get("library_seconds", 0.0) for work in all_work if stage == "search"
        ]
        seconds[stage] = sum(packs)
        longest = max([longest, *packs])
        wall += max([seconds[stage] / workers, *packs])
    peak = max(work.timing.packs[pack]["peak_mib"] for work in all_work)
    peak = max(
        [peak, *(work.timing.scoring["peak_mib"] for work in all_work if pack == max(work.timing.packs))]
    )
    return Projection(pack, seconds["search"], seconds["rerun"], wall, longest, peak)


def _packs(work: Work, trials: int, pack: int) -> list[float]:
    """Return the seconds of each pack of a stage; a smaller last one costs what the next timed size does."""
    sizes = sorted(work.timing.packs)
    full, rest = divmod(trials, pack)
    tail = [next(size for size in sizes if size >= rest)] if rest else []
    lanes = [pack] * full + ([rest] if rest else [])
    return [pack_seconds(work, size, n) for size, n in zip([pack] * full + tail, lanes, strict=True)]


def pack_seconds(work: Work, size: int, trials: int) -> float:
    """Return the seconds of a pack of `size` lanes with so many trials: preparing, training, scoring."""
    timed, scoring = work.timing.packs[size], work.timing.scoring
    prepared = timed["steps"][0]
    training = (
        timed["warm_seconds"]
        + timed["compile_seconds"]
        + timed["step_seconds"] * max(0, work.steps - prepared)
    )
    each = work.checkpoints * scoring["score_seconds"] + 2 * scoring["final_seconds"]
    return float(training + trials * each)


def best_pack(all_work: list[Work], workers: int) -> Projection:
    """Return the timed pack size that ends first; within a twentieth the smallest, which loses least when killed."""
    sizes = sorted(set.intersection(*(set(work.timing.packs) for work in all_work)))
    found = [project(all_work, size, workers) for size in sizes]
    least = min(p.wall_seconds for p in found)
    return next(p for p in found if p.wall_seconds <= 1.05 * least)


def disk(all_work: list[Work], pack: int) -> tuple[float, int]:
    """Return MiB and files that the sweep's results will take."""
    size, count = 0.0, 0
    for work in all_work:
        trials, scoring = work.searched + work.rerun, work.timing.scoring
        each = work.snapshots * scoring["snapshot_bytes"] + work.checkpoints * scoring["row_bytes"]
        size += trials * each
        packs = math.ceil(work.searched / pack) + math.ceil(work.rerun / pack)
        count += trials * work.snapshots + _FILES_PER_PACK * packs
    return size / MIB, count


def time_limit(found: Projection, start_seconds: float) -> int:
    """Return minutes for `launcher.time_min`: the whole stage if it fits into a day, else room for the longest pack."""
    least = _SAFETY * (found.longest_pack_seconds + start_seconds) / 60
    whole = _SAFETY * (found.wall_seconds + start_seconds) / 60
    minutes = max(least, min(whole, _DAY_MIN))
    return _ROUND_MIN * math.ceil(minutes / _ROUND_MIN)
