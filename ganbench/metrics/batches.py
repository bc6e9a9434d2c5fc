"""How extractors run a network over many images: the same numbers on every call."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.backends import cudnn


def in_batches(network: Callable[[Tensor], Tensor], images: Tensor, size: int) -> Tensor:
    """Apply a network to images in batches of a fixed size and join the results, float32.

    The last bits of a convolution depend on the batch size and, on a GPU, the fourth digit on TF32: off here.
    """
    exact = cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with torch.no_grad(), exact:
        return torch.cat([network(batch).float() for batch in torch.split(images, size)])
