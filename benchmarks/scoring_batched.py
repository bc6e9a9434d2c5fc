"""Would scoring a whole pack at once pay? Eight generators, one after the other against all in one call.

    python benchmarks/scoring_batched.py [--pairs 5]

Cases: drawing samples, their features, the eigenvalues of a Fréchet distance, and the latent inversion of a recall
(eight steps of it for one block of images). Process time of one thread, alternating; a ratio above 1 is what batching
would gain.
Writes benchmarks/results/scoring_batched.csv.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from kept import machine
from throughput import Case, images_of, pack_of
from torch import Tensor
from torch.func import grad, vmap

from ganbench.config import compose
from ganbench.instantiation import instantiate
from ganbench.metrics.manifold_inversion import BLOCK, descend
from ganbench.nodes import resolve
from ganbench.scoring import CHUNK
from ganbench.training import PackTraining
from ganbench.tree import stack

OUT = Path(__file__).parent / "results" / "scoring_batched.csv"
LANES, FAKES, STEPS = 8, 2048, 8
Forms = tuple[Callable[[], Any], Callable[[], Any]]  # one by one, together


def packs() -> Iterator[tuple[str, PackTraining]]:
    for network, width in (("mlp", 128), ("study", 8), ("study", 16)):
        case = Case("ns_gan", network, width, LANES, "vmap")
        yield f"{network}{width}", pack_of(case, *images_of(case))


def sampling(pack: PackTraining) -> Forms:
    procedure, _ = pack.lane(0)
    latents = torch.rand(FAKES, latent_size(pack)) * 2 - 1
    settled = [settle(pack, lane) for lane in range(LANES)]
    stacked = stack(settled)
    each = vmap(procedure.sample, (0, None))

    def one_by_one() -> None:
        for state in settled:
            for z in torch.split(latents, CHUNK):
                procedure.sample(state, z)

    def together() -> None:
        for z in torch.split(latents, CHUNK):
            each(stacked, z)

    return torch.no_grad()(one_by_one), torch.no_grad()(together)


def latent_size(pack: PackTraining) -> int:
    return int(pack.lane(0)[0].generator.latent_dim)


def settle(pack: PackTraining, lane: int) -> Any:
    procedure, state = pack.lane(lane)
    return procedure.settle(state, torch.rand(4, 64, latent_size(pack)) * 2 - 1)


def features() -> Forms:
    extractor = instantiate(
        resolve(compose(["dataset=fashion_mnist"]).config)["protocol"]["extractors"]["lenet28"]
    )
    images = torch.rand(LANES, FAKES, 1, 28, 28)

    def extract(batch: Tensor) -> None:
        for chunk in torch.split(batch, CHUNK):
            extractor.features(chunk)

    return (
        torch.no_grad()(lambda: [extract(lane) for lane in images]),
        torch.no_grad()(lambda: extract(images.flatten(0, 1))),
    )


def eigenvalues(size: int) -> Forms:
    factors = torch.randn(LANES, size, size, dtype=torch.float64)
    symmetric = factors @ factors.mT
    return lambda: [torch.linalg.eigvalsh(a) for a in symmetric], lambda: torch.linalg.eigvalsh(symmetric)


def inversion(pack: PackTraining) -> Forms:
    procedure, _ = pack.lane(0)
    settled = [settle(pack, lane) for lane in range(LANES)]
    stacked = stack(settled)
    with torch.no_grad():
        targets = procedure.sample(settled[0], torch.rand(BLOCK, latent_size(pack)))
    start = torch.rand(LANES, BLOCK, latent_size(pack)) * 2 - 1

    def one_by_one() -> None:
        for state, z in zip(settled, start, strict=True):
            generator = partial(procedure.sample, state)
            descend(targets, z, generator, procedure.clamp_latents, steps=STEPS, lr=0.05)

    slopes = vmap(grad(lambda z, state: (procedure.sample(state, z) - targets).square().sum()))

    def together() -> None:
        z, mean, square = start, torch.zeros_like(start), torch.zeros_like(start)
        for _ in range(STEPS):
            slope = slopes(z, stacked)
            mean, square = torch.lerp(mean, slope, 0.1), torch.lerp(square, slope.square(), 0.001)
            z = procedure.clamp_latents(z - 0.05 * mean / (square.sqrt() + 1e-8))
        with torch.no_grad():
            vmap(procedure.sample)(stacked, z)

    return one_by_one, together


def cases() -> Iterator[tuple[str, Forms]]:
    for name, pack in packs():
        yield f"sampling_{name}", sampling(pack)
        if not name.startswith("mlp"):
            yield f"inversion_{name}", inversion(pack)
    yield "features_lenet28", features()
    for size in (64, 256, 784):
        yield f"eigenvalues_{size}", eigenvalues(size)


def timed(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    rows = []
    for name, (single, batched) in cases():
        single(), batched()
        found = [(timed(single), timed(batched)) for _ in range(pairs)]
        ratios = [a / b for a, b in found]
        rows.append(
            {
                "case": name,
                "lanes": LANES,
                "one_by_one_s": f"{statistics.median(a for a, _ in found):.4g}",
                "together_s": f"{statistics.median(b for _, b in found):.4g}",
                "ratio_median": f"{statistics.median(ratios):.2f}",
                "ratio_min": f"{min(ratios):.2f}",
                "ratio_max": f"{max(ratios):.2f}",
                "machine": f"{machine()}, one thread",
                "command": f"python benchmarks/scoring_batched.py --pairs {pairs}",
            }
        )
        print(rows[-1], flush=True)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
