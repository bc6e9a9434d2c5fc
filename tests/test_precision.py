"""The format of products: rounded where asked for, restored afterwards, differentiable twice."""

from __future__ import annotations

import pytest
import torch

from ganbench.networks.layers import Conv2d, ConvTranspose2d, Linear
from ganbench.precision import FORMATS, products_in, rounded
from ganbench.sweepfile import PRECISIONS

LAYERS = [
    (Linear(3, 2), torch.tensor([[1.0, 2.0, 3.0]])),
    (Conv2d(1, 2, 4, 2, 1), torch.arange(16.0).reshape(1, 1, 4, 4)),
    (ConvTranspose2d(1, 2, 4, 2, 1), torch.arange(4.0).reshape(1, 1, 2, 2)),
]


def test_sweeps_know_every_format_and_no_other() -> None:
    assert set(PRECISIONS) == set(FORMATS)


def test_float32_is_the_identity() -> None:
    x = torch.tensor([1.0 + 2**-20])
    assert rounded(x) is x


def test_bfloat16_keeps_eight_bits_and_ends_with_its_block() -> None:
    x = torch.tensor([1.0 + 2**-7, 1.0 + 2**-20])
    with products_in("bf16"):
        assert rounded(x).tolist() == [1.0 + 2**-7, 1.0]
    assert rounded(x) is x


@pytest.mark.parametrize(("layer", "x"), LAYERS, ids=lambda v: type(v).__name__)
def test_a_layer_multiplies_rounded_weights_and_answers_in_float32(
    layer: torch.nn.Module, x: torch.Tensor
) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1.0 + 2**-12)
        exact = layer(x)
        with products_in("bf16"):
            coarse = layer(x)
        for parameter in layer.parameters():
            parameter.fill_(1.0)
        unit = layer(x)
    assert coarse.dtype == torch.float32
    assert torch.equal(coarse, unit.bfloat16().float())
    assert not torch.equal(exact, unit)


def test_second_derivatives_are_float32() -> None:
    weight = torch.tensor([0.5], requires_grad=True)
    x = torch.tensor([3.0], requires_grad=True)
    with products_in("bf16"):
        y = (rounded(weight) * rounded(x)).float().pow(2).sum()
    (slope,) = torch.autograd.grad(y, x, create_graph=True)
    assert slope.dtype == torch.float32
    (curvature,) = torch.autograd.grad(slope.sum(), weight)
    torch.testing.assert_close(curvature, torch.tensor([2 * 2 * 0.5 * 3.0]))
