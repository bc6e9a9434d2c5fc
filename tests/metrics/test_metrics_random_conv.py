"""random_conv: the same network everywhere, by an independent forward pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch

from ganbench.errors import DataError
from ganbench.metrics.random_conv import RandomConv, weights
from ganbench.rng import Rng

EXTRACTOR = RandomConv(seed=0, channels=16, batch_size=8)


def by_scipy(image: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    """Features of one image [3, H, W], in float64."""
    x = 2.0 * image - 1.0
    for kernel in kernels:
        full = [
            sum(scipy.signal.correlate2d(c, k, mode="same") for c, k in zip(x, ks, strict=True))
            for ks in kernel
        ]
        x = np.stack(full)[:, ::2, ::2]
        x = np.where(x > 0.0, x, 0.1 * x)
    height, width = x.shape[1] / 2, x.shape[2] / 2
    means = [
        x[
            :,
            math.floor(i * height) : math.ceil((i + 1) * height),
            math.floor(j * width) : math.ceil((j + 1) * width),
        ]
        for i in range(2)
        for j in range(2)
    ]
    return np.stack([cell.mean((1, 2)) for cell in means], axis=1).reshape(-1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 45)])
def test_features_are_those_of_an_independent_forward_pass(shape: tuple[int, ...]) -> None:
    x = Rng.of(1, "random").uniform("images", (2, *shape))
    kernels = [kernel.double().numpy() for kernel in weights(0, 16)]
    expected = [by_scipy(image.expand(3, -1, -1).double().numpy(), kernels) for image in x]
    features = EXTRACTOR.features(x)
    assert features.shape == (2, 256)
    np.testing.assert_allclose(features.numpy(), np.stack(expected), rtol=1e-4, atol=1e-5)


def test_the_weights_never_change() -> None:
    """Whoever breaks this gives every score on random_conv another meaning."""
    assert EXTRACTOR.weights_hash() == "eca9a15f3862034050869ca1650f0995055780af9cf7fe92028f4d1db0c152b4"


def test_kernels_are_uniform_with_the_variance_that_keeps_signals_alive() -> None:
    for kernel in weights(0, 64):
        fan_in = math.prod(kernel.shape[1:])
        assert kernel.abs().max() <= math.sqrt(6.0 / fan_in)
        assert float(kernel.var()) == pytest.approx(2.0 / fan_in, rel=0.1)


def test_small_images_are_refused() -> None:
    with pytest.raises(DataError, match="random_conv reads images of 28x28 or larger, not 1x28x27"):
        EXTRACTOR.features(torch.zeros(1, 1, 28, 27))
