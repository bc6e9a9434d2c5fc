"""Scores: the numbers of `scoring` and of torch-fidelity, stamped, under names they may bear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench import kept
from ganbench.errors import ConfigError, DataError, UserError
from ganbench.evaluate import Report, Request, evaluate, stamps, table
from ganbench.metrics.features import Inception
from ganbench.protocols import Images
from ganbench.scoring import Fakes, Scorer, as_float
from ganbench.terminal import Console

Array = np.ndarray
RNG = np.random.Generator(np.random.Philox(8))
METRICS = ("fd", "kid", "prc", "is", "dc")


@pytest.fixture
def paths(images: Array, tmp_path: Path) -> tuple[Path, Path]:
    """Real and fake images, 40 and 30, in two files."""
    real, fake = tmp_path / "real.npz", tmp_path / "fake.npy"
    np.savez(real, images=images)
    np.save(fake, RNG.integers(0, 200, (30, 28, 28, 1), dtype=np.uint8))
    return real, fake


def run(paths: tuple[Path, Path], extractor: str, *metrics: str, **options: Any) -> Report:
    return evaluate(Request(*paths, extractor, metrics, **options), Console(quiet=True))


def tensor(path: Path) -> Tensor:
    found = np.load(path)
    return torch.from_numpy(found["images"] if path.suffix == ".npz" else found).permute(0, 3, 1, 2)


@pytest.mark.parametrize("n", [None, 25])
def test_the_numbers_are_those_of_a_sweep(n: int | None, paths: tuple[Path, Path]) -> None:
    options = ("metrics.is.splits=2",)
    found = run(paths, "lenet28", *METRICS, n=n, overrides=options)
    from ganbench.evaluate.families import protocol_of

    protocol = protocol_of("lenet28", list(METRICS), list(options), None, n)
    real, fake = tensor(paths[0]), tensor(paths[1])
    scorer = Scorer(
        protocol | {"split": "test", "n_real": n or 40}, None, Images(real, real, None, None, "hash")
    )
    if n:
        order = scorer._rng.permutation("fake", len(fake))
        fake = fake[order[:n]]
    wanted = scorer.score(Fakes(as_float(fake), None), None, at=("every", "best_last"))
    values = {f"{name}_lenet28": entry["value"] for name, entry in found.metrics.items()}
    assert values == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert {entry["n_real"] for entry in found.metrics.values()} == {n or 40}
    assert {entry["n_fake"] for entry in found.metrics.values()} == {n or 30}


def test_the_numbers_are_those_of_torch_fidelity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch_fidelity
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    class Flat(FeatureExtractorBase):
        """The flattened image in [0, 1]: what `pixels` is."""

        def __init__(self, name: str, features: list[str], **options: Any) -> None:
            super().__init__(name, features)

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return (x.flatten(1).float() / 255.0,)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("flat",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return "flat"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        @staticmethod
        def get_dummy_input_for_compile() -> Tensor:
            return torch.zeros(1)

    torch_fidelity.register_feature_extractor("flat-pixels", Flat)
    sides = []
    for name, n, top in (("real", 120, 256), ("fake", 100, 180)):
        images = RNG.integers(0, top, (n, 5, 4, 3), dtype=np.uint8)
        np.save(tmp_path / f"{name}.npy", images)
        sides.append(torch.utils.data.TensorDataset(torch.from_numpy(images).permute(0, 3, 1, 2)))
    real, fake = ([row[0] for row in side] for side in sides)
    theirs = torch_fidelity.calculate_metrics(
        input1=_Listed(fake),
        input2=_Listed(real),
        feature_extractor="flat-pixels",
        fid=True,
        prc=True,
        prc_neighborhood=3,
        cuda=False,
        verbose=False,
        cache=False,
        save_cpu_ram=True,  # no worker processes
    )
    found = run((tmp_path / "real.npy", tmp_path / "fake.npy"), "pixels", "fd", "prc").metrics
    assert found["fd"]["value"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)
    assert found["precision"]["value"] == pytest.approx(theirs["precision"], abs=1e-9)
    assert found["recall"]["value"] == pytest.approx(theirs["recall"], abs=1e-9)


class _Listed(torch.utils.data.Dataset):
    """What torch-fidelity takes: uint8 images one by one."""

    def __init__(self, images: list[Tensor]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, i: int) -> Tensor:
        return self._images[i]


def test_pixels_are_the_flattened_image_in_zero_to_one(tmp_path: Path) -> None:
    """Two points a side: FD = ‖μ − μ'‖² + (σ − σ')² along the one direction that varies."""
    real, fake = np.zeros((2, 1, 2, 1), np.uint8), np.zeros((2, 1, 2, 1), np.uint8)
    real[1, 0, 0, 0], fake[:, 0, 0, 0] = 255, 51
    np.save(tmp_path / "real.npy", real)
    np.save(tmp_path / "fake.npy", fake)
    found = run((tmp_path / "real.npy", tmp_path / "fake.npy"), "pixels", "fd").metrics["fd"]
    assert found["value"] == pytest.approx((0.5 - 0.2) ** 2 + 0.5, rel=1e-6)


def test_every_score_carries_its_stamp(paths: tuple[Path, Path]) -> None:
    found = run(paths, "random_conv", "fd", "prc").metrics
    assert list(found) == ["fd", "precision", "recall"]
    for name, entry in found.items():
        assert list(entry) == [
            *("value", "extractor", "n_real", "n_fake", "protocol"),
            *("weights_hash", "preprocessing", "dtype", "direction"),
        ]
        assert (entry["extractor"], entry["n_real"], entry["n_fake"]) == ("random_conv", 40, 30)
        assert entry["direction"] == ("min" if name == "fd" else "max")
        assert len(entry["weights_hash"]) == 64
    assert found["precision"]["protocol"] == found["recall"]["protocol"] != found["fd"]["protocol"]


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, True),
        ({"metrics": ("kid", "fd")}, True),  # what else is asked for says nothing about this score
        ({"overrides": ("extractors.lenet28.batch_size=16",)}, False),
        ({"overrides": ("evaluation_seed=1",)}, False),
        ({"n": 20}, False),
    ],
)
def test_the_protocol_says_what_decides_a_number(
    options: dict[str, Any], same: bool, paths: tuple[Path, Path]
) -> None:
    first = run(paths, "lenet28", "fd").metrics["fd"]
    other = run(paths, "lenet28", *options.pop("metrics", ("fd",)), **options).metrics["fd"]
    assert (first["protocol"] == other["protocol"]) is same
    assert first["protocol"].startswith("evaluate-")
    assert not same or first["value"] == other["value"]


def test_sizes_are_part_of_the_protocol(paths: tuple[Path, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "fewer.npy", np.load(paths[1])[:20])
    first = run(paths, "pixels", "fd").metrics["fd"]
    fewer = run((paths[0], tmp_path / "fewer.npy"), "pixels", "fd").metrics["fd"]
    assert first["protocol"] != fewer["protocol"]


@pytest.fixture
def inception(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the network, whose weights are not shipped."""
    monkeypatch.setattr(Inception, "weights_hash", lambda self: "6726825d")
    monkeypatch.setattr(Inception, "features", lambda self, images: images.flatten(1)[:, ::50].contiguous())


def test_inceptions_distance_and_only_its_own_is_called_fid(
    paths: tuple[Path, Path], inception: None
) -> None:
    for asked in ("fd", "fid"):
        found = run(paths, "inception", asked, "prc").metrics
        assert list(found) == ["fid", "precision", "recall"]
        assert found["fid"]["extractor"] == "inception"
    assert list(run(paths, "lenet28", "fd").metrics) == ["fd"]
    with pytest.raises(ConfigError, match="ask for fd on lenet28"):
        run(paths, "lenet28", "fid")
    with pytest.raises(ConfigError, match="fd and fid both give `fid`: ask for one"):
        run(paths, "inception", "fd", "fid")


def test_metrics_of_images_share_the_stream_with_those_of_features(paths: tuple[Path, Path]) -> None:
    found = run(paths, "lenet28", "fd", "ms_ssim", overrides=("metrics.ms_ssim.pairs=50",))
    assert found.metrics["ms_ssim"]["extractor"] == "pixels"
    assert found.metrics["ms_ssim"]["weights_hash"] == "none"
    alone = run(paths, "pixels", "ms_ssim", overrides=("metrics.ms_ssim.pairs=50",), use_cache=False)
    assert alone.metrics["ms_ssim"] == found.metrics["ms_ssim"]
    assert found.metrics["fd"]["value"] == run(paths, "lenet28", "fd").metrics["fd"]["value"]


def test_real_images_are_looked_at_once(paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from ganbench.metrics import frechet

    first = run(paths, "random_conv", "fd").metrics
    monkeypatch.setattr(frechet, "statistics", None)
    assert run(paths, "random_conv", "fd").metrics == first
    kinds = sorted(entry.name.partition("-")[0] for entry in kept.entries())
    assert kinds == ["features", "gaussian"]  # of the real side alone
    with pytest.raises(TypeError):
        run(paths, "random_conv", "fd", use_cache=False)


@pytest.mark.parametrize(
    ("extractor", "metrics", "options", "message"),
    [
        ("pixels", ("is",), {}, "`is` reads class probabilities, which pixels does not give"),
        ("pixels", ("fd",), {"overrides": ("metrics.fd.space=lenet28",)}, "is what --extractor says"),
        ("inception", ("fd",), {}, "inception: no weights .*protocol.extractors.inception.weights=PATH"),
        ("pixels", ("fd",), {"device": "cuda:99"}, "--device cuda:99: "),
        ("pixels", ("fd",), {"device": "toaster"}, "--device toaster: "),
        ("lenet28", ("prc",), {"overrides": ("metrics.prc.k=30",)}, "needs 31 samples a side, not 30"),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    extractor: str, metrics: tuple[str, ...], options: Any, message: str, paths: tuple[Path, Path]
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        run(paths, extractor, *metrics, **options)
    assert "\n" not in str(caught.value)


def test_other_weights_are_refused_by_their_hash(paths: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"of something else")
    override = f"protocol.extractors.inception.weights={tmp_path / 'weights.pth'}"
    with pytest.raises(DataError, match=r"weights.pth has sha256 [0-9a-f]{64}, not 6726825d"):
        run(paths, "inception", "fd", overrides=(override,))


def test_sides_of_different_sizes_are_refused(paths: tuple[Path, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", RNG.integers(0, 200, (30, 28, 32, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"--real holds images of 28×28×1, --fake of 28×32×3: bring both"):
        run((paths[0], tmp_path / "wide.npy"), "pixels", "fd")


def test_a_reader_is_told_what_is_odd(images: Array, folder: Any, paths: tuple[Path, Path]) -> None:
    same = folder(images[:1].repeat(9, 0), "same")
    for i in range(7):
        (same / f"{i}.txt").write_text("words")
    (same / "003.png").write_bytes(b"no picture")
    found = run((paths[0], same), "pixels", "fd", skip_bad=True)
    assert found.notes == [
        "fake: left aside, no pictures by their names: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more",
        "fake: skipped 1 of 9 images: 003.png cannot be decoded (no known format)",
        "fake: all 8 images are the same",
    ]
    assert found.metrics["fd"]["n_fake"] == 8
    assert any("8 samples for 784 features" in line for line in found.advice)
    assert any("floor is not known" in line for line in found.advice)
    assert run((paths[0], paths[0]), "pixels", "fd").notes == ["--real and --fake hold the same images"]


def test_a_number_that_is_none_is_null(paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from ganbench.metrics.frechet import FrechetDistance

    monkeypatch.setattr(FrechetDistance, "__call__", lambda self, real, fake: {"fd": float("nan")})
    found = run(paths, "pixels", "fd")
    assert found.metrics["fd"]["value"] is None
    assert found.notes == ["fd is not a finite number"]
    assert table(found)[1][0][1] == "–"


def test_a_person_sees_values_and_stamps(paths: tuple[Path, Path]) -> None:
    found = run(paths, "lenet28", "prc")
    header, rows = table(found)
    assert header == ["metric", "value", "extractor", "n real", "n fake", "protocol"]
    assert [row[0] for row in rows] == ["precision ↑", "recall ↑"]
    assert rows[0][1:5] == [f"{found.metrics['precision']['value']:.6g}", "lenet28", "40", "30"]
    (line,) = stamps(found)
    assert line.startswith("lenet28: weights 468e84f74ef1, 2 v - 1")
