"""Training throughput of packs on a GPU against one process per trial on the same GPU, alternating; wall clock.

    python benchmarks/gpu.py [CASE ...] [--pairs 5] [--seconds 1]

Per case every pack size, mode and precision is measured beside 1, 2 and 4 processes at once, each of which trains one
trial with the plain eager float32 loop under torch's own settings (TF32 in convolutions). By its settings that is 16
minutes of measuring, besides compilation; benchmarks/results/gpu.csv is written row by row. The limit is the matrix
product rate of the device, measured in the same run, over a step's floating point operations. `--device cpu` tries it
out where there is no GPU.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from aside import Aside
from kept import keep
from plain_loop import plain_loop
from throughput import PLAIN, Case, flops, images_of, pack_of, row

from ganbench import stepping
from ganbench.devices import VARIABLE, describe, device, placed_images, synchronize
from ganbench.errors import ConfigError
from ganbench.precision import FORMATS
from ganbench.protocols import Images
from ganbench.stepping import MODES

OUT = Path(__file__).parent / "results" / "gpu.csv"
CASES = {
    "ring_ns": Case("ns_gan", "mlp", 128, 1, "vmap"),
    "study_c16": Case("ns_gan", "study", 16, 1, "vmap"),
    "study_c64": Case("ns_gan", "study", 64, 1, "vmap"),
}
KEY = ("case", "precision", "pack", "mode", "peer", "gpu")
SIDE = {"cuda": 8192, "cpu": 512}  # of the matrices whose product is the limit


def rate(step: Callable[[], object], seconds: float, period: int, place: torch.device) -> float:
    """Return steps per second over about so long, whole rounds of critic and generator."""

    def timed(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            step()
        synchronize(place)
        return time.perf_counter() - started

    steps = max(1, round(seconds / timed(period))) * period
    return steps / timed(steps)


def peak(precision: str, place: torch.device) -> float:
    """Measure the device's matrix product rate, in operations per second: the best of ten."""
    n = SIDE[place.type]
    a, b = (torch.randn(n, n, device=place).to(FORMATS[precision]) for _ in range(2))
    return max(2 * n**3 * rate(partial(torch.mm, a, b), 0.05, 1, place) for _ in range(10))


@contextmanager
def peers(name: str, place: torch.device, count: int) -> Iterator[Callable[[int, float], float]]:
    """Start processes that train one trial each, and yield what measures n of them at once: steps per second."""
    with ExitStack() as stack:
        started = [stack.enter_context(Aside(peer, name, place)) for _ in range(count)]

        def told(n: int, seconds: float) -> float:
            for process in started[:n]:
                process.tell(seconds)
            return sum(process.heard() for process in started[:n])

        yield told


def peer(name: str, place: torch.device) -> Callable[[float], float]:
    """Return what trains one trial for about so many seconds and tells the rate."""
    torch.set_num_threads(1)
    case = CASES[name]
    _, images = images_of(case)
    loop = plain_loop(case.model, case.network, case.width, placed_images(images, place).train)
    for _ in range(4 * loop.d_steps):
        loop.step()
    return lambda seconds: rate(loop.step, seconds, loop.d_steps, place)


def measure(
    case: Case, config: dict[str, Any], images: Images, given: argparse.Namespace, told: Callable[..., float]
) -> tuple[dict[int, list[tuple[float, float]]], str]:
    """Return pairs of rates, ours and theirs, per number of processes, and the memory per trial in MiB."""
    place = images.train.device
    before = _allocated(place)
    pack = pack_of(case, config, images)
    for _ in range(6):
        pack.advance()
    found: dict[int, list[tuple[float, float]]] = {n: [] for n in given.processes}
    for _ in range(given.pairs):
        ours = case.pack * rate(pack.advance, given.seconds, 1, place)
        for n in given.processes:
            found[n].append((ours, told(n, given.seconds)))
    if place.type != "cuda":
        return found, ""
    return found, f"{(torch.cuda.max_memory_allocated(place) - before) / 2**20 / case.pack:.4g}"


def _allocated(place: torch.device) -> int:
    """Return the bytes in use on a GPU, from where its peak is counted anew."""
    if place.type != "cuda":
        return 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(place)
    return torch.cuda.memory_allocated(place)


def rows(name: str, given: argparse.Namespace, place: torch.device) -> Iterator[dict[str, object]]:
    """Yield a case's rows; a pack that does not fit into memory, or cannot be compiled here, is said and left out."""
    base = CASES[name]
    config, images = images_of(base)
    work = flops(plain_loop(base.model, base.network, base.width, images.train))
    images, limits = placed_images(images, place), {p: peak(p, place) / work for p in given.precisions}
    with peers(name, place, max(given.processes)) as told:
        for precision, mode, lanes in itertools.product(given.precisions, given.modes, given.packs):
            case = replace(base, pack=lanes, mode=mode, precision=precision)
            try:
                found, memory = measure(case, config, images, given, told)
            except (torch.OutOfMemoryError, ConfigError) as error:
                print(
                    f"{name} {precision} {mode} pack={lanes}: {str(error).splitlines()[0]}", file=sys.stderr
                )
                continue
            asked = f"{name} --pairs {given.pairs} --seconds {given.seconds}"
            for n, pairs in found.items():
                said = f"{PLAIN}, {n} process{'es' * (n > 1)}"
                yield {
                    **row(asked, pairs, limits[precision], vars(case), said),
                    "command": f"python benchmarks/gpu.py {asked}",
                    "memory_mib_per_trial": memory,
                    "gpu": describe(place),
                }


def arguments() -> argparse.Namespace:
    def listed(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
        return lambda text: [kind(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"any of {', '.join(CASES)}")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--packs", type=listed(int), default=[1, 8, 32, 128])
    parser.add_argument("--modes", type=listed(str), default=["vmap", "compiled"])
    parser.add_argument("--precisions", type=listed(str), default=list(FORMATS))
    parser.add_argument("--processes", type=listed(int), default=[1, 2, 4])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    for words, known in ((given.cases, CASES), (given.modes, MODES), (given.precisions, FORMATS)):
        unknown = [word for word in words if word not in known]
        if unknown:
            parser.error(f"unknown {unknown[0]!r}: choose any of {', '.join(known)}")
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        parser.exit(2, "gpu.py: torch sees no GPU here; --device cpu tries the benchmark out without one\n")
    return given


def main() -> None:
    given = arguments()
    torch.set_num_threads(1)
    os.environ[VARIABLE] = given.device
    stepping.TRACE_AFTER = 2
    for name in given.cases or CASES:
        for new in rows(name, given, device()):
            keep(given.out, new, key=KEY)
            print(*(f"{key}={value}" for key, value in new.items() if key != "command"), flush=True)


if __name__ == "__main__":
    main()
