"""One side: features as the extractor gives them, kept under what made them and never mistaken for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench import kept
from ganbench.errors import DataError
from ganbench.evaluate import side as module
from ganbench.evaluate.folder import Folder
from ganbench.evaluate.side import OnDisk, Side, Wanted, key_of, take
from ganbench.evaluate.stream import Progress, Stream, open_source
from ganbench.metrics import cache
from ganbench.metrics.pixels import Pixels
from ganbench.metrics.random_conv import RandomConv

Array = np.ndarray
EXTRACTOR = RandomConv(seed=0, channels=2, batch_size=8)
WANTED = Wanted(EXTRACTOR, images=False, batch_size=8, device=torch.device("cpu"))


def nothing(_: float) -> None: ...


@contextmanager
def bar(label: str, total: float) -> Iterator[Progress]:
    yield nothing


def run(path: Path, wanted: Wanted = WANTED, *, kept: bool = True, skip_bad: bool = False) -> Side:
    source = open_source(path)
    stream = Stream(source, range(source.count), skip_bad=skip_bad, on_done=nothing)
    return take(stream, wanted, bar, "real", key_of(stream, wanted, skip_bad=skip_bad) if kept else None)


@pytest.fixture
def pictures(images: Array, folder: Callable[..., Path]) -> Path:
    return folder(images)


@pytest.fixture
def undecodable(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every decoding a failure of the test."""

    def forbid(self: object, item: object) -> None:
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(Folder, "decode", forbid)


def expected(images: Array) -> torch.Tensor:
    return EXTRACTOR.features(torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0)


def test_features_are_those_of_all_images_at_once(pictures: Path, images: Array) -> None:
    for size in (1, 7, 64):
        side = run(pictures, replace(WANTED, batch_size=size), kept=False)
        assert side.n == 40
        assert side.features is not None
        assert torch.equal(side.features, expected(images))
        assert (side.images, side.cache_key) == (None, None)


def test_what_is_kept_is_not_decoded_again(
    pictures: Path, images: Array, undecodable: Callable[[], None]
) -> None:
    first = run(pictures)
    undecodable()
    again = run(pictures)
    assert again.features is not None
    assert torch.equal(again.features, expected(images))
    assert again.cache_key == first.cache_key
    assert [entry.what for entry in kept.entries()] == ["random_conv features of 40 images of pictures"]
    with pytest.raises(AssertionError, match="decoded again"):
        run(pictures, kept=False)


@pytest.mark.parametrize("change", ["file", "name", "field", "batch", "version", "torch", "damage"])
def test_what_changed_is_computed_anew(
    change: str, pictures: Path, images: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(pictures)
    wanted = WANTED
    if change == "file":
        (pictures / "000.png").write_bytes((pictures / "001.png").read_bytes())
        images[0] = images[1]
    if change == "name":
        (pictures / "000.png").rename(pictures / "999.png")
        images = np.roll(images, -1, axis=0)
    if change == "field":
        wanted = replace(WANTED, extractor=replace(EXTRACTOR, channels=3))
    if change == "batch":  # moves the last digits
        wanted = replace(WANTED, extractor=replace(EXTRACTOR, batch_size=4))
    if change == "version":
        monkeypatch.setattr(module, "VERSION", "next")
    if change == "torch":
        monkeypatch.setattr(torch, "__version__", "next")
    if change == "damage":
        (path,) = cache.folder().iterdir()
        path.write_bytes(path.read_bytes()[:-7])
    features = run(pictures, wanted).features
    assert features is not None
    assert wanted.extractor is not None
    wanted_features = wanted.extractor.features(torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0)
    assert torch.equal(features, wanted_features)
    assert len(list(cache.folder().iterdir())) == (1 if change == "damage" else 2)


def test_where_weights_lie_changes_no_key(pictures: Path) -> None:
    class Placed(RandomConv):
        pass

    def key(weights: str) -> str:
        placed = Placed(seed=0, channels=2, batch_size=8)
        object.__setattr__(placed, "weights", weights)
        source = open_source(pictures)
        stream = Stream(source, range(40), skip_bad=False, on_done=nothing)
        return key_of(stream, replace(WANTED, extractor=placed), skip_bad=False)

    assert key("here") == key("there")


def test_without_the_cache_nothing_is_written(pictures: Path, cache_folder: Path) -> None:
    run(pictures, kept=False)
    assert not cache_folder.exists()


def test_features_that_are_the_images_are_not_kept(pictures: Path, cache_folder: Path) -> None:
    side = run(pictures, replace(WANTED, extractor=Pixels()))
    assert side.cache_key is not None  # statistics may be
    assert not cache_folder.exists()


def test_skipped_images_are_known_from_the_cache_too(pictures: Path, undecodable: Callable[[], None]) -> None:
    (pictures / "003.png").write_bytes(b"no picture")
    first = run(pictures, skip_bad=True)
    with pytest.raises(DataError, match=r"003.png cannot be decoded"):
        run(pictures)
    undecodable()
    assert (
        run(pictures, skip_bad=True).refused
        == first.refused
        == {"003.png": "cannot be decoded (no known format)"}
    )
    assert first.n == 39
    assert first.features is not None
    assert len(first.features) == 39


def test_fewer_than_two_left_are_refused_with_the_reasons(pictures: Path) -> None:
    for path in sorted(pictures.iterdir())[1:]:
        path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 of 40 images can be scored, two are needed: 001.png cannot"):
        run(pictures, skip_bad=True)


def test_images_lie_on_disk_when_a_metric_reads_them(pictures: Path, images: Array) -> None:
    run(pictures)
    for wanted in (replace(WANTED, images=True), Wanted(None, True, 8, torch.device("cpu"))):
        side = run(pictures, wanted)
        assert side.images is not None
        assert torch.equal(side.images, torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0)
        assert (side.features is None) is (wanted.extractor is None)
    mapped = [line.split()[5:] for line in Path("/proc/self/maps").read_text().splitlines()]
    assert any("ganbench-images-" in "".join(name) for name in mapped)


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(DataError, match=r"no room for 4 MiB of images in .* \(No space left.*set TMPDIR"):
        OnDisk((1024, 1, 32, 32))
