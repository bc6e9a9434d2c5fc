"""What scoring costs beside training: its share of a `small` trial under each search protocol; and images/s.

    python benchmarks/scoring_share.py [--steps 60] [--scores 3]

A trial trains for its number of steps times the time of a step, and is scored for its number of checkpoints
times the time of a score at every checkpoint; process time of one thread, medians, the two alternating. The latent
inversion of polygons, which happens only at the last and the best checkpoint, is timed and written apart.
Writes benchmarks/results/scoring_share.csv and benchmarks/results/extraction.csv.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from kept import machine

from ganbench.config import compose
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve, set_values
from ganbench.scoring import Scorer
from ganbench.training import PackTraining
from ganbench.worker.bench import checkpoint_steps

OUT = Path(__file__).parent / "results"
CASES = {
    "ring": ["dataset=ring"],
    "fashion_mnist_c8": ["dataset=fashion_mnist", "protocol=gray28_cheap", "network.channels=8"],
    "fashion_mnist_c16": ["dataset=fashion_mnist", "protocol=gray28_cheap", "network.channels=16"],
    "polygons_c8": ["dataset=polygons", "network.channels=8"],
    "polygons_c16": ["dataset=polygons", "network.channels=16"],
}
EXTRACTORS = ("lenet28", "random_conv", "pixels")
LANES = 4


def seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def share(case: str, steps: int, scores: int) -> dict[str, object]:
    composed = compose(["model=ns_gan", "budget=small", *CASES[case]]).config
    configs = [resolve(set_values(composed, {"model.lr": 1e-4 * (lane + 1)})) for lane in range(LANES)]
    config, dataset = configs[0], instantiate(configs[0]["dataset"])
    images = dataset.load()
    procedures = [instantiate(c["model"]["procedure"]) for c in configs]
    pack = PackTraining(
        procedures, range(LANES), images, batch_size=config["budget"]["batch_size"], mode="vmap"
    )
    scorer = Scorer(config["protocol"], dataset, images)

    def train() -> None:
        for _ in range(steps):
            pack.advance()

    def score(at: tuple[str, ...]) -> None:
        procedure, state = pack.lane(0)
        scorer.score(scorer.generate(procedure, state), procedure, at)

    train(), train(), score(("every",))  # traced, and the real side computed
    trained, scored = [], []
    for _ in range(scores):
        trained.append(seconds(train) / steps / LANES)
        scored.append(seconds(lambda: score(("every",))))
    last = seconds(lambda: score(("best_last",))) if scorer.keys(("best_last",)) else 0.0
    schedule = checkpoint_steps(config["budget"])
    training = schedule[-1] * statistics.median(trained)
    scoring = len(schedule) * statistics.median(scored)
    return {
        "case": case,
        "protocol": config["protocol"]["name"],
        "steps": schedule[-1],
        "checkpoints": len(schedule),
        "training_s": round(training, 2),
        "scoring_s": round(scoring, 2),
        "share": round(scoring / (training + scoring), 4),
        "best_last_s": round(2 * last, 2),
    }


def extraction(name: str, pairs: int) -> dict[str, object]:
    node = resolve(compose(["protocol=probe28", "dataset=fashion_mnist"]).config)["protocol"]["extractors"][
        name
    ]
    extractor = instantiate(node)
    batch = torch.rand(2000, 1, 28, 28)
    extractor.features(batch)
    rates = [len(batch) / seconds(lambda: extractor.features(batch)) for _ in range(pairs)]
    return {"extractor": name, "images_per_s": round(statistics.median(rates)), "lowest": round(min(rates))}


def write(name: str, rows: list[dict[str, object]], command: str) -> None:
    OUT.mkdir(exist_ok=True)
    rows = [{**row, "machine": f"{machine()}, one thread", "command": command} for row in rows]
    with (OUT / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*list(row.values())[:-2], sep="\t", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--scores", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    command = f"python benchmarks/scoring_share.py --steps {given.steps} --scores {given.scores}"
    write("extraction.csv", [extraction(name, 5) for name in EXTRACTORS], command)
    write("scoring_share.csv", [share(case, given.steps, given.scores) for case in CASES], command)


if __name__ == "__main__":
    main()
