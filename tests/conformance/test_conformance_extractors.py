"""Every extractor in conf/: what scores rely on. Weights that cannot be had here are stand-ins in the same format."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import standins
import torch
import yaml
from elsewhere import FAR, Far, near
from torch import Tensor

from ganbench.errors import DataError
from ganbench.identity import PLACED, protocol_id
from ganbench.instantiation import instantiate
from ganbench.metrics.features import network_of
from ganbench.metrics.stamp import stamp
from ganbench.rng import Rng

CONF = Path(__file__).parents[2] / "conf" / "extractor"
EXTRACTORS = sorted(path.stem for path in CONF.glob("*.yaml"))
OTHER = {"float32": "float64", "fc2_relu": "fc2"}  # another choice for a field that is a word


def node(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / f"{name}.yaml").read_text())  # type: ignore[no-any-return]


FROM_FILES = [name for name in EXTRACTORS if "weights" in node(name)]
Build = Callable[..., Any]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Build an extractor by name on small batches, its weights a stand-in where they are not shipped."""
    files = {name: standins.made(name, tmp_path_factory.mktemp(name)) for name in FROM_FILES}

    def built(name: str, **fields: Any) -> Any:
        batches = {"batch_size": 2} if "batch_size" in node(name) else {}
        return instantiate({**node(name), **batches, **files.get(name, {}), **fields})

    yield built
    network_of.cache_clear()


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No extractor downloads unless a field says so."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a download was not asked for")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))


def images(n: int = 2) -> Tensor:
    return Rng.of(5, "extractors").uniform("images", (n, 1, 28, 28))


def line_of(error: pytest.ExceptionInfo[DataError], name: str) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(name)
    return text


@pytest.mark.parametrize("name", EXTRACTORS)
def test_features_are_rows_that_do_not_depend_on_splits_or_order(name: str, build: Build) -> None:
    extractor, x = build(name), images()
    features = extractor.features(x)
    assert features.shape[0] == 2
    assert features.dim() == 2
    assert features.dtype == torch.float32
    assert not features.requires_grad
    assert features.isfinite().all()
    assert (features.std(0) > 0.0).any()
    parts = [extractor.features(part) for part in x.flip(0).split([1, 1])]
    assert torch.equal(torch.cat(parts).flip(0), features)
    if hasattr(extractor, "probabilities"):
        probabilities = extractor.probabilities(features)
        torch.testing.assert_close(probabilities.sum(1), torch.ones(2))
        assert torch.equal(extractor.probabilities(features[1:]), probabilities[1:])


@pytest.mark.parametrize("name", sorted(set(EXTRACTORS) - {"clip", "vgg16"}))  # TorchScript runs past `Far`
def test_a_network_goes_where_the_images_lie(name: str, build: Build) -> None:
    extractor, x = build(name), images()
    features = extractor.features(x)
    with Far():
        there = extractor.features(x.to(FAR))
        assert there.device == FAR
        torch.testing.assert_close(near(there), features)
        if hasattr(extractor, "probabilities"):
            torch.testing.assert_close(
                near(extractor.probabilities(there)), extractor.probabilities(features)
            )


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_stamp_says_what_scores_mean(name: str, build: Build) -> None:
    found = stamp(build(name))
    assert found["name"] == name
    assert re.fullmatch("[0-9a-f]{64}|none", found["weights_hash"])
    assert found["dtype"] == "float32"
    assert found["preprocessing"]
    assert stamp(build(name)) == found


def changes(name: str) -> dict[str, Any]:
    """Each field with another value it may have."""
    found = {}
    for field, value in node(name).items():
        if isinstance(value, bool):
            found[field] = not value
        elif isinstance(value, int):
            found[field] = value + 1
        elif field != "_target_":
            found[field] = OTHER.get(value, value + "x")
    return found


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_field_but_a_files_place_is_part_of_a_protocols_identity(name: str) -> None:
    def identity(**fields: Any) -> str:
        return protocol_id({"name": "toy", "extractors": {name: {**node(name), **fields}}})

    kept = {field for field, value in changes(name).items() if identity(**{field: value}) == identity()}
    assert kept == {"weights", "url", "download"} & node(name).keys()


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_field_that_changes_features_changes_the_stamp(name: str, build: Build) -> None:
    found = stamp(build(name))
    for field, value in changes(name).items():
        if field not in PLACED | {"batch_size", "sha256"}:
            assert stamp(build(name, **{field: value})) != found, field


@pytest.mark.parametrize("name", EXTRACTORS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.5, -0.5])
def test_values_that_are_no_image_are_refused(name: str, value: float, build: Build) -> None:
    x = images()
    x[1, 0, 3, 3] = value
    with pytest.raises(DataError) as error:
        build(name).features(x)
    assert re.search(r"NaN or infinity|in \[0, 1\], not in", line_of(error, name))


@pytest.mark.parametrize("name", EXTRACTORS)
def test_bytes_are_refused(name: str, build: Build) -> None:
    with pytest.raises(DataError) as error:
        build(name).features((255.0 * images()).to(torch.uint8))
    assert "divide by 255" in line_of(error, name)


@pytest.mark.parametrize("name", sorted(set(EXTRACTORS) - {"pixels"}))
@pytest.mark.parametrize("shape", [(4, 28, 28), (1, 8, 8), (2,)], ids=["RGBA", "tiny", "vector"])
def test_shapes_that_a_network_does_not_read_are_refused(
    name: str, shape: tuple[int, ...], build: Build
) -> None:
    with pytest.raises(DataError) as error:
        build(name).features(torch.full((2, *shape), 0.5))
    assert "x".join(map(str, shape)) in line_of(error, name)


@pytest.mark.parametrize("name", FROM_FILES)
def test_missing_weights_say_how_to_name_them(name: str) -> None:
    extractor = instantiate(node(name))
    for call in (extractor.weights_hash, lambda: extractor.features(images())):
        with pytest.raises(DataError) as error:
            call()
        line = line_of(error, name)
        assert node(name)["url"] in line
        assert f"protocol.extractors.{name}.weights=PATH" in line
        assert f"protocol.extractors.{name}.download=true" in line


@pytest.mark.parametrize("name", FROM_FILES)
def test_wrong_weights_name_the_found_and_the_expected_hash(name: str, build: Build, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    path.write_bytes(b"wrong")
    expected, found = node(name)["sha256"], hashlib.sha256(b"wrong").hexdigest()
    with pytest.raises(DataError) as error:
        build(name, weights=str(path), sha256=expected).features(images())
    line = line_of(error, name)
    assert found in line
    assert expected in line
    assert f"protocol.extractors.{name}.sha256=" in line


@pytest.mark.parametrize("name", FROM_FILES)
def test_a_file_of_anything_else_is_refused(name: str, build: Build, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(DataError) as error:
        build(name, weights=str(path), sha256=standins.sha256(path)).features(images())
    assert f"does not hold weights of {name}" in line_of(error, name)
