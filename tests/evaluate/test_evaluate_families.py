"""Names on the command line: which configs they mean, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import ConfigError
from ganbench.evaluate.families import Families, protocol_of

FIELDS = "directions: {fd: min}\nat: every\n"
FD = "ganbench.metrics.frechet.FrechetDistance"


def protocol(extractor: str, *families: str, overrides: tuple[str, ...] = (), **options: Any) -> Any:
    config_dir, n = options.get("config_dir"), options.get("n")
    return protocol_of(extractor, list(families), list(overrides), config_dir, n)


@pytest.mark.parametrize(
    ("family", "extractor", "found"),
    [
        ("fd", "lenet28", ("fd_lenet28", False)),
        ("fd", "pixels", ("fd_pixels", False)),
        ("fd", "random_conv", ("fd_lenet28", True)),
        ("fd", "inception", ("fid", False)),
        ("fid", "inception", ("fid", False)),
        ("kid", "lenet28", ("kid_lenet28", False)),
        ("prc", "random_conv", ("prc_lenet28", True)),
        ("ms_ssim", "lenet28", ("ms_ssim", False)),  # reads images, whatever the extractor
    ],
)
def test_a_family_is_the_file_name_without_its_space(
    family: str, extractor: str, found: tuple[str, bool]
) -> None:
    assert Families(None).config(family, extractor) == found


@pytest.mark.parametrize("extractor", ["lenet28", "pixels", "random_conv", "vgg16"])
def test_another_extractors_distance_is_never_called_fid(extractor: str) -> None:
    with pytest.raises(ConfigError, match=f"only Inception's .* is FID: ask for fd on {extractor}"):
        protocol(extractor, "fid")
    assert protocol(extractor, "fd")["metrics"]["fd"]["directions"] == {"fd": "min"}


def test_the_protocol_holds_what_gives_scores_a_meaning() -> None:
    found = protocol("random_conv", "fd", "prc", n=100)
    assert found["metrics"]["fd"] == {
        "_target_": FD,
        "space": "random_conv",
        "directions": {"fd": "min"},
        "at": "every",
    }
    assert found["metrics"]["prc"]["space"] == "random_conv"
    assert list(found["extractors"]) == ["random_conv"]
    assert (found["n_real"], found["n_fake"], found["evaluation_seed"]) == (100, 100, 42)


@pytest.mark.parametrize("prefix", ["", "protocol."])
def test_settings_are_set_by_name(prefix: str) -> None:
    settings = ("metrics.prc.k=7", "extractors.inception.weights=some/path.pth", "n_fake=50")
    found = protocol("inception", "prc", overrides=tuple(prefix + s for s in settings))
    assert found["metrics"]["prc"]["k"] == 7
    assert found["extractors"]["inception"]["weights"] == "some/path.pth"
    assert (found["n_real"], found["n_fake"]) == (None, 50)


@pytest.mark.parametrize(
    ("extractor", "family", "override", "message"),
    [
        ("lenet", "fd", "", "no extractor `lenet`; did you mean `lenet28`.* there are .*pixels"),
        ("../lenet28", "fd", "", "there is no extractor"),
        ("lenet28", "fdd", "", "no metric `fdd`; did you mean `fd`.* there are .*kid, .*prc"),
        ("lenet28", "fd_lenet28", "", "no metric `fd_lenet28`"),
        ("lenet28", "polygon_f1", "", "`polygon_f1` needs `generator` and `manifold`, which samples alone"),
        ("lenet28", "ring", "", "`ring` needs `manifold`"),
        ("lenet28", "conditioning", "", "`conditioning` needs `generator`"),
        ("pixels", "energy", "", "`energy` needs points of grid or ring"),
        ("lenet28", "prc", "metrics.prc.kk=3", "no setting `metrics.prc.kk`; did you mean `metrics.prc.k`"),
        ("lenet28", "prc", "metrics.prc.k=many", "`metrics.prc.k` is an integer"),
        ("lenet28", "prc", "metrics.prc.k=3,5", "one value is wanted"),
        ("lenet28", "prc", "+metrics.prc.x=3", "only values can be set here"),
        ("lenet28", "prc", "frobnicate", "is not of the form key=value"),
        ("lenet28", "prc", "model=vae", "there is no setting `model`"),
        ("lenet28", "prc", "n_real=1", "`n_real` must be an integer from 2 on"),
        ("lenet28", "prc", "protocol.n_fake=few", "`n_fake` must be an integer from 2 on"),
    ],
)
def test_what_cannot_be_meant_is_refused(extractor: str, family: str, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        protocol(extractor, family, overrides=(override,) if override else ())
    assert "\n" not in str(caught.value)


def test_no_metric_at_all_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"--metrics names none: there are .*fd, "):
        protocol("pixels")


def test_a_metric_of_ones_own_is_found_without_a_list(tmp_path: Path) -> None:
    (tmp_path / "metric").mkdir()
    (tmp_path / "metric" / "mine_pixels.yaml").write_text(f"_target_: {FD}\nspace: pixels\n{FIELDS}")
    found = protocol("lenet28", "mine", config_dir=tmp_path)
    assert found["metrics"]["mine"]["space"] == "lenet28"
    with pytest.raises(ConfigError, match="there is no metric `mine`"):
        protocol("lenet28", "mine")


def test_every_family_that_needs_samples_only_is_offered() -> None:
    offered = Families(None).scored().split(", ")
    assert {"fd", "fid", "kid", "is", "prc", "ms_ssim"} <= set(offered)
    assert not {"polygon_f1", "ring", "conditioning", "energy"} & set(offered)
    assert offered == sorted(offered)
    for family in set(offered) - {"fid"}:
        Families(None).config(family, "lenet28")
