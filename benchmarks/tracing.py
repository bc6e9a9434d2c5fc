"""Traced against untraced steps of the eight models on the ring, alternating in one process; process time.

    python benchmarks/tracing.py [--lanes 8] [--pairs 5] [--steps 60]

Writes benchmarks/results/tracing.csv.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from pathlib import Path

import torch

from ganbench import stepping
from ganbench.config import compose, options
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve, set_values
from ganbench.training import PackTraining

OUT = Path(__file__).parent / "results" / "tracing.csv"


def pack(model: str, lanes: int) -> PackTraining:
    composed = compose([f"model={model}", "dataset=ring"]).config
    configs = [resolve(set_values(composed, {"model.lr": 1e-3 * (i + 1) / lanes})) for i in range(lanes)]
    procedures = [instantiate(c["model"]["procedure"]) for c in configs]
    images = instantiate(configs[0]["dataset"]).load()
    return PackTraining(procedures, range(lanes), images, batch_size=64, mode="vmap")


def rate(pack: PackTraining, steps: int, trace_after: int) -> float:
    stepping.TRACE_AFTER = trace_after
    started = time.process_time()
    for _ in range(steps):
        pack.advance()
    return steps * pack.lanes / (time.process_time() - started)


def measure(model: str, lanes: int, pairs: int, steps: int) -> dict[str, object]:
    eager, traced = pack(model, lanes), pack(model, lanes)
    rate(eager, 12, sys.maxsize), rate(traced, 12, 1)
    found = [(rate(eager, steps, sys.maxsize), rate(traced, steps, 1)) for _ in range(pairs)]
    ratios = sorted(b / a for a, b in found)
    return {
        "model": model,
        "lanes": lanes,
        "untraced_per_s": round(statistics.median(a for a, _ in found)),
        "traced_per_s": round(statistics.median(b for _, b in found)),
        "ratio_median": round(statistics.median(ratios), 2),
        "ratio_min": round(ratios[0], 2),
        "ratio_max": round(ratios[-1], 2),
        "command": f"python benchmarks/tracing.py --lanes {lanes} --pairs {pairs} --steps {steps}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(model, given.lanes, given.pairs, given.steps) for model in options("model")]
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*row.values(), sep="\t")


if __name__ == "__main__":
    main()
