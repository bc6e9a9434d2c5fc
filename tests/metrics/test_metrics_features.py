"""Inception, VGG16 and CLIP against torch-fidelity's own forward passes, on stand-ins for their weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import standins
import torch
from torch import Tensor, nn

from ganbench.errors import DataError
from ganbench.metrics.features import Clip, Inception, Vgg16, network_of, tf1_bilinear
from ganbench.rng import Rng

Files = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """The fields `weights` and `sha256` of an extractor's stand-in, written once."""
    known: dict[str, dict[str, str]] = {}

    def fields(name: str) -> dict[str, str]:
        if name not in known:
            known[name] = standins.made(name, tmp_path_factory.mktemp(name))
        return known[name]

    yield fields
    network_of.cache_clear()  # half a gigabyte


def images(channels: int, n: int = 2) -> Tensor:
    return Rng.of(2, "features").uniform("images", (n, channels, 20, 17))


def rounded(x: Tensor) -> Tensor:
    return (
        torch.floor(x * 255.0 + 0.5).to(torch.uint8).repeat(1, 4 - x.shape[1] if x.shape[1] == 1 else 1, 1, 1)
    )


def inception(files: Files, **fields: Any) -> Inception:
    given = {"url": "", "download": False, "quantize": True, "dtype": "float32", "batch_size": 2}
    return Inception(**{**files("inception"), **given, **fields})


@pytest.fixture(scope="module")
def theirs(files: Files) -> nn.Module:
    """Torch-fidelity's Inception on the same file, giving features and both kinds of logits."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    layers = ["2048", "logits_unbiased", "logits"]
    network: nn.Module = FeatureExtractorInceptionV3("inception", layers, files("inception")["weights"])
    return network


@pytest.mark.parametrize("channels", [1, 3])
def test_inceptions_features_are_torch_fidelitys_bit_for_bit(
    files: Files, theirs: nn.Module, channels: int
) -> None:
    x = images(channels)
    expected = theirs(rounded(x))[0]
    features = inception(files).features(x)
    assert features.shape == (2, 2048)
    assert expected.std(0).mean() > 1e-2
    assert torch.equal(features, expected)


def test_inception_in_float64_agrees_with_float32_to_rounding(files: Files) -> None:
    x = images(3, 1)
    double = inception(files, dtype="float64", batch_size=1).features(x)
    assert double.dtype == torch.float32
    single = inception(files).features(x)
    torch.testing.assert_close(double, single, rtol=1e-4, atol=1e-4)
    assert not torch.equal(double, single)


def by_loops(image: np.ndarray, side: int) -> np.ndarray:
    """TF1's bilinear resize of [H, W], pixel by pixel in float64 from its definition."""
    height, width = image.shape
    out = np.empty((side, side))
    for i in range(side):
        for j in range(side):
            y, x = i * height / side, j * width / side
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            dy, dx = y - top, x - left
            above = image[top, left] * (1 - dx) + image[top, right] * dx
            below = image[bottom, left] * (1 - dx) + image[bottom, right] * dx
            out[i, j] = above * (1 - dy) + below * dy
    return out


@pytest.mark.parametrize("side", [3, 11, 20])
def test_the_resize_is_tensorflow_1s(side: int) -> None:
    x = images(1, 1)
    expected = by_loops(x[0, 0].double().numpy(), side)
    np.testing.assert_allclose(tf1_bilinear(x, side)[0, 0].numpy(), expected, atol=1e-5)


def test_the_resize_by_hand() -> None:
    row = torch.tensor([[0.0, 10.0, 20.0]] * 3).reshape(1, 1, 3, 3)
    assert tf1_bilinear(row, 6)[0, 0, 5].tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 20.0]


def test_without_rounding_the_network_sees_the_floats(files: Files, theirs: nn.Module) -> None:
    x = images(1)
    seen = torch.stack([torch.from_numpy(by_loops(255.0 * image[0].double().numpy(), 299)) for image in x])
    seen = ((seen - 128.0) / 128.0).float()[:, None].expand(-1, 3, -1, -1)
    with theirs.Conv2d_1a_3x3.register_forward_pre_hook(lambda *_: (seen,)):  # type: ignore[union-attr]
        expected = theirs(rounded(x))[0]
    exact = inception(files, quantize=False)
    torch.testing.assert_close(exact.features(x), expected, rtol=1e-4, atol=1e-4)
    assert (exact.features(x) - inception(files).features(x)).abs().max() > 1e-3
    assert "not rounded" in exact.preprocessing
    assert "8 bits" in inception(files).preprocessing


def test_class_probabilities_are_a_softmax_of_logits_without_bias(files: Files, theirs: nn.Module) -> None:
    x = images(3)
    _, logits, biased = theirs(rounded(x))
    ours = inception(files)
    probabilities = ours.probabilities(ours.features(x))
    assert probabilities.shape == (2, 1008)
    torch.testing.assert_close(probabilities, logits.double().softmax(1).float(), rtol=1e-4, atol=1e-7)
    assert (probabilities - biased.softmax(1)).abs().max() > 1e-4


def test_vgg16s_features_are_torch_fidelitys_bit_for_bit(files: Files) -> None:
    from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16

    x, layers = images(1, 1), ["fc2", "fc2_relu"]
    expected = FeatureExtractorVGG16("vgg16", layers, files("vgg16")["weights"])(rounded(x))
    assert expected[0].shape == (1, 4096)
    assert (expected[0] < 0.0).any()
    assert (expected[1] > 0.0).any()
    for layer, values in zip(layers, expected, strict=True):
        vgg16 = Vgg16(**files("vgg16"), url="", download=False, layer=layer, dtype="float32", batch_size=1)
        assert torch.equal(vgg16.features(x), values)
        assert vgg16.preprocessing.endswith(f"layer {layer}")


def clip(files: Files, dtype: str = "float32") -> Clip:
    return Clip(**files("clip"), url="", download=False, dtype=dtype, batch_size=2)


def test_clips_features_are_torch_fidelitys_bit_for_bit(files: Files) -> None:
    from torch_fidelity.feature_extractor_clip import FeatureExtractorCLIP

    x = images(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        (expected,) = FeatureExtractorCLIP("clip-vit-b-32", ["clip"], files("clip")["weights"])(rounded(x))
    assert torch.equal(clip(files).features(x), expected)
    assert expected.std(0).mean() > 1e-2


def test_clip_in_float64_agrees_with_float32_to_rounding(files: Files) -> None:
    single, double = (clip(files, dtype).features(images(3)) for dtype in ("float32", "float64"))
    torch.testing.assert_close(double, single, rtol=1e-4, atol=1e-4)
    assert not torch.equal(double, single)


def test_no_network_draws_from_the_global_generator(files: Files) -> None:
    network_of.cache_clear()
    before = torch.get_rng_state()
    clip(files).features(images(3))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("fields", [{"dtype": "float16"}, {"dtype": ""}])
def test_an_unknown_dtype_is_refused(files: Files, fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="choose float32 or float64"):
        inception(files, **fields)


def test_an_unknown_layer_is_refused() -> None:
    fields: dict[str, Any] = {"weights": "", "sha256": "", "url": "", "download": False, "batch_size": 1}
    with pytest.raises(ValueError, match="choose fc2 or fc2_relu"):
        Vgg16(**fields, layer="fc1", dtype="float32")


@pytest.mark.parametrize("content", ["garbage", "state dict"])
def test_what_is_no_archive_is_not_clip(content: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.pt"
    if content == "garbage":
        path.write_bytes(b"garbage")
    else:
        torch.save(nn.Linear(2, 2).state_dict(), path)
    fields = {"weights": str(path), "sha256": standins.sha256(path)}
    with pytest.raises(DataError, match="does not hold weights of clip"):
        Clip(**fields, url="", download=False, dtype="float32", batch_size=2).features(images(3))
