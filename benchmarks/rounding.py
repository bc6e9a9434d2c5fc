"""How far re-rounding moves a score: committed trials trained alone instead of in their pack.

    python benchmarks/rounding.py [--sweep fashion_small] [--trials 6] [--metric fd_lenet28]

A pack of another size sums in another order, as another machine does. Writes benchmarks/results/rounding.csv.
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path
from typing import Any

import torch

import ganbench
from ganbench.packing import lanes_for
from ganbench.records import Pack, Trial
from ganbench.store import Store
from ganbench.worker.bench import bench_of, checkpoint_steps, pack_training, trial_config

ROOT = Path(__file__).resolve().parents[1]
OUT = Path(__file__).parent / "results" / "rounding.csv"


def alone(store: Store, trial: Trial, metric: str, stored: dict[int, float]) -> list[dict[str, Any]]:
    """Train one trial as a pack of one and compare every checkpoint with what is stored."""
    definition, pack = store.definition(), store.plan().packs[trial.pack_id]
    config = trial_config(definition, trial.variant, trial.params)
    bench = bench_of(config)
    solo = Pack(
        trial.pack_id,
        trial.stage,
        trial.variant,
        (trial.trial_id,),
        lanes_for(1),
        pack.mode,
        1,
        pack.precision,
    )
    training = pack_training(definition, solo, [trial], bench.images)
    rows = []
    for step in checkpoint_steps(config["budget"]):
        while training.progress.step < step:
            training.advance()
        procedure, state = training.lane(0)
        value = bench.scorer.score(bench.scorer.generate(procedure, state), procedure)[metric]
        rows.append(
            {"model": trial.variant["model"], "trial_id": trial.trial_id, "lanes": pack.lanes, "step": step}
        )
        rows[-1] |= {"packed": stored.get(step), "alone": value, "relative": abs(value / stored[step] - 1)}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", default="fashion_small")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--metric", default="fd_lenet28")
    given = parser.parse_args()
    torch.set_num_threads(1)
    store, table = Store(ROOT / "results", given.sweep), ganbench.load(ROOT / "results" / given.sweep)
    table = table[(table["metric"] == given.metric) & (table["status"] == "ok")]
    steps = len(checkpoint_steps(store.definition()["budget"]))
    scores = {i: dict(zip(rows["step"], rows["value"], strict=True)) for i, rows in table.groupby("trial_id")}
    plan = store.plan()
    packed = [
        t for t in plan.trials if plan.packs[t.pack_id].lanes > 1 and len(scores.get(t.trial_id, ())) == steps
    ]
    rows = []
    for trial in random.Random(2018).sample(packed, given.trials):
        rows += alone(store, trial, given.metric, scores[trial.trial_id])
        print(*rows[-steps].values(), "…", *rows[-1].values())
    command = (
        f"python benchmarks/rounding.py --sweep {given.sweep} --trials {given.trials} --metric {given.metric}"
    )
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "command"])
        writer.writeheader()
        writer.writerows({**row, "command": command} for row in rows)


if __name__ == "__main__":
    main()
