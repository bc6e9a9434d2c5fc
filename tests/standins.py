"""Small files in the format of weights that cannot be had everywhere: one function per extractor, named as it is.

Tensors are overlapping views of a few thousand numbers, so that even VGG16's file is small.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench.rng import Rng

STRIDES = (7, 5, 3, 1)


def made(name: str, folder: Path) -> dict[str, str]:
    """Write an extractor's file and return its fields `weights` and `sha256`."""
    path = folder / f"{name}.pth"
    globals()[name](path)
    return {"weights": str(path), "sha256": sha256(path)}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def drawn(name: str, like: Tensor) -> Tensor:
    """Draw weights of a shape: kernels of unit gain, norms near the identity, counters as they are."""
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    strides = STRIDES[-like.dim() :] if like.dim() else ()
    length = 1 + sum((size - 1) * stride for size, stride in zip(like.shape, strides, strict=True))
    numbers = Rng.of(0, name).uniform("stand-in", (length,))
    fan_in = math.prod(like.shape[1:])
    scaled = 0.5 + numbers if like.dim() < 2 else (2.0 * numbers - 1.0) * math.sqrt(6.0 / fan_in)
    if name.endswith(("bias", "running_mean")):
        scaled = 0.2 * (numbers - 0.5)
    return scaled.as_strided(like.shape, strides)


def drawn_like(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: drawn(name, value) for name, value in state.items()}


def bare(cls: Any, *arguments: Any) -> nn.Module:
    """Build a network of torch-fidelity's without weights: names and shapes only."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        network: nn.Module = cls(*arguments)
    return network


def inception(path: Path) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = bare(FeatureExtractorInceptionV3, "inception", ["2048"])
    torch.save(drawn_like(network.state_dict()), path)


def vgg16(path: Path) -> None:
    from torchvision.models import vgg16 as network

    torch.save(drawn_like(bare(network).state_dict()), path)


class Archive(nn.Module):
    """A CLIP with a text tower of one matrix, as far as a TorchScript file shows it."""

    def __init__(self, visual: nn.Module, width: int) -> None:
        super().__init__()
        self.visual = visual
        self.text_projection = nn.Parameter(torch.ones(4, width))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.text_projection


def clip(path: Path) -> None:
    from torch_fidelity.feature_extractor_clip import CLIPVisual

    width = 24
    visual = bare(CLIPVisual, width, 64, 1, 64, 32).visual.to_empty(device="cpu")  # type: ignore[operator,union-attr]
    visual.load_state_dict(drawn_like(visual.state_dict()))
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # torch would like another format than the published one
        torch.jit.trace(Archive(visual, width), torch.ones(1, 4)).save(str(path))  # type: ignore[no-untyped-call]


def dinov2_shapes(width: int = 64, depth: int = 2, grid: int = 3, patch: int = 14) -> dict[str, Tensor]:
    """Names and shapes of a published file, of a smaller network."""
    linear = {"attn.qkv": (3 * width, width), "attn.proj": (width, width)}
    linear |= {"mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + grid**2, width),
        "mask_token": (1, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for i in range(depth):
        for name, shape in linear.items():
            shapes |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{i}.{norm}.{kind}": (width,) for kind in ("weight", "bias")}
        shapes |= {f"blocks.{i}.{scale}.gamma": (width,) for scale in ("ls1", "ls2")}
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def dinov2(path: Path) -> None:
    torch.save(drawn_like(dinov2_shapes()), path)
