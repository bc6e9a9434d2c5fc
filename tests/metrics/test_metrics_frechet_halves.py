"""The distance on halves: which rows they hold, whose noise, what they are called."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.metrics.frechet import frechet_distance, statistics
from ganbench.metrics.frechet_halves import FrechetHalves, halves
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(12, "frechet halves")
NAMES = {"fd_a": "min", "fd_b": "min"}
METRIC = FrechetHalves(space="pixels", directions=NAMES, at="every")


def draw(n: int, name: str) -> Tensor:
    return RNG.normal(name, (n, 3)).double()


def side(features: Tensor, key: str | None = None) -> Samples:
    return Samples(images=torch.empty(len(features)), features=features, cache_key=key)


def rows(features: Tensor) -> set[tuple[float, ...]]:
    return {tuple(row) for row in features.tolist()}


def test_halves_are_disjoint_and_hold_every_row_in_whatever_order_they_came() -> None:
    features = draw(11, "rows")
    a, b = halves(features)
    assert (len(a), len(b)) == (6, 5)
    assert rows(a) | rows(b) == rows(features)
    assert not rows(a) & rows(b)
    again = halves(features.flip(0))
    assert torch.equal(again[0], a)
    assert torch.equal(again[1], b)


def test_each_is_the_distance_of_its_half() -> None:
    real, fake = draw(40, "real"), draw(30, "fake") + 1.0
    found = METRIC(side(real), side(fake))
    expected = [frechet_distance(statistics(x), y) for x, y in zip(halves(real), halves(fake), strict=True)]
    assert [found["fd_a"], found["fd_b"]] == expected
    assert found["fd_a"] != found["fd_b"]


def test_kept_statistics_are_not_those_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    real, fake = draw(40, "real"), draw(30, "fake")
    plain = METRIC(side(real), side(fake))
    assert METRIC(side(real, "k"), side(fake)) == METRIC(side(real, "k"), side(fake)) == plain


def test_their_noise_is_independent() -> None:
    """Correlation 0 over fresh fakes: of one half's distance with the other's, not of either with all's."""
    real = draw(2000, "reals")
    pairs = [METRIC(side(real), side(draw(60, f"fakes {n}"))) for n in range(300)]
    a, b = (np.array([pair[name] for pair in pairs]) for name in NAMES)
    assert abs(np.corrcoef(a, b)[0, 1]) < 3 / math.sqrt(len(pairs))


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="named fd_a and fd_b, not fd"):
        FrechetHalves(space="pixels", directions={"fd": "min"}, at="every")
    with pytest.raises(ConfigError, match="named fid_a and fid_b"):
        FrechetHalves(space="inception", directions=NAMES, at="every")
    with pytest.raises(ConfigError, match="needs 4 samples a side, not 3"):
        METRIC(side(draw(3, "few")), side(draw(30, "fake")))
    broken = draw(8, "fake")
    broken[3, 1] = math.nan
    assert all(math.isnan(value) for value in METRIC(side(draw(8, "real")), side(broken)).values())


def test_the_protocol_scores_halves_beside_all() -> None:
    protocol = compose(["dataset=fashion_mnist", "protocol=gray28_halves"]).config["protocol"]
    given = [name for metric in protocol["metrics"].values() for name in metric["directions"]]
    assert given == ["fd", "fd_a", "fd_b"]
    assert protocol["headline"] == "fd_lenet28"
