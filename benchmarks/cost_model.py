"""Time a handful of packs and fit the law by which `mode: auto` and `pack: null` are decided.

    python benchmarks/cost_model.py [CASE ...] [--seconds 0.8] [--refit]

Process time of one thread, children that compile included; every compiled point is compiled anew, in a folder that
goes away. Writes ganbench/choices/law.json: the points, and per family of networks and mode the law that
`ganbench/choices/__init__.py` states. Named cases (`ns_gan-mlp64-8-vmap`) replace their points and leave the others;
`--refit` times nothing and fits the points that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kept import machine
from scipy.optimize import nnls
from throughput import Case, images_of

from ganbench import stepping
from ganbench.choices.law import PATH, kind, work_of
from ganbench.instantiation import instantiate
from ganbench.protocols import Images
from ganbench.training import PackTraining

WIDTHS = {"mlp": "hidden", "study": "channels"}
CASES = (
    *(Case("ns_gan", "mlp", width, pack, "vmap") for width in (32, 64, 128, 256) for pack in (1, 8, 32)),
    *(Case(model, "mlp", 64, 8, "vmap") for model in ("wgan_gp", "vae")),
    *(Case("ns_gan", "study", width, pack, "vmap") for width in (8, 16, 32) for pack in (1, 8)),
    *(Case("ns_gan", "study", 64, pack, "vmap") for pack in (1, 2)),
    *(Case("ns_gan", "mlp", width, 1, "unbatched") for width in (64, 128, 256)),
    *(Case("ns_gan", "study", width, 1, "unbatched") for width in (8, 16, 64)),
    *(Case("ns_gan", "mlp", width, pack, "compiled") for width in (64, 128) for pack in (1, 2, 8)),
    Case("ns_gan", "mlp", 256, 8, "compiled"),
    *(Case(model, "mlp", 64, pack, "compiled") for model, pack in (("ns_gan", 32), ("wgan_gp", 8))),
    *(Case("ns_gan", "study", width, 8, "compiled") for width in (8, 16)),
    *(Case("ns_gan", "study", width, 1, "compiled") for width in (8, 16, 64)),
)  # fmt: skip


KINDS = ("alone", "together")


@dataclass(frozen=True)
class Point:
    """What one pack was found to cost."""

    model: str
    network: str
    width: int
    pack: int
    mode: str
    passes: float  # of a step
    work: float  # of a lane's pass
    step_seconds: float
    start_seconds: float  # until the first step with its graph traced or loaded
    compile_seconds: float  # of its graph, 0 where none was compiled


def measured(case: Case, seconds: float) -> Point:
    """Time one pack's steps: the median of three stretches, after whatever is done once."""
    config, images = images_of(case)
    period = config["model"].get("d_steps", 1)
    made = started(case, config, images, period)[1] if case.mode == "compiled" else 0.0
    pack, start = started(case, config, images, period)
    for _ in range(3 * period):
        pack.advance()
    steps = max(1, round(seconds / stretch(pack, period) / period)) * period
    each = statistics.median(stretch(pack, steps) for _ in range(3))
    work = work_of(config, WIDTHS)
    assert work is not None
    return Point(
        *(case.model, case.network, case.width, case.pack, case.mode),
        *(round(work.passes, 3), round(work.each, 6), float(f"{each:.4g}")),
        *(round(start, 2), round(max(0.0, made - start) / work.graphs, 1)),
    )


def started(case: Case, config: dict[str, Any], images: Images, period: int) -> tuple[PackTraining, float]:
    """Return a pack whose turns have all been prepared, and the seconds it took where none was kept."""
    stepping.KEPT.clear()
    before = spent()
    procedures = [instantiate(config["model"]["procedure"]) for _ in range(case.pack)]
    pack = PackTraining(procedures, range(case.pack), images, batch_size=64, mode=case.mode)
    for _ in range(2 * period):
        pack.advance()
    return pack, spent() - before


def spent() -> float:
    """Return the processor seconds of this process and of the compilers it has waited for."""
    return sum(os.times()[:4])


def stretch(pack: PackTraining, steps: int) -> float:
    started = time.process_time()
    for _ in range(steps):
        pack.advance()
    return (time.process_time() - started) / steps


def fitted(points: list[Point]) -> dict[str, Any]:
    """Fit step seconds = passes · (overhead + lanes · work · each), by family, mode and one lane or several."""
    laws: dict[str, Any] = {}
    for point in points:
        laws.setdefault(point.network, {}).setdefault(point.mode, []).append(point)
    return {
        family: {
            mode: {name: affine(of_kind(some, name)) for name in KINDS}
            for mode, some in modes.items()
            if sizes(some) > 1
        }
        for family, modes in laws.items()
    }


def of_kind(points: list[Point], name: str) -> list[Point]:
    """Return the points of one lane, or of several; all where they are too few for a law of their own."""
    some = [point for point in points if kind(point.pack) == name]
    return some if sizes(some) > 1 else points


def sizes(points: list[Point]) -> int:
    """Count the amounts of work: two numbers cannot be fitted to one."""
    return len({point.pack * point.work for point in points})


def affine(points: list[Point]) -> dict[str, float]:
    """Return the non-negative law of least squared relative errors; its largest error as a share."""
    rows = np.array([[p.passes, p.passes * p.pack * p.work] for p in points])
    seconds = np.array([p.step_seconds for p in points])
    scale = rows.max(axis=0)
    found = nnls(rows / scale / seconds[:, None], np.ones(len(points)))[0] / scale
    off = float(np.abs(rows @ found / seconds - 1).max())
    return {
        "overhead": float(f"{found[0]:.4g}"),
        "each": float(f"{found[1]:.4g}"),
        "off": round(off, 2),
        "points": len(points),
    }


def summary(
    points: list[Point], field: str, of: Callable[[list[float]], float]
) -> dict[str, dict[str, float]]:
    """Return one number for a field's values that are not 0, by family and mode."""
    found: dict[str, dict[str, list[float]]] = {}
    for point in points:
        if value := getattr(point, field):
            found.setdefault(point.network, {}).setdefault(point.mode, []).append(value)
    return {
        family: {mode: round(of(values), 1) for mode, values in modes.items()}
        for family, modes in found.items()
    }


def name_of(case: Case | Point) -> str:
    return f"{case.model}-{case.network}{case.width}-{case.pack}-{case.mode}"


def timed(names: list[str], seconds: float) -> Iterator[Point]:
    stepping.TRACE_AFTER = 1
    for case in CASES:
        if not names or name_of(case) in names:
            with tempfile.TemporaryDirectory() as cache:
                os.environ["GANBENCH_CACHE"] = cache
                yield measured(case, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--out", type=Path, default=PATH)
    given = parser.parse_args()
    if unknown := set(given.cases) - {name_of(case) for case in CASES}:
        parser.error(f"unknown case {min(unknown)!r}: choose any of {', '.join(map(name_of, CASES))}")
    torch.set_num_threads(1)
    old = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {"points": []}
    points = {name_of(point): point for point in (Point(**point) for point in old["points"])}
    for point in () if given.refit else timed(given.cases, given.seconds):
        print(point, flush=True)
        points[name_of(point)] = point
    found = [points[name] for name in map(name_of, CASES) if name in points]
    content = {
        "about": old["about"] if given.refit else about(given.seconds),
        "width": WIDTHS,
        "compile_seconds": {  # the dearest: whether it is earned back must not be guessed too low
            family: modes["compiled"] for family, modes in summary(found, "compile_seconds", max).items()
        },
        "start_seconds": summary(found, "start_seconds", statistics.median),
        "laws": fitted(found),
    }
    text = json.dumps(content, indent=1)[:-2]
    rows = ",\n".join(f"  {json.dumps(asdict(point))}" for point in found)
    given.out.write_text(f'{text},\n "points": [\n{rows}\n ]\n}}\n', encoding="utf-8")


def about(seconds: float) -> dict[str, str]:
    return {
        "command": f"python benchmarks/cost_model.py --seconds {seconds}",
        "machine": f"{machine()}, one thread, torch {torch.__version__}",
    }


if __name__ == "__main__":
    main()
