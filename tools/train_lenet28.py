"""Train the extractor `lenet28` on five sixths of Fashion-MNIST's training images and write its weights.

    python tools/train_lenet28.py --root FOLDER --out ganbench/metrics/weights/lenet28.safetensors

One thread, about two minutes; the same command gives the same file on the same machine and software. The
folder holds the four IDX files. Images kept out of training are those of `held_out()`, and the test images.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.metrics.lenet import LeNet
from ganbench.rng import Rng

SEED, EPOCHS, BATCH, LR = 0, 8, 125, 1e-3


def order(n: int = 60_000) -> Tensor:
    """Return the fixed permutation whose first five sixths are trained on."""
    return Rng.of(SEED, "lenet28").permutation("split", n)


def held_out(n: int = 60_000) -> Tensor:
    """Return the indices of the training images that the network never saw."""
    return order(n)[n * 5 // 6 :]


def read(root: Path, split: str) -> tuple[Tensor, Tensor]:
    """Read images [N, 1, 28, 28] in [0, 1] and labels [N] of `train` or `t10k` from gzipped IDX files."""
    images, labels = (
        gzip.decompress((root / f"{split}-{kind}-ubyte.gz").read_bytes())
        for kind in ("images-idx3", "labels-idx1")
    )
    pixels = torch.from_numpy(np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())
    return pixels / 255.0, torch.from_numpy(np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))


def initial(network: LeNet, rng: Rng) -> dict[str, Tensor]:
    """Draw weights N(0, 2 / fan in) and zero biases (He et al. 2015, arXiv 1502.01852, eq. 10)."""
    return {
        name: rng.normal(name, tuple(p.shape)) * math.sqrt(2.0 / p[0].numel())
        if p.dim() > 1
        else torch.zeros_like(p)
        for name, p in network.named_parameters()
    }


def train(images: Tensor, labels: Tensor, epochs: int = EPOCHS) -> LeNet:
    """Minimise the cross-entropy by Adam with a cosine schedule."""
    network, rng = LeNet(), Rng.of(SEED, "lenet28")
    network.load_state_dict(initial(network, rng.fold("init")))
    adam = torch.optim.Adam(network.parameters(), lr=LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs * (len(images) // BATCH))
    for epoch in range(epochs):
        for rows in torch.split(rng.permutation(f"epoch {epoch}", len(images)), BATCH):
            adam.zero_grad()
            loss = F.cross_entropy(network(images[rows]), labels[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            schedule.step()
        sys.stderr.write(f"epoch {epoch + 1}/{epochs}: last loss {loss.item():.3f}\n")
    return network


def accuracy(network: LeNet, images: Tensor, labels: Tensor) -> float:
    """Return the share of images whose highest score is their label's."""
    with torch.no_grad():
        hits = [
            (network(x).argmax(1) == y).float()
            for x, y in zip(torch.split(images, 500), torch.split(labels, 500), strict=True)
        ]
    return torch.cat(hits).mean().item()


def main() -> None:
    """Train, write the weights with their story as metadata, and print both."""
    parser = argparse.ArgumentParser(description="Train the extractor lenet28.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the gzipped IDX files")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = read(options.root, "train")
    kept, out = order()[:50_000], held_out()
    network = train(images[kept], labels[kept])
    story = {
        "trained_on": "50000 training images of Fashion-MNIST: tools/train_lenet28.py, order()[:50000]",
        "settings": f"seed {SEED}, {EPOCHS} epochs, batch {BATCH}, Adam, lr {LR} with cosine decay",
        "held_out_accuracy": f"{accuracy(network, images[out], labels[out]):.4f}",
        "test_accuracy": f"{accuracy(network, *read(options.root, 't10k')):.4f}",
    }
    # One metadata entry: safetensors writes several in an order that changes, and the hash with it.
    data = save(network.state_dict(), metadata={"story": json.dumps(story)})
    options.out.write_bytes(data)
    lines = [f"{name}: {value}" for name, value in story.items()]
    sys.stdout.write("\n".join([*lines, f"sha256: {hashlib.sha256(data).hexdigest()}"]) + "\n")


if __name__ == "__main__":
    main()
