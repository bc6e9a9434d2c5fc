"""What scoring a generator of polygons costs beside its training, a quarter of the study's width on one core.

    python benchmarks/polygon_costs.py [--channels 16] [--steps 6000] [--checkpoints 4]

The generator is hardly trained: a search takes as many steps for it as for any other. Writes
benchmarks/results/polygon_costs.csv: seconds per checkpoint and per inverted snapshot, both as shares of a trial of
--steps steps. A trial has one or two inverted snapshots, the last and the best.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ganbench.config import compose
from ganbench.identity import protocol_id
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve
from ganbench.scoring import Scorer
from ganbench.training import PackTraining

OUT = Path(__file__).parent / "results" / "polygon_costs.csv"
TRACED, TIMED = 150, 100  # steps: the step is traced after the first hundred


def seconds(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def cost(protocol: str, channels: int, steps: int, checkpoints: int) -> dict[str, Any]:
    overrides = ["model=ns_gan", "dataset=polygons", f"protocol={protocol}", f"network.channels={channels}"]
    config = resolve(compose(overrides).config)
    data = instantiate(config["dataset"])
    images, procedure = data.load(), instantiate(config["model"]["procedure"])
    training = PackTraining([procedure], [0], images, batch_size=config["budget"]["batch_size"], mode="vmap")
    for _ in range(TRACED):
        training.advance()
    step = seconds(lambda: [training.advance() for _ in range(TIMED)]) / TIMED
    scorer = Scorer(config["protocol"], data, images)
    fakes = scorer.generate(procedure, training.lane(0)[1])
    scorer.score(fakes, procedure)  # the real side is computed once a slot
    every = seconds(lambda: scorer.score(fakes, procedure))
    inverted = seconds(lambda: scorer.score(fakes, procedure, ("best_last",)))
    return {
        "protocol": protocol_id(config["protocol"]),
        "channels": channels,
        "steps": steps,
        "steps_per_second": round(1 / step, 1),
        "checkpoint_seconds": round(every, 1),
        "inverted_seconds": round(inverted, 1),
        "checkpoints": checkpoints,
        "checkpoints_share": round(checkpoints * every / (steps * step), 3),
        "inverted_share": round(inverted / (steps * step), 3),
        "command": f"python benchmarks/polygon_costs.py --channels {channels} --steps {steps}"
        f" --checkpoints {checkpoints}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--checkpoints", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for protocol in ("polygons_fast", "polygons_final"):
        rows.append(cost(protocol, given.channels, given.steps, given.checkpoints))
        print(*rows[-1].values(), sep="\t", flush=True)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
