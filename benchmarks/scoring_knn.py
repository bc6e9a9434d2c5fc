"""Nearest-neighbour metrics: seconds and peak memory at 10 000 and 50 000 samples a side of 128 features.

    python benchmarks/scoring_knn.py [--pairs 5]

At the smaller size against prdc and torch-fidelity, alternating, each run a process of its own in one thread: process
time of the score alone, and the process's peak resident memory, libraries included. At the larger size once, and
only ours: the others would hold all distances, 20 GB a matrix. `tiles` reads one tile of 50 000 x 2048 features:
memory does not depend on how many follow. No radii are cached. Writes benchmarks/results/scoring_knn.csv.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from kept import machine
from torch import Tensor

from ganbench.metrics.density_coverage import DensityCoverage
from ganbench.metrics.neighbors import TILE, tiles
from ganbench.metrics.precision_recall import PrecisionRecall
from ganbench.metrics.two_sample import NearestNeighborAccuracy
from ganbench.protocols import Samples
from ganbench.rng import Rng

OUT = Path(__file__).parent / "results" / "scoring_knn.csv"
K, FEATURES, SMALL, LARGE, WIDE = 5, 128, 10_000, 50_000, 2048


def sides(real: Tensor, fake: Tensor) -> tuple[Samples, Samples]:
    return Samples(images=real, features=real), Samples(images=fake, features=fake)


def precision_recall(real: Tensor, fake: Tensor) -> object:
    directions = {"precision": "max", "recall": "max"}
    metric = PrecisionRecall(space="pixels", directions=directions, at="every", k=K, inclusive=True)
    return metric(*sides(real, fake))


def density_coverage(real: Tensor, fake: Tensor) -> object:
    directions = {"density": "max", "coverage": "max"}
    metric = DensityCoverage(space="pixels", directions=directions, at="every", k=K, inclusive=False)
    return metric(*sides(real, fake))


def two_sample(real: Tensor, fake: Tensor) -> object:
    directions = {"nn1": "min", "nn1_real": "min", "nn1_fake": "min"}
    return NearestNeighborAccuracy(space="pixels", directions=directions, at="every")(*sides(real, fake))


def prdc(real: Tensor, fake: Tensor) -> object:
    from prdc import compute_prdc  # noqa: PLC0415  (a peer: only those pay who compare)

    with contextlib.redirect_stdout(io.StringIO()):
        return compute_prdc(real.double().numpy(), fake.double().numpy(), K)


def torch_fidelity(real: Tensor, fake: Tensor) -> object:
    from torch_fidelity.metric_prc import prc_features_to_metric  # noqa: PLC0415  (a peer: only those pay who compare)

    return prc_features_to_metric(fake.double(), real.double(), prc_neighborhood=K, verbose=False)


def one_tile(real: Tensor, fake: Tensor) -> object:
    return [float(distances.min()) for _, distances in tiles(fake[: TILE // len(real)], real)]


RUNS: dict[str, Callable[[Tensor, Tensor], object]] = {
    "ganbench precision, recall": precision_recall,
    "ganbench density, coverage": density_coverage,
    "ganbench nn1": two_sample,
    "torch-fidelity precision, recall": torch_fidelity,
    "prdc all four": prdc,
    "ganbench tiles": one_tile,
}


def draw(name: str, n: int, width: int, scale: float) -> Tensor:
    """Normal points, drawn in parts: drawing must not take more memory than scoring."""
    points, rng = torch.empty(n, width), Rng.of(0, "scoring_knn", name)
    for start in range(0, n, 1000):
        part = points[start : start + 1000]
        part.copy_(scale * rng.normal(str(start), tuple(part.shape)))
    return points


def run(name: str, n: int, width: int) -> None:
    """Score once and print process seconds and the peak in MiB: what the child process does."""
    torch.set_num_threads(1)
    real, fake = draw("real", n, width, 1.0), draw("fake", n, width, 0.9)
    small = real[:20, :2], fake[:20, :2]
    RUNS[name](*small)  # what is loaded at the first call
    started = time.process_time()
    RUNS[name](real, fake)
    seconds = time.process_time() - started
    status = Path("/proc/self/status").read_text().splitlines()
    print(seconds, int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024.0)


def child(name: str, n: int, width: int) -> tuple[float, float]:
    command = [sys.executable, __file__, "--run", name, str(n), str(width)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | threads)
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def measure(names: list[str], n: int, width: int, pairs: int) -> list[dict[str, object]]:
    rounds = [{name: child(name, n, width) for name in names} for _ in range(pairs)]
    return [
        {
            "metric": name,
            "samples_a_side": n,
            "features": width,
            "seconds_median": f"{statistics.median(r[name][0] for r in rounds):.3g}",
            "seconds_min": f"{min(r[name][0] for r in rounds):.3g}",
            "seconds_max": f"{max(r[name][0] for r in rounds):.3g}",
            "peak_mib": round(max(r[name][1] for r in rounds)),
            "runs": pairs,
        }
        for name in names
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--run", nargs=3, metavar=("NAME", "N", "FEATURES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(given.run[0], int(given.run[1]), int(given.run[2]))
        return
    *scores, tile = RUNS
    mine = [name for name in scores if name.startswith("ganbench")]
    rows = measure(scores, SMALL, FEATURES, given.pairs)
    rows += measure(mine[:2], LARGE, FEATURES, 1) + measure([tile], LARGE, WIDE, 1)
    command = f"python benchmarks/scoring_knn.py --pairs {given.pairs}"
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "machine", "command"])
        writer.writeheader()
        writer.writerows(row | {"machine": f"{machine()}, one thread", "command": command} for row in rows)
    for row in rows:
        print(*row.values(), sep="\t")


if __name__ == "__main__":
    main()
