"""Initial values and batch norm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganbench.networks.layers import BatchNorm, Conv2d, ConvTranspose2d, Linear
from ganbench.rng import Rng

TRUNCATED_SD = 0.8796  # of N(0, 1) cut at two standard deviations
LAYERS = [
    (Linear(200, 300), 0.02, 0.1),
    (ConvTranspose2d(60, 60, 4, 2, 1), 0.02, 0.1),
    (Conv2d(60, 60, 4, 2, 1), 0.02 * TRUNCATED_SD, 0.04),
]


@pytest.mark.parametrize(("layer", "sd", "bound"), LAYERS, ids=lambda x: type(x).__name__)
def test_weights_have_the_studys_law_and_biases_are_zero(layer: Linear, sd: float, bound: float) -> None:
    drawn = layer.initial(Rng.of(1))
    assert {name: value.shape for name, value in drawn.items()} == {
        n: p.shape for n, p in layer.named_parameters()
    }
    assert drawn["weight"].mean().item() == pytest.approx(0.0, abs=5e-4)
    assert drawn["weight"].std().item() == pytest.approx(sd, rel=0.01)
    assert drawn["weight"].abs().max().item() == pytest.approx(bound, rel=0.2 if bound > 0.05 else 1e-3)
    assert not drawn["bias"].any()
    assert not torch.equal(drawn["weight"], layer.initial(Rng.of(2))["weight"])


def test_batch_norm_starts_as_the_identity_after_normalisation() -> None:
    drawn = BatchNorm(3).initial(Rng.of(0))
    assert torch.equal(drawn["weight"], torch.ones(3))
    assert torch.equal(drawn["bias"], torch.zeros(3))


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 4, 5)])
def test_batch_norm_normalises_with_the_batchs_biased_variance(shape: tuple[int, ...]) -> None:
    norm = BatchNorm(3)
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    x = 2.0 * torch.randn(shape) + 1.0
    columns = x.movedim(1, 0).flatten(1)
    mean, variance = columns.mean(1, keepdim=True), columns.var(1, correction=0, keepdim=True)
    normal = (columns - mean) / torch.sqrt(variance + 1e-3)
    expected = norm.weight[:, None] * normal + norm.bias[:, None]
    torch.testing.assert_close(norm(x).movedim(1, 0).flatten(1), expected, rtol=1e-4, atol=1e-5)


def test_batch_norm_samples_with_given_statistics_and_writes_nothing() -> None:
    norm = BatchNorm(2)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    norm.train()(torch.randn(16, 2))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    norm.eval().mean.copy_(torch.tensor([1.0, 2.0]))
    norm.var.copy_(torch.tensor([3.999, 8.999]))
    torch.testing.assert_close(norm(torch.tensor([[5.0, 5.0]])), torch.tensor([[2.0, 1.0]]))
