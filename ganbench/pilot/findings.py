"""What a pilot tells: as data, as tables, and as a line in a sweep file."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganbench import files
from ganbench.choices.choice import USUAL
from ganbench.config import read_yaml
from ganbench.errors import ConfigError
from ganbench.pilot.projection import Projection, Work, best_pack, disk, project, time_limit, works
from ganbench.pilot.run import Timing
from ganbench.store.halts import HOUR_S
from ganbench.sweepfile import parse_sweep
from ganbench.terminal import Console


def findings(definition: dict[str, Any], timings: list[Timing], workers: int) -> dict[str, Any]:
    """Return costs by variant and pack size in one mode, the projection of the sweep, and what is proposed."""
    all_work = works(definition, timings)
    variants = [_variant(timing) for timing in timings]
    mode = definition["mode"]
    found: dict[str, Any] = {
        "name": definition["name"],
        "workers": workers,
        "mode": mode,
        "variants": variants,
    }
    if not all_work:
        return {**found, "projection": None, "proposal": None}
    timed = sorted(set.intersection(*(set(work.timing.packs) for work in all_work)))
    own = max((size for size in timed if size <= (definition["pack"] or USUAL)), default=timed[0])
    start = max(work.timing.start_seconds for work in all_work)
    best = best_pack(all_work, workers)
    proposal = {
        "pack": best.pack,
        "mode": mode,
        "launcher.time_min": time_limit(best, start),
        "launcher.mem": _memory(best),
    }
    return {
        **found,
        "projection": _projected(all_work, project(all_work, own, workers)),
        "proposal": {**proposal, **_projected(all_work, best)},
    }


def best_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the findings of the mode whose proposal ends first, those of the others in its `others`."""
    ranked = sorted(found, key=lambda one: one["proposal"]["wall_hours"] if one["proposal"] else math.inf)
    return {**ranked[0], "others": ranked[1:]}


def _variant(timing: Timing) -> dict[str, Any]:
    found = {k: v for k, v in asdict(timing).items() if k != "packs"}
    packs = {
        size: {**cost, "trial_step_seconds": cost["step_seconds"] / size}
        for size, cost in timing.packs.items()
    }
    return {**found, "mib_per_trial": timing.mib_per_trial, "packs": packs}


def _projected(all_work: list[Work], found: Projection) -> dict[str, Any]:
    mib, count = disk(all_work, found.pack)
    return {
        "pack": found.pack,
        "device_hours": round(found.device_seconds / HOUR_S, 4),
        "search_device_hours": round(found.search_seconds / HOUR_S, 4),
        "rerun_device_hours": round(found.rerun_seconds / HOUR_S, 4),
        "wall_hours": round(found.wall_seconds / HOUR_S, 4),
        "longest_pack_minutes": round(found.longest_pack_seconds / 60, 2),
        "peak_mib": round(found.peak_mib, 1),
        "disk_mib": round(mib, 1),
        "files": count,
    }


def _memory(found: Projection) -> str:
    return f"{max(1, round(1.3 * found.peak_mib / 512 + 0.5)) * 512}M"


def show(found: dict[str, Any], console: Console) -> None:
    """Print what was timed, what it projects to, and what is proposed; other modes' times first."""
    for other in found.get("others", ()):
        _show_times(other, console)
        if other["proposal"]:
            console.say(f"{other['mode']}, {_words(other['proposal'], other['workers'])}")
    _show_times(found, console)
    if found["projection"] is None:
        return
    console.say(f"as it stands, {_words(found['projection'], found['workers'])}")
    proposal = found["proposal"]
    console.say(f"proposed, {_words(proposal, found['workers'])}, mode={found['mode']}")
    limits = " ".join(f"{key}={proposal[key]}" for key in ("launcher.time_min", "launcher.mem"))
    console.say(f"on a cluster: {limits}; timed alone on this machine: slots beside each other may be slower")


def _show_times(found: dict[str, Any], console: Console) -> None:
    sizes = sorted({size for variant in found["variants"] for size in variant["packs"]})
    header = ["variant", *(f"pack {size}" for size in sizes), "score", "peak MiB", "MiB/trial"]
    rows = [_shown(variant, sizes) for variant in found["variants"]]
    title = f"{found['mode']}: milliseconds per trial-step; seconds to score a checkpoint"
    console.rows(header, rows, title=title)
    if any("*" in cell for row in rows for cell in row):
        console.say("* steps were too few to be traced: an upper bound")
    for variant in found["variants"]:
        if variant["error"]:
            console.say(f"{_name(variant)} could not be timed: {variant['error']}")


def _shown(variant: dict[str, Any], sizes: list[int]) -> list[str]:
    packs, scoring, each = variant["packs"], variant["scoring"], variant["mib_per_trial"]
    steps = [_milliseconds(packs.get(size)) for size in sizes]
    peak = f"{packs[max(packs)]['peak_mib']:.0f}" if packs else "–"
    score = f"{scoring['score_seconds']:.2f}" if scoring else "–"
    return [_name(variant), *steps, score, peak, "–" if each is None else f"{each:.1f}"]


def _milliseconds(cost: dict[str, Any] | None) -> str:
    if cost is None:
        return "–"
    return f"{1000 * cost['trial_step_seconds']:.3g}" + ("" if cost["prepared"] else " *")


def _name(variant: dict[str, Any]) -> str:
    return " ".join(variant["choices"].values())


def _words(found: dict[str, Any], workers: int) -> str:
    return (
        f"pack={found['pack']}: {found['device_hours']:.3g} device-hours"
        f" ({found['rerun_device_hours']:.2g} of them reruns), {found['wall_hours']:.3g} h on {workers} workers,"
        f" {found['peak_mib']:.0f} MiB a slot, {found['disk_mib']:.0f} MiB and {found['files']} files of results"
    )


def write_choices(path: Path, choices: dict[str, Any]) -> None:
    """Write measured choices into a sweep file, its other lines and comments untouched; none only checks the file.

    Raises `ConfigError` where the file is not a sweep's.
    """
    if not path.is_file():
        raise ConfigError(f"there is no {path}: copy a sweep file there first, then --write into that")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} is not a sweep file: it must hold a mapping such as axes: {{model: [ns_gan]}}"
        )
    parse_sweep(path.stem, {**content, **choices})
    text = path.read_text(encoding="utf-8")
    for key, value in choices.items():
        line = f"{key}: {value}  # measured: ganbench pilot"
        text, found = re.subn(rf"(?m)^{re.escape(key)}:.*$", line, text, count=1)
        text = text if found else f"{text.rstrip()}\n{line}\n"
    if choices:
        files.replace_text(path, text)
