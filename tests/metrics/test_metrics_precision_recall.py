"""Precision and recall by nearest neighbours: by hand, prdc, torch-fidelity, both rules for the edge."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics import neighbors
from ganbench.metrics.precision_recall import PrecisionRecall
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(6, "precision recall")


def metric(k: int, *, inclusive: bool) -> PrecisionRecall:
    directions = {"precision": "max", "recall": "max"}
    return PrecisionRecall(space="pixels", directions=directions, at="every", k=k, inclusive=inclusive)


def score(real: Tensor, fake: Tensor, k: int, *, inclusive: bool) -> tuple[float, float]:
    sides = (Samples(images=x, features=x) for x in (real, fake))
    found = metric(k, inclusive=inclusive)(*sides)
    return found["precision"], found["recall"]


def line(*points: float) -> Tensor:
    return torch.tensor(points)[:, None]


def pair(n: int = 300, m: int = 200) -> tuple[Tensor, Tensor]:
    return RNG.normal("real", (n, 24)), 0.8 * RNG.normal("fake", (m, 24)) + 0.1


def test_values_by_hand() -> None:
    """Real 0, 1, 10 with radii 1, 1, 9; fakes 2, 2.5, 30, 31 with radii .5, .5, 1, 1 (k = 1).

    2 lies on the edges of the balls around 1 and 10's is [1, 19]: two fakes of four; real 1 and 10 lie in none.
    """
    real, fake = line(0.0, 1.0, 10.0), line(2.0, 2.5, 30.0, 31.0)
    assert score(real, fake, 1, inclusive=True) == (0.5, 0.0)
    assert score(real, line(1.0, 2.0), 1, inclusive=True) == (1.0, 2.0 / 3.0)
    assert score(real, line(1.0, 2.0), 1, inclusive=False) == (1.0, 1.0 / 3.0)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_without_the_edge_it_is_prdcs(k: int, capsys: pytest.CaptureFixture[str]) -> None:
    from prdc import compute_prdc

    for real, fake in (pair(), (pair()[0].round(), pair()[1].round())):  # integers tie and are exact
        theirs = compute_prdc(real.double().numpy(), fake.double().numpy(), k)
        ours = score(real, fake, k, inclusive=False)
        assert ours == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-12)
        assert 0.0 < min(ours) < 1.0


@pytest.mark.parametrize("k", [1, 3])
def test_with_the_edge_it_is_torch_fidelitys(k: int) -> None:
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, fake = pair()
    for x, y in ((real, fake), ((4.0 * real).round(), (4.0 * fake).round())):
        theirs = prc_features_to_metric(y.double(), x.double(), prc_neighborhood=k, verbose=False)
        ours = score(x, y, k, inclusive=True)
        assert ours == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6)


def test_the_rules_differ_where_features_repeat() -> None:
    real = line(0.0, 0.0, 1.0, 1.0)
    assert score(real, real, 1, inclusive=True) == (1.0, 1.0)
    assert score(real, real, 1, inclusive=False) == (0.0, 0.0)


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = score(*pair(), 3, inclusive=True)
    monkeypatch.setattr(neighbors, "TILE", 1000)
    assert score(*pair(), 3, inclusive=True) == before


def test_k_neighbours_need_more_than_k_samples() -> None:
    with pytest.raises(ConfigError, match="'precision' needs 4 samples a side, not 3"):
        score(line(0.0, 1.0, 2.0), line(0.0, 1.0, 2.0, 3.0), 3, inclusive=True)


def test_precision_is_of_fakes_and_recall_of_real_samples() -> None:
    """A generator that makes one half of the real points is precise; one that also makes noise recalls."""
    real = torch.cat([RNG.normal("a", (100, 4)), RNG.normal("b", (100, 4)) + 50.0])
    precision, recall = score(real, RNG.normal("c", (100, 4)), 3, inclusive=True)
    assert precision > 0.9
    assert recall < 0.55
