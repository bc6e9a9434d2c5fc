"""Small packs for tests: a model's real config on tiny networks and data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from ganbench.config import compose, resolve, set_values
from ganbench.devices import CPU, placed_images
from ganbench.instantiation import instantiate
from ganbench.protocols import Images
from ganbench.training import PackTraining
from ganbench.tree import leaves

TINY = {
    "ring": ["dataset=ring", "network.hidden=8", "network.latent_dim=4", "budget.batch_size=16"],
    "gray28": ["dataset=fashion_mnist", "network.channels=4", "network.latent_dim=4", "budget.batch_size=8"],
}


@lru_cache(maxsize=64)
def composed(model: str, family: str) -> dict[str, Any]:
    """Compose a model on a tiny family, unresolved."""
    return compose([f"model={model}", *TINY[family]]).config


def tiny_images(family: str) -> Images:
    """Return 200 training examples of the family's shape."""
    stream = torch.Generator().manual_seed(5)
    shape = {"ring": (200, 2), "gray28": (200, 1, 28, 28)}[family]
    data = torch.rand(shape, generator=stream)
    return Images(data, data[:50], None, None, "tiny")


def pack(
    model: str,
    family: str = "ring",
    *,
    lanes: Sequence[dict[str, Any]] = ({},),
    seeds: Sequence[int] = (0,),
    mode: str = "vmap",
    precision: str = "float32",
    device: torch.device = CPU,
) -> PackTraining:
    """Build a pack whose lanes set dotted values on the model's config; it lives on a device."""
    configs = [resolve(set_values(composed(model, family), values)) for values in lanes]
    procedures = [instantiate(c["model"]["procedure"]) for c in configs]
    size = configs[0]["budget"]["batch_size"]
    images = placed_images(tiny_images(family), device)
    return PackTraining(procedures, seeds, images, batch_size=size, mode=mode, precision=precision)


def train(training: PackTraining, steps: int) -> list[dict[str, torch.Tensor]]:
    """Advance and return the logs."""
    return [training.advance() for _ in range(steps)]


def distance(a: Any, b: Any) -> float:
    """Return the largest absolute difference between two trees."""
    return max(
        (float((x - y).abs().max()) for x, y in zip(leaves(a), leaves(b), strict=True) if x.numel()),
        default=0.0,
    )


def identical(a: Any, b: Any) -> bool:
    """Return whether two trees agree bit for bit (NaN equals NaN)."""
    return all(
        torch.equal(x.nan_to_num(7.0), y.nan_to_num(7.0)) for x, y in zip(leaves(a), leaves(b), strict=True)
    )
