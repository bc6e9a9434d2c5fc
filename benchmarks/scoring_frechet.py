"""The Fréchet distance of fakes to a fitted reference: ours, scipy's root, torch-fidelity, torchmetrics.

    python benchmarks/scoring_frechet.py [--pairs 5] [--features 128 768 2048]

All in one process and one thread, alternating; process time, so that other work on the machine counts less. Each
goes from features to the number; the reference's moments are given. With half as many fakes as features scipy's
root of a singular product is left out. Writes benchmarks/results/scoring_frechet.csv.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy
import scipy.linalg
import torch
import torch_fidelity
import torchmetrics
from kept import machine
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torchmetrics.image.fid import _compute_fid

from ganbench.metrics.frechet import Statistics, frechet_distance
from ganbench.metrics.frechet import statistics as fit
from ganbench.rng import Rng

OUT = Path(__file__).parent / "results" / "scoring_frechet.csv"
Form = Callable[[Tensor], float]


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), torch.cov(x.T)


def with_sqrtm(real: tuple[Tensor, Tensor]) -> Form:
    def form(fake: Tensor) -> float:
        (mu, sigma), (other_mu, other) = real, moments(fake)
        root = np.trace(scipy.linalg.sqrtm((sigma @ other).numpy())).real
        return float((mu - other_mu).square().sum() + sigma.trace() + other.trace() - 2.0 * root)

    return form


def with_torch_fidelity(real: dict[str, np.ndarray]) -> Form:
    def form(fake: Tensor) -> float:
        found = fid_statistics_to_metric(real, fid_features_to_statistics(fake), verbose=False)
        return float(found["frechet_inception_distance"])

    return form


def with_torchmetrics(real: tuple[Tensor, Tensor]) -> Form:
    return lambda fake: float(_compute_fid(*real, *moments(fake)))


def ours(real: Statistics) -> Form:
    return lambda fake: frechet_distance(real, fake)


def forms(real: Tensor, *, singular: bool) -> dict[str, Form]:
    found = {
        "ganbench": ours(fit(real)),
        f"torch-fidelity {torch_fidelity.__version__}": with_torch_fidelity(fid_features_to_statistics(real)),
        f"torchmetrics {torchmetrics.__version__}": with_torchmetrics(moments(real)),
        f"scipy {scipy.__version__} sqrtm": with_sqrtm(moments(real)),
    }
    return {name: form for name, form in found.items() if not (singular and "sqrtm" in name)}


def timed(form: Form, fake: Tensor) -> tuple[float, float]:
    calls = max(1, 1024 // fake.shape[1]) ** 2
    started = time.process_time()
    values = [form(fake) for _ in range(calls)]
    return (time.process_time() - started) / calls, values[0]


def measure(width: int, n: int, pairs: int) -> list[dict[str, object]]:
    rng = Rng.of(0, "scoring_frechet")
    mix = rng.normal("mix", (width, width)).double() / width**0.5
    real = rng.normal("real", (2 * width, width)).double() @ mix
    fake = 1.1 * rng.normal("fake", (n, width)).double() @ mix + 0.1
    found = forms(real, singular=n < width)
    for form in found.values():
        form(fake[: min(n, 64)])  # what is loaded at the first call
    rounds = [{name: timed(form, fake) for name, form in found.items()} for _ in range(pairs)]
    return [
        {
            "features": width,
            "fakes": n,
            "form": name,
            "seconds_median": f"{statistics.median(r[name][0] for r in rounds):.4g}",
            "ratio_median": f"{statistics.median(r[name][0] / r['ganbench'][0] for r in rounds):.3g}",
            "ratio_min": f"{min(r[name][0] / r['ganbench'][0] for r in rounds):.3g}",
            "ratio_max": f"{max(r[name][0] / r['ganbench'][0] for r in rounds):.3g}",
            "relative_difference": f"{abs(rounds[0][name][1] / rounds[0]['ganbench'][1] - 1.0):.1g}",
            "pairs": pairs,
        }
        for name in found
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--features", type=int, nargs="+", default=[128, 768, 2048])
    given = parser.parse_args()
    torch.set_num_threads(1)
    command = f"python benchmarks/scoring_frechet.py --pairs {given.pairs}"
    rows = [
        row | {"machine": f"{machine()}, one thread", "command": command}
        for width in given.features
        for n in (2 * width, width // 2)
        for row in measure(width, n, given.pairs)
    ]
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*row.values(), sep="\t")


if __name__ == "__main__":
    main()
