"""Layers whose initial values are addressed by name and whose forward pass writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.precision import rounded

if TYPE_CHECKING:
    from ganbench.rng import Rng

WEIGHT_SD = 0.02  # spec of the study's code: every weight N(0, 0.02²), convolutions truncated at two sd


class Linear(nn.Linear):
    """A linear layer with weights N(0, 0.02²) and zero biases."""

    def reset_parameters(self) -> None:
        """Leave the skeleton blank: values come from `initial`, which may run inside transforms."""

    def initial(self, rng: Rng) -> dict[str, Tensor]:
        """Draw weight [out, in] and bias [out]."""
        weight = WEIGHT_SD * rng.normal("weight", tuple(self.weight.shape))
        return {"weight": weight, "bias": torch.zeros(self.out_features, device=weight.device)}

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., in] to [..., out]."""
        y: Tensor = F.linear(rounded(x), rounded(self.weight), rounded(self.bias)).to(x.dtype)
        return y


class Conv2d(nn.Conv2d):
    """A convolution with weights N(0, 0.02²) cut at two standard deviations and zero biases."""

    def reset_parameters(self) -> None:
        """Leave the skeleton blank: values come from `initial`, which may run inside transforms."""

    def initial(self, rng: Rng) -> dict[str, Tensor]:
        """Draw weight [out, in, k, k] and bias [out]."""
        weight = WEIGHT_SD * rng.truncated_normal("weight", tuple(self.weight.shape))
        return {"weight": weight, "bias": torch.zeros(self.out_channels, device=weight.device)}

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        bias = None if bias is None else rounded(bias)
        y: Tensor = super()._conv_forward(rounded(x), rounded(weight), bias).to(x.dtype)
        return y


class ConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution with weights N(0, 0.02²) and zero biases."""

    def reset_parameters(self) -> None:
        """Leave the skeleton blank: values come from `initial`, which may run inside transforms."""

    def initial(self, rng: Rng) -> dict[str, Tensor]:
        """Draw weight [in, out, k, k] and bias [out]."""
        weight = WEIGHT_SD * rng.normal("weight", tuple(self.weight.shape))
        return {"weight": weight, "bias": torch.zeros(self.out_channels, device=weight.device)}

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: ARG002  (torch's signature)
        """Spread x [B, in, h, w] by stride and kernel."""
        assert self.bias is not None
        weight, bias = rounded(self.weight), rounded(self.bias)
        stride, padding = self.stride, self.padding
        assert not isinstance(padding, str)
        extra = (self.output_padding, self.groups, self.dilation)
        return F.conv_transpose2d(rounded(x), weight, bias, stride, padding, *extra).to(x.dtype)


class BatchNorm(nn.Module):
    """Batch norm over all axes but the second; trains on batch statistics, samples with standing ones.

    y = γ (x − mean) / √(var + ε) + β with the biased variance, ε = 0.001. Nothing is written in the forward
    pass: the buffers `mean` and `var` are given from outside (`functional.Functional.standing`).
    """

    standing = True
    mean: Tensor
    var: Tensor

    def __init__(self, channels: int, eps: float = 1e-3) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def initial(self, rng: Rng) -> dict[str, Tensor]:
        """Return γ = 1 and β = 0."""
        device = rng.key.device
        return {
            "weight": torch.ones(len(self.weight), device=device),
            "bias": torch.zeros(len(self.bias), device=device),
        }

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [B, C, ...]."""
        if self.training:
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        return F.batch_norm(x, self.mean, self.var, self.weight, self.bias, training=False, eps=self.eps)
