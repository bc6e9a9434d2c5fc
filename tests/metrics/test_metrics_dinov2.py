"""DINOv2's network against values of its authors' code, and its preprocessing against torch-fidelity's."""

from __future__ import annotations

from pathlib import Path

import pytest
import standins
import torch
from torch import nn

from ganbench.errors import DataError
from ganbench.metrics.dinov2 import DinoV2, vision_transformer
from ganbench.rng import Rng


def extractor(path: Path, sha256: str) -> DinoV2:
    return DinoV2(weights=str(path), sha256=sha256, url="", download=False, dtype="float32", batch_size=2)


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        (3, [0.07897, 0.11372, 0.41579, 0.06968, -1.55475, 1.84059]),  # positions interpolated to 16x16
        (16, [0.11843, 0.09214, 0.37091, 0.06154, -1.27352, 1.8438]),  # positions as they are
    ],
)
def test_class_tokens_are_those_of_the_authors_code(grid: int, expected: list[float]) -> None:
    """Expected: DinoVisionTransformer of github.com/facebookresearch/dinov2 at b8931f7 on these very weights."""
    state = standins.drawn_like(standins.dinov2_shapes(grid=grid))
    images = Rng.of(3, "dinov2").uniform("images", (1, 3, 224, 224))
    with torch.no_grad():
        found = vision_transformer(state)(images)
    torch.testing.assert_close(found[0, :6], torch.tensor(expected), rtol=0.0, atol=2e-5)


def test_features_are_torch_fidelitys_around_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2

    fields = standins.made("dinov2", tmp_path)
    network = vision_transformer(torch.load(fields["weights"], weights_only=True))
    monkeypatch.setattr(torch.hub, "load", lambda *_: network)
    theirs = FeatureExtractorDinoV2("dinov2-vit-l-14", ["dinov2"])
    x = Rng.of(3, "dinov2").uniform("gray", (2, 1, 20, 17))
    (expected,) = theirs(torch.floor(x * 255.0 + 0.5).to(torch.uint8).repeat(1, 3, 1, 1))
    assert expected.std(0).mean() > 1e-2
    assert torch.equal(extractor(Path(fields["weights"]), fields["sha256"]).features(x), expected)


def swiglu(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The largest network's hidden layer has other names."""
    return {name.replace("mlp.fc1", "mlp.w12"): value for name, value in state.items()}


def with_registers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {**state, "register_tokens": torch.zeros(1, 4, 64)}


@pytest.mark.parametrize("change", [swiglu, with_registers, lambda _: nn.Linear(2, 2).state_dict()])
def test_other_networks_are_refused(change, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "other.pth"
    torch.save(change(standins.drawn_like(standins.dinov2_shapes())), path)
    with pytest.raises(DataError, match="does not hold weights of dinov2"):
        extractor(path, standins.sha256(path)).features(torch.zeros(1, 3, 28, 28))
