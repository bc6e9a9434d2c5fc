"""In which number format networks multiply: `float32`, or `bf16` for products alone.

Under `bf16` a layer's input, weight and bias are rounded to bfloat16, multiplied by the processor's own kernels
(which sum in float32), and the result goes on in float32. Weights, optimizer state, norms, activations, losses and
penalties never leave float32, so second derivatives and small updates keep their digits. `torch.autocast` cannot
be batched by `torch.func.vmap`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

FORMATS = {"float32": torch.float32, "bf16": torch.bfloat16}
_format: ContextVar[torch.dtype] = ContextVar("products", default=torch.float32)


@contextmanager
def products_in(name: str) -> Iterator[None]:
    """Let layers multiply in this format, one of `FORMATS`."""
    token = _format.set(FORMATS[name])
    try:
        yield
    finally:
        _format.reset(token)


def rounded(x: Tensor) -> Tensor:
    """Return x in the format that layers multiply in; x itself under `float32`."""
    return x.to(_format.get())
