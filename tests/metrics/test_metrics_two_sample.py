"""The 1-nearest-neighbour test: by hand, sklearn's classifier, ties, copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics import neighbors
from ganbench.metrics.two_sample import NearestNeighborAccuracy
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(8, "two samples")
NN1 = NearestNeighborAccuracy(
    space="pixels", directions={"nn1": "min", "nn1_real": "min", "nn1_fake": "min"}, at="every"
)


def score(real: Tensor, fake: Tensor) -> tuple[float, ...]:
    found = NN1(*(Samples(images=x, features=x) for x in (real, fake)))
    return found["nn1"], found["nn1_real"], found["nn1_fake"]


def line(*points: float) -> Tensor:
    return torch.tensor(points)[:, None]


def test_values_by_hand() -> None:
    """Real 0, 1, 10 and fake 9, 11.5, 20: 0 and 1 find each other, 10 finds 9; 9 and 11.5 find 10, 20 finds 11.5."""
    assert score(line(0.0, 1.0, 10.0), line(9.0, 11.5, 20.0)) == pytest.approx((0.5, 2.0 / 3.0, 1.0 / 3.0))


def test_it_is_the_leave_one_out_accuracy_of_sklearns_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = RNG.normal("real", (60, 5)), 0.7 * RNG.normal("fake", (60, 5)) + 0.2
    both, side = torch.cat([real, fake]).double().numpy(), np.repeat([0, 1], 60)
    guess = cross_val_predict(KNeighborsClassifier(1, algorithm="brute"), both, side, cv=LeaveOneOut())
    theirs = [(guess == side)[rows].mean() for rows in (slice(None), side == 0, side == 1)]
    assert score(real, fake) == pytest.approx(theirs, abs=1e-12)
    monkeypatch.setattr(neighbors, "TILE", 500)
    assert score(real, fake) == pytest.approx(theirs, abs=1e-12)


def test_one_law_is_half_and_disjoint_sets_are_one() -> None:
    pairs = [(RNG.normal(f"a{i}", (300, 3)), RNG.normal(f"b{i}", (300, 3))) for i in range(10)]
    assert np.mean([score(x, y)[0] for x, y in pairs]) == pytest.approx(0.5, abs=0.02)
    x, y = pairs[0]
    assert score(x, y + 100.0) == (1.0, 1.0, 1.0)


def test_copies_are_below_half_and_ties_count_half() -> None:
    x = RNG.normal("x", (50, 6)) + 20.0
    assert score(x, x.flip(0)) == (0.0, 0.0, 0.0)
    assert score(torch.full((7, 2), 0.1), torch.full((7, 2), 0.1)) == (0.5, 0.5, 0.5)
    assert score(torch.cat([x, x]), torch.cat([x, x])) == (0.5, 0.5, 0.5)


def test_dropped_modes_show_as_low_real_and_high_fake_accuracy() -> None:
    """Tight clusters of fakes on a few real points: real ones there find fakes, fakes find fakes."""
    real = 10.0 * RNG.normal("real", (40, 2))
    fake = real[:4].repeat(10, 1) + 0.01 * RNG.normal("noise", (40, 2))
    _, of_real, of_fake = score(real, fake)
    assert of_fake > 0.85
    assert of_real < of_fake


def test_sets_of_different_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="one size, not 3 real and 2 fake"):
        score(line(0.0, 1.0, 2.0), line(0.0, 1.0))
