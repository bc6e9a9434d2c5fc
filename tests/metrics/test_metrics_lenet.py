"""lenet28: its shipped weights and an independent forward pass."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import scipy.signal
import scipy.special
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from torch import Tensor

from ganbench.errors import DataError
from ganbench.metrics import lenet
from ganbench.metrics.lenet import LeNet28
from ganbench.rng import Rng

HASH = hashlib.sha256(lenet.WEIGHTS.read_bytes()).hexdigest()
EXTRACTOR = LeNet28(sha256=HASH, batch_size=500)


def images(n: int) -> Tensor:
    return Rng.of(1, "lenet").uniform("images", (n, 1, 28, 28))


def by_scipy(image: np.ndarray) -> np.ndarray:
    """The 128 features of one image [28, 28], layer by layer in float64."""
    w = {name: value.astype(np.float64) for name, value in load_file(lenet.WEIGHTS).items()}
    x = 2.0 * image[None].astype(np.float64) - 1.0
    for conv in ("conv1", "conv2", "conv3"):
        kernels, bias = w[f"{conv}.weight"], w[f"{conv}.bias"]
        x = np.stack(
            [
                sum(scipy.signal.correlate2d(c, k, mode="same") for c, k in zip(x, kernel, strict=True)) + b
                for kernel, b in zip(kernels, bias, strict=True)
            ]
        )
        x = np.where(x > 0, x, 0.1 * x)
        half = x.shape[1] // 2
        x = x[:, : 2 * half, : 2 * half].reshape(len(x), half, 2, half, 2).max(axis=(2, 4))
    y = w["hidden.weight"] @ x.reshape(-1) + w["hidden.bias"]
    return np.where(y > 0, y, 0.1 * y)


def test_features_are_those_of_an_independent_forward_pass() -> None:
    x = images(2)
    expected = np.stack([by_scipy(image[0].numpy()) for image in x])
    np.testing.assert_allclose(EXTRACTOR.features(x).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_weights_are_small_named_by_their_hash_and_tell_their_story() -> None:
    assert EXTRACTOR.weights_hash() == HASH
    assert lenet.WEIGHTS.stat().st_size < 1_000_000
    with safe_open(lenet.WEIGHTS, "pt") as file:
        story = json.loads(file.metadata()["story"])
    assert float(story["test_accuracy"]) > 0.89
    assert "training images of Fashion-MNIST" in story["trained_on"]


def test_other_weights_than_those_named_are_refused() -> None:
    with pytest.raises(DataError, match=r"has sha256 .*protocol\.extractors\.lenet28\.sha256") as caught:
        LeNet28(sha256="0" * 64, batch_size=500).features(images(1))
    assert "\n" not in str(caught.value)


def test_missing_weights_name_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lenet, "WEIGHTS", lenet.WEIGHTS.with_name("none.safetensors"))
    lenet._network.cache_clear()
    with pytest.raises(DataError, match="reinstall ganbench"):
        EXTRACTOR.features(images(1))


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 32, 32), (2,)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="1x28x28"):
        EXTRACTOR.features(torch.zeros(4, *shape))


def test_an_image_has_its_features_whatever_the_batch_and_order() -> None:
    x = images(23)
    small = LeNet28(sha256=HASH, batch_size=5).features(x)
    assert small.shape == (23, 128)
    assert not small.requires_grad
    features = EXTRACTOR.features(x)
    torch.testing.assert_close(small, features, rtol=1e-4, atol=1e-4)
    assert torch.equal(features.flip(0), EXTRACTOR.features(x.flip(0)))
    assert torch.equal(features, torch.cat([EXTRACTOR.features(part) for part in x.split([1, 2, 20])]))


def test_probabilities_are_a_softmax_of_the_head() -> None:
    w = {name: value.astype(np.float64) for name, value in load_file(lenet.WEIGHTS).items()}
    features = EXTRACTOR.features(images(3))
    logits = features.double().numpy() @ w["head.weight"].T + w["head.bias"]
    probabilities = EXTRACTOR.probabilities(features)
    assert probabilities.shape == (3, 10)
    np.testing.assert_allclose(
        probabilities.numpy(), scipy.special.softmax(logits, axis=1), rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize("value", [float("nan"), -0.5, 255.0])
def test_values_that_are_no_image_are_refused(value: float) -> None:
    x = images(2)
    x[1, 0, 3, 3] = value
    with pytest.raises(DataError, match=r"^lenet28.*(NaN|in \[0, 1\])"):
        EXTRACTOR.features(x)
