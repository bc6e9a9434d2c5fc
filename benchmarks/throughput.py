"""Training throughput of packs against a plain eager loop, two processes in turn; process time of one thread.

    python benchmarks/throughput.py [CASE ...] [--all] [--pairs 5] [--seconds 2]

Each case trains the same networks on both sides. `ring_sweep` instead times a whole sweep of two slots, store, tables
and figures included, against one process per trial (benchmarks/one_trial.py), two at a time. Without names the cases
that stand for the others run, with `--all` every pack size and mode; the first time compiles some ten graphs. The limit
is the core's matrix product rate, measured in the same run, over the step's floating point operations, counted on the
plain loop. Rows of benchmarks/results/throughput.csv are replaced case by case.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import one_trial
import torch
from aside import Aside
from kept import keep
from plain_loop import PlainLoop, plain_loop
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ganbench import stepping
from ganbench.allocator import keep_freed_memory
from ganbench.config import compose
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve
from ganbench.precision import FORMATS
from ganbench.protocols import Images
from ganbench.training import PackTraining

OUT = Path(__file__).parent / "results" / "throughput.csv"
COLUMNS = (
    *("case", "network", "model", "width", "precision", "pack", "mode", "ours_per_s", "peer", "peer_per_s"),
    *("ratio_median", "ratio_min", "ratio_max", "limit_per_s", "fraction_of_limit", "command"),
)
MAIN = "from ganbench.cli import main; main()"
PLAIN = "plain eager float32 loop"
SWEPT, SWEPT_STEPS = 100, 2000  # trials and steps of `ring_sweep`
PACKED = ("mode=compiled", "pack=2")  # as `ring_ns`


@dataclass(frozen=True)
class Case:
    """A model on a network of one width, as a pack of one size in one mode."""

    model: str
    network: str
    width: int
    pack: int
    mode: str
    precision: str = "float32"


MAIN_CASES = {
    **{f"ring_{short}": Case(model, "mlp", 128, 2, "compiled") for short, model in
       (("ns", "ns_gan"), ("wgan_gp", "wgan_gp"), ("began", "began"))},
    "polygons_c8": Case("ns_gan", "study", 8, 8, "compiled"),
    "polygons_c16": Case("ns_gan", "study", 16, 1, "compiled"),
    "polygons_c64": Case("ns_gan", "study", 64, 1, "compiled"),
    "polygons_c64_bf16": Case("ns_gan", "study", 64, 1, "compiled", "bf16"),
}  # fmt: skip
CASES = {
    **MAIN_CASES,
    **{f"ring_ns_{mode}{pack}": Case("ns_gan", "mlp", 128, pack, mode) for mode, pack in
       (("vmap", 1), ("unbatched", 1), ("vmap", 8), ("vmap", 32),
        ("compiled", 1), ("compiled", 4), ("compiled", 8), ("compiled", 32))},
    "polygons_c16_bf16": Case("ns_gan", "study", 16, 8, "compiled", "bf16"),
    **{f"polygons_c{width}_{mode}{pack}": Case("ns_gan", "study", width, pack, mode) for width, mode, pack in
       ((8, "unbatched", 1), (8, "vmap", 8), (16, "unbatched", 1), (16, "vmap", 8), (16, "compiled", 8),
        (64, "unbatched", 1))},
}  # fmt: skip


def images_of(case: Case) -> tuple[dict[str, Any], Images]:
    """Return the case's config and data; noise stands in for polygons, whose pixels do not change the work."""
    dataset, field = ("ring", "hidden") if case.network == "mlp" else ("polygons", "channels")
    config = resolve(
        compose([f"model={case.model}", f"dataset={dataset}", f"network.{field}={case.width}"]).config
    )
    if case.network == "mlp":
        return config, instantiate(config["dataset"]).load()
    pixels = torch.randint(0, 256, (4000, 1, 28, 28), dtype=torch.uint8)
    return config, Images(pixels, pixels[:1], None, None, "noise")


def pack_of(case: Case, config: dict[str, Any], images: Images) -> PackTraining:
    procedures = [instantiate(config["model"]["procedure"]) for _ in range(case.pack)]
    return PackTraining(
        procedures, range(case.pack), images, batch_size=64, mode=case.mode, precision=case.precision
    )


def loop_of(case: Case, **more: Any) -> PlainLoop:
    return plain_loop(case.model, case.network, case.width, images_of(case)[1].train, **more)


def rate(step: Callable[[], object], steps: int) -> float:
    started = time.process_time()
    for _ in range(steps):
        step()
    return steps / (time.process_time() - started)


class Operations(TorchDispatchMode):
    """PyTorch's own counts, which its FlopCounterMode cannot take of losses that hold a gradient."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)  # noqa: SLF001  (their key)
        self.total += count(*args, **(kwargs or {}), out_val=out) if count else 0
        return out


def flops(loop: PlainLoop) -> float:
    """Count a step's floating point operations, averaged over a round of critic and generator."""
    with Operations() as counter:
        for _ in range(loop.d_steps):
            loop.step()
    return counter.total / loop.d_steps


def peak(precision: str) -> float:
    """Measure the core's matrix product rate at 1024³, in operations per second: the best of ten."""
    a, b = (torch.randn(1024, 1024).to(FORMATS[precision]) for _ in range(2))
    return max(2 * 1024**3 * rate(partial(torch.mm, a, b), 1) for _ in range(10))


def trainer(name: str, ours: bool) -> Callable[[int], float]:
    """Return what takes so many steps and tells the rate; our side's memory is kept as a slot keeps it."""
    torch.set_num_threads(1)
    stepping.TRACE_AFTER = 2
    case = CASES[name]
    if ours:
        keep_freed_memory()
    step = pack_of(case, *images_of(case)).advance if ours else loop_of(case).step
    return lambda steps: rate(step, steps) * (case.pack if ours else 1)


def measure(name: str, pairs: int, seconds: float) -> dict[str, object]:
    case = CASES[name]
    loop = loop_of(case)
    with Aside(trainer, name, True) as mine, Aside(trainer, name, False) as plain:
        ours, theirs = (
            steps_for(side, seconds, lanes, loop.d_steps) for side, lanes in ((mine, case.pack), (plain, 1))
        )
        found = [(mine.ask(ours), plain.ask(theirs)) for _ in range(pairs)]
    limit = peak(case.precision) / flops(loop)
    return row(f"{name} --pairs {pairs} --seconds {seconds}", found, limit, vars(case), PLAIN)


def steps_for(side: Aside, seconds: float, lanes: int, period: int) -> int:
    """Return how many steps take about so long, whole rounds of critic and generator; what is done once is done."""
    side.ask(4 * period)
    return max(1, round(seconds * side.ask(2 * period) / lanes / period)) * period


def row(
    arguments: str, found: list[tuple[float, float]], limit: float, case: dict[str, object], peer: str
) -> dict[str, object]:
    ratios, ours = [a / b for a, b in found], statistics.median(a for a, _ in found)
    values = {
        "case": arguments.split(maxsplit=1)[0],
        **case,
        "ours_per_s": f"{ours:.4g}",
        "peer": peer,
        "peer_per_s": f"{statistics.median(b for _, b in found):.4g}",
        "ratio_median": f"{statistics.median(ratios):.2f}",
        "ratio_min": f"{min(ratios):.2f}",
        "ratio_max": f"{max(ratios):.2f}",
        "limit_per_s": f"{limit:.4g}",
        "fraction_of_limit": f"{ours / limit:.3f}",
        "command": f"python benchmarks/throughput.py {arguments}",
    }
    return {column: values[column] for column in COLUMNS}


def swept() -> float:
    """Return trials per second of a whole sweep by two slots, its libraries compiled by an earlier one."""
    with tempfile.TemporaryDirectory() as results:
        command = [
            *(sys.executable, "-c", MAIN, "sweep", "ring", "model=ns_gan", "budget=small", *PACKED),
            *(
                f"budget.steps={SWEPT_STEPS}",
                f"budget.every={SWEPT_STEPS // 4}",
                "network.hidden=128",
                f"search.trials={SWEPT}",
                "rerun=null",
            ),
            *("--workers", "2", "--results", results),
        ]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return SWEPT / (time.perf_counter() - started)


def one_by_one() -> float:
    """Return trials per second of one process per trial, two at a time."""
    trials, program = 8, str(Path(one_trial.__file__))
    commands = [[sys.executable, program, str(number), str(SWEPT_STEPS)] for number in range(trials)]
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(subprocess.run, check=True), commands))
    return trials / (time.perf_counter() - started)


def measure_sweep(name: str, pairs: int) -> dict[str, object]:
    case = Case("ns_gan", "mlp", 128, 2, "compiled")
    swept()  # pays for compilation
    found = [(swept(), one_by_one()) for _ in range(pairs)]
    work = statistics.mean(flops(one_trial.drawn_loop(number)) for number in range(4))
    limit = 2 * peak("float32") / work / SWEPT_STEPS
    return row(f"{name} --pairs {pairs}", found, limit, vars(case), "one process per trial, two at a time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"any of {', '.join(CASES)}, ring_sweep")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--all", action="store_true", help="every case")
    given = parser.parse_args()
    unknown = [name for name in given.cases if name not in (*CASES, "ring_sweep")]
    if unknown:
        parser.error(f"unknown case {unknown[0]!r}: choose any of {', '.join(CASES)}, ring_sweep")
    torch.set_num_threads(1)
    for name in given.cases or (*(CASES if given.all else MAIN_CASES), "ring_sweep"):
        new = (
            measure_sweep(name, given.pairs)
            if name == "ring_sweep"
            else measure(name, given.pairs, given.seconds)
        )
        keep(OUT, new, order=(*CASES, "ring_sweep"))
        print(*(f"{key}={value}" for key, value in new.items() if key != "command"), flush=True)


if __name__ == "__main__":
    main()
