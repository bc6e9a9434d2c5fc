"""Inception through torch-fidelity, with random weights in place of the real ones."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganbench.errors import DataError
from ganbench.metrics.features import Inception, to_bytes
from ganbench.rng import Rng


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the format of the real one: the state dict of torch-fidelity's network."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        network = module.FeatureExtractorInceptionV3("inception", ["2048"])
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


def images(channels: int, n: int = 3) -> Tensor:
    return Rng.of(2, "inception").uniform("images", (n, channels, 16, 16))


def extractor(weights: Path | str, sha256: str = "", batch_size: int = 2) -> Inception:
    return Inception(weights=str(weights), sha256=sha256, batch_size=batch_size)


def test_features_are_torch_fidelitys_on_the_rounded_image(weights: Path) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    x = images(3)
    theirs = FeatureExtractorInceptionV3("i", ["2048"], feature_extractor_weights_path=str(weights))
    expected = theirs(torch.floor(x * 255.0 + 0.5).to(torch.uint8))[0]
    features = extractor(weights).features(x)
    assert features.shape == (3, 2048)
    assert expected.std() > 0.0
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-6)


def test_gray_images_are_three_equal_channels(weights: Path) -> None:
    gray = images(1, 2)
    torch.testing.assert_close(
        extractor(weights).features(gray), extractor(weights).features(gray.repeat(1, 3, 1, 1))
    )


def test_halves_round_up_and_the_range_is_kept() -> None:
    x = torch.tensor([0.0, 0.49, 0.5, 1.5, 254.5, 255.0, 300.0, -3.0]).reshape(1, 1, 1, 8) / 255.0
    assert to_bytes(x)[0, 2, 0].tolist() == [0, 0, 1, 2, 255, 255, 255, 0]


def test_the_hash_is_the_files_and_its_beginning_is_checked(weights: Path) -> None:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert extractor(weights, digest[:8]).weights_hash() == digest
    with pytest.raises(DataError, match=r"not 6726825d….*protocol\.extractors\.inception\.sha256"):
        extractor(weights, "6726825d").features(images(3))


@pytest.mark.parametrize("path", ["", "no/such/file.pth"])
def test_missing_weights_say_where_they_are_and_which_setting_names_them(path: str) -> None:
    with pytest.raises(
        DataError, match=r"pt_inception-2015-12-05.*protocol\.extractors\.inception\.weights=PATH"
    ) as caught:
        extractor(path).features(images(3))
    assert "\n" not in str(caught.value)


class Trap:
    """What a pickle can do to whoever loads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("content", ["trap", "garbage", "empty", "tensor", "other network"])
def test_a_file_of_anything_else_is_refused_and_never_run(content: str, tmp_path: Path) -> None:
    path, sprung = tmp_path / "weights.pth", tmp_path / "sprung"
    objects = {"trap": Trap(sprung), "tensor": torch.zeros(3), "other network": nn.Linear(2, 2).state_dict()}
    if content in objects:
        torch.save(objects[content], path)
    else:
        path.write_bytes(b"garbage" if content == "garbage" else b"")
    with pytest.raises(DataError, match="does not hold Inception's weights"):
        extractor(path).features(images(3))
    assert not sprung.exists()


def test_the_trap_is_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()
