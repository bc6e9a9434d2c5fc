"""How far precision and recall on polygons are from converged, one knob of the two searches at a time.

    python benchmarks/polygon_convergence.py [--draw] [--snapshots DIR --channels 16]

Trains an NS GAN at an eighth of the study's width, keeps it early, mid, good and better, and scores each: distances to
the manifold against Levenberg-Marquardt iterations, starts and references, inversion against steps, starts and
learning rate, both against the number of images. Writes benchmarks/results/polygon_convergence.{csv,pdf,png}; --draw
draws anew from the CSV. With --snapshots the generators are those of another run, and scores are printed only.
About 15 minutes of one core.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from ganbench.config import compose
from ganbench.instantiation import instantiate
from ganbench.metrics.manifold import share_within
from ganbench.metrics.manifold_inversion import descend, nearest_images, search
from ganbench.nodes import resolve
from ganbench.protocols import Samples
from ganbench.report.style import GREY, headline, log_scale, looks, panels, styled, to_bytes
from ganbench.rng import Rng
from ganbench.scoring import Scorer
from ganbench.training import PackTraining
from ganbench.worker.snapshots import load_snapshot

OUT = Path(__file__).parent / "results" / "polygon_convergence.csv"
COMMAND = "python benchmarks/polygon_convergence.py"
SETTING = ["model=ns_gan", "dataset=polygons", "protocol=polygons_fast", "model.lr=4.0e-3", "model.beta1=0.5"]
KEPT = {"early": 300, "mid": 600, "good": 2400, "better": 4800}  # after how many steps
DELTAS = (0.375, 0.75, 1.5, 3.0, 6.0)
FAKES, REALS = 1024, 256  # images where their number is not the knob
BASE = {"iterations": 8, "starts": 1, "references": 60000}
POOL, RATE, STEPS = 10000, 0.2, 200
KNOBS: dict[str, tuple[float, ...]] = {
    "iterations": (0, 1, 2, 4, 8, 16, 32),
    "polygon_starts": (1, 2, 4, 8, 16),
    "references": (1000, 4000, 15000, 60000),
    "n_fake": (64, 256, 1024, 4096),
    "steps": (50, 100, 200, 400, 800, 1600),
    "starts": (1, 2, 4, 8),
    "lr": (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8),
    "n_real": (64, 256, 1024),
}
MEASURED = {knob: "precision" if place < 4 else "recall" for place, knob in enumerate(KNOBS)}
LOST = ("iterations", "polygon_starts", "references")  # drawn as the distance from converged
LINES = {1.5: "-", 0.75: ":"}  # of the δ that are drawn
LABELS = {
    "iterations": "iterations (1 start)",
    "polygon_starts": "starting polygons",
    "references": "references (1 start)",
    "n_fake": "generated images",
    "steps": "steps (1 start)",
    "starts": f"starting latents ({STEPS} steps)",
    "lr": f"learning rate ({STEPS} steps)",
    "n_real": f"real images ({STEPS // 2} steps)",
}
Measured = Iterator[tuple[str, float, Tensor, float]]  # knob, value, squared distances, seconds so far


def timed(function: Callable[[], Tensor]) -> tuple[Tensor, float]:
    started = time.process_time()
    return function(), time.process_time() - started


def precision(data: Any, images: Tensor) -> Measured:
    few = images[:FAKES]
    for knob, field in (
        ("iterations", "iterations"),
        ("polygon_starts", "starts"),
        ("references", "references"),
    ):
        for value in KNOBS[knob]:
            yield knob, value, *timed(partial(data.squared_distance, few, **BASE | {field: int(value)}))
    for n in KNOBS["n_fake"]:
        yield "n_fake", n, *timed(partial(data.squared_distance, images[: int(n)], **BASE))


def recall(fake: Samples, real: Tensor) -> Measured:
    def found(n: int, steps: int, lr: float) -> tuple[Tensor, float]:
        return timed(lambda: search(real[:n], fake, pool=POOL, starts=1, lengths=(steps,), lr=lr)[0])

    for steps in KNOBS["steps"]:
        yield "steps", steps, *found(REALS, int(steps), RATE)
    for lr in KNOBS["lr"]:
        yield "lr", lr, *found(REALS, STEPS, lr)
    distances, seconds = found(int(max(KNOBS["n_real"])), STEPS // 2, RATE)
    for n in KNOBS["n_real"]:
        yield "n_real", n, distances[: int(n)], seconds * n / len(distances)
    yield from starts(fake, real[:REALS])


def starts(fake: Samples, real: Tensor) -> Measured:
    assert fake.generator
    assert fake.draw_latents
    assert fake.clamp_latents
    latents, spent = fake.draw_latents("inversion", POOL), 0.0
    best = torch.full((len(real),), torch.inf)
    most = int(max(KNOBS["starts"]))
    for place, start in enumerate(nearest_images(real, latents, fake.generator, most), start=1):
        go = partial(descend, real, latents[start], fake.generator, fake.clamp_latents, steps=STEPS, lr=RATE)
        distances, seconds = timed(go)
        best, spent = torch.minimum(best, distances), spent + seconds
        if place in KNOBS["starts"]:
            yield "starts", place, best, spent


def rows(name: str, measured: Measured) -> Iterator[dict[str, Any]]:
    for knob, value, distances, seconds in measured:
        said = MEASURED[knob]
        scores = {f"{said}@{delta:g}": share_within(distances, delta) for delta in DELTAS}
        scores[f"{said}_distance"] = distances.double().quantile(0.5).item()
        for metric, score in scores.items():
            row = {
                "generator": name,
                "knob": knob,
                "value": f"{value:g}",
                "metric": metric,
                "score": f"{score:.5f}",
            }
            yield row | {"seconds": f"{seconds:.1f}", "command": COMMAND}
        print(
            name, knob, f"{value:g}", *(f"{s:.3f}" for s in scores.values()), f"{seconds:.1f} s", flush=True
        )


def trained(config: dict[str, Any], images: Any) -> Iterator[tuple[str, Any]]:
    """Train once and yield the state at every stage."""
    procedure = instantiate(config["model"]["procedure"])
    training = PackTraining([procedure], [0], images, batch_size=config["budget"]["batch_size"], mode="vmap")
    for name, steps in KEPT.items():
        while training.progress.step < steps:
            training.advance()
        yield name, training.lane(0)[1]


def bench(*overrides: str) -> tuple[dict[str, Any], Any, Any, Scorer]:
    config = resolve(compose([*SETTING, *overrides]).config)
    data = instantiate(config["dataset"])
    images = data.load()
    return config, data, images, Scorer(config["protocol"], data, images)


def samples(scorer: Scorer, procedure: Any, state: Any) -> Samples:
    fakes = scorer.generate(procedure, state)
    rng = Rng.of(42, "evaluation")
    return Samples(
        images=fakes.images,
        generator=partial(procedure.sample, fakes.settled),
        draw_latents=lambda address, n: procedure.draw_latents(rng.fold(address), n),
        clamp_latents=procedure.clamp_latents,
    )


def study(folder: Path | None, channels: int) -> None:
    config, data, images, scorer = bench(
        f"network.channels={channels}", f"protocol.n_fake={max(KNOBS['n_fake']):g}"
    )
    procedure = instantiate(config["model"]["procedure"])
    states = trained(config, images)
    if folder is not None:
        states = ((path.stem, load_snapshot(path)) for path in sorted(folder.glob("*.safetensors")))
    table = []
    for name, state in states:
        fake = samples(scorer, procedure, state)
        table += [*rows(name, precision(data, fake.images)), *rows(name, recall(fake, scorer.real_images))]
    if folder is None:
        with OUT.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows(table)


def draw() -> None:
    """Draw precision's distance from converged and recall, a panel a knob."""
    with OUT.open(newline="", encoding="utf-8") as file, styled():
        for suffix, content in to_bytes(figure(list(csv.DictReader(file)))).items():
            OUT.with_suffix(f".{suffix}").write_bytes(content)


def figure(table: list[dict[str, Any]]) -> Figure:
    names = list(dict.fromkeys(row["generator"] for row in table))
    look = looks(names)
    drawn, axes = panels(2, 4, size=(2.6, 2.3))
    for ax, knob in zip(axes, KNOBS, strict=True):
        for name, (delta, line) in product(names, LINES.items()):
            x, y, error = series(table, name, knob, delta)
            shown = {
                "color": look[name].colour,
                "marker": look[name].marker,
                "markersize": 3.5,
                "linestyle": line,
            }
            ax.errorbar(x, y, yerr=error if knob in ("n_fake", "n_real") else None, elinewidth=0.8, **shown)
        log_scale(ax, "x", min(x) / 1.3, max(x) * 1.3)
        ticks = x[:: 1 + len(x) // 7]
        ax.set_xticks(ticks, [f"{value:g}" for value in ticks])
        ax.set_title(LABELS[knob])
        ax.set_ylabel("precision − converged" if knob in LOST else MEASURED[knob])
        if knob in LOST:
            ax.axhline(-0.01, color=GREY, linewidth=0.8, linestyle="--")
    headline(
        drawn,
        "Polygons: precision against the deepest search (dashed: 0.01 below it), recall found by inversion",
    )
    keys = [Line2D([], [], color=look[n].colour, marker=look[n].marker, label=label(n)) for n in names]
    keys += [
        Line2D([], [], color=GREY, linestyle=line, label=f"δ = {delta:g}") for delta, line in LINES.items()
    ]
    drawn.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return drawn


def label(name: str) -> str:
    return f"{name}, {KEPT[name]} steps" if name in KEPT else name


def series(
    table: list[dict[str, Any]], name: str, knob: str, delta: float
) -> tuple[list[float], list[float], list[float]]:
    """Return a knob's values, the scores, or what precision lacks to the most starts', and their standard errors."""
    found = {
        (row["knob"], float(row["value"])): float(row["score"])
        for row in table
        if row["generator"] == name and row["metric"] == f"{MEASURED[row['knob']]}@{delta:g}"
    }
    converged = found["polygon_starts", max(KNOBS["polygon_starts"])] if knob in LOST else 0.0
    values = [value for value in KNOBS[knob] if value]  # without a single iteration precision is far off
    scores = [found[knob, value] for value in values]
    errors = [math.sqrt(p * (1 - p) / n) for p, n in zip(scores, values, strict=True) if 0 <= p <= 1]
    return values, [score - converged for score in scores], errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", type=Path)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if not given.draw:
        study(given.snapshots, given.channels)
    if given.snapshots is None:
        draw()


if __name__ == "__main__":
    main()
