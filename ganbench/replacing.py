"""What compiled steps do instead of operations that the compiler cannot do on images, or whose kernels are slow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

_BATCH_NORM = torch.ops.aten.native_batch_norm.default
_EXPORTED_BATCH_NORM = torch.ops.aten._native_batch_norm_legit.no_stats  # noqa: SLF001  (what export makes of it)
_DEVIATION = torch.ops.aten.std.correction
_PRODUCT = torch.ops.aten.bmm.default
_FEW = 16  # columns: what one instruction multiplies


def replacements(graph: fx.Graph) -> dict[Any, Callable[..., Any]]:
    """Return what is to be done instead of operations of this graph."""
    there = {node.target for node in graph.nodes}
    of_images = {node.target for node in graph.nodes if _takes_images(node)}
    return {
        **({_EXPORTED_BATCH_NORM: batch_norm} if _BATCH_NORM in of_images else {}),
        **({_DEVIATION: deviation} if _DEVIATION in of_images else {}),
        **({_PRODUCT: product} if _PRODUCT in there else {}),
    }


def _takes_images(node: fx.Node) -> bool:
    # both take a tensor first, hence a node
    return node.target in (_BATCH_NORM, _DEVIATION) and node.args[0].meta["val"].dim() > 2  # type: ignore[union-attr]


def batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    _training: bool,  # noqa: FBT001  (their signature)
    _momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise by batch statistics, in plain operations: Inductor's own (2.14) fails on images.

    Returns the result and, for the backward pass, mean and reciprocal deviation of each channel.
    """
    axes, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
    mean = x.mean(axes)
    centred = x - mean.view(shape)
    scale = torch.rsqrt(centred.square().mean(axes) + eps)
    out = centred * scale.view(shape)
    out = out if weight is None else out * weight.view(shape)
    return out if bias is None else out + bias.view(shape), mean, scale


def deviation(
    x: Tensor, dim: list[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    """Return the standard deviation over axes, in plain operations: Inductor's own (2.14) fails on images."""
    axes = list(range(x.dim())) if dim is None else dim
    centred = x - x.mean(axes, keepdim=True)
    n = math.prod(x.shape[axis] for axis in axes)
    return (
        centred.square().sum(axes, keepdim=keepdim) / (n - (1 if correction is None else correction))
    ).sqrt()


def product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply matrices [n, k, m] and [n, m, j] by the kernels that are quickest at it.

    A batch of one is no batch: PyTorch copies a transposed bfloat16 factor of `bmm`, which `mm` takes as it is. MKL
    takes up to five times as long for few columns as for few rows.
    """
    if len(a) == 1:
        return torch.mm(a[0], b[0])[None]
    if 1 < b.shape[2] < _FEW <= a.shape[1]:
        return torch.bmm(b.transpose(1, 2), a.transpose(1, 2)).transpose(1, 2)
    return NotImplemented  # type: ignore[no-any-return]  # tells export to leave it as it is
