"""How extractors run a network over many images: the same numbers on every call."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.backends import cudnn


def in_batches(network: Callable[[Tensor], Tensor], images: Tensor, size: int) -> Tensor:
    """Apply a network to batches of exactly `size` rows and join the results, float32.

    The last bits of a convolution depend on the batch size and, on a GPU, the fourth digit on TF32: off here. The
    last batch is filled up with zeros that are dropped, so a row's result is the same however a caller splits.
    """
    exact = cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with torch.no_grad(), exact:
        return torch.cat([_full(network, batch, size) for batch in torch.split(images, size)])


def _full(network: Callable[[Tensor], Tensor], batch: Tensor, size: int) -> Tensor:
    missing = batch.new_zeros(size - len(batch), *batch.shape[1:])
    return network(torch.cat([batch, missing]))[: len(batch)].float()
