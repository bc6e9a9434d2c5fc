"""Coverage of a mixture: values by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from ganbench.metrics.mixture import Coverage
from ganbench.protocols import Samples
from ganbench.rng import Rng

METRIC = Coverage(
    space="ring",
    directions={"f1": "max", "precision": "max", "recall": "max", "modes": "max", "tv": "min"},
    at="every",
    radius_sd=3.0,
    mode_share=0.1,
)


@dataclass
class Mixture:
    centers: Tensor
    sd: float

    def draw(self, n: int, name: str = "real") -> Tensor:
        rng = Rng.of(3, name)
        mode = (rng.uniform("mode", (n,)) * len(self.centers)).long()
        return self.centers[mode] + self.sd * rng.normal("noise", (n, 2))


SQUARE = Mixture(torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]]), sd=0.1)
ANGLES = torch.arange(8) * torch.pi / 4.0
RING = Mixture(2.0**0.5 * torch.stack([ANGLES.cos(), ANGLES.sin()], 1), sd=0.05)


def score(real: Tensor, fake: Tensor, mixture: Mixture = SQUARE) -> dict[str, float]:
    return METRIC(Samples(images=real, manifold=mixture), Samples(images=fake))


def test_values_by_hand() -> None:
    """Radius .3: three fakes of four hit, two of them the first centre; two of five real points are met."""
    fake = torch.tensor([[0.0, 0.29], [0.2, 0.0], [4.0, 0.0], [2.0, 2.0]])
    real = torch.tensor([[0.0, 0.0], [4.1, 0.1], [4.0, 0.31], [0.0, 4.0], [4.0, 4.0]])
    values = score(real, fake)
    assert values["precision"] == 3 / 4
    assert values["recall"] == 2 / 5
    assert values["f1"] == pytest.approx(2 * 0.75 * 0.4 / 1.15, rel=1e-12)
    assert values["modes"] == 2.0
    assert values["tv"] == pytest.approx((abs(2 / 3 - 1 / 4) + abs(1 / 3 - 1 / 4) + 2 / 4) / 2, rel=1e-12)


def test_a_mode_counts_from_a_tenth_of_its_fair_share() -> None:
    """Of 400 samples on 4 modes the fair share is 100: 10 cover a mode, 9 do not, far ones never do."""
    counts = [381, 10, 9, 0]
    fake = torch.cat([SQUARE.centers[i].expand(n, 2) for i, n in enumerate(counts)])
    assert score(fake, fake)["modes"] == 2.0
    garbage = torch.full((100, 2), 2.0)
    assert score(fake, torch.cat([fake[:300], garbage]))["modes"] == 1.0
    spread = torch.cat([SQUARE.centers, garbage[:96]])  # one hit on each mode is no coverage of four
    assert score(fake, spread)["modes"] == 0.0


def test_nothing_of_quality_is_the_worst_everywhere() -> None:
    worst = {"f1": 0.0, "precision": 0.0, "recall": 0.0, "modes": 0.0, "tv": 1.0}
    assert score(SQUARE.draw(50), torch.full((50, 2), 2.0)) == worst


def test_real_data_reach_the_known_precision() -> None:
    """P(|ε| ≤ 3) = 1 − exp(−4.5) = .98889 in the plane."""
    values = score(RING.draw(20_000), RING.draw(20_000, "other"), RING)
    assert values["precision"] == pytest.approx(0.98889, abs=0.002)
    assert values["recall"] > 0.999
    assert values["modes"] == 8.0
    assert values["tv"] < 0.02


def test_dropped_modes_cost_recall_and_not_precision() -> None:
    half = Mixture(RING.centers[::2], RING.sd)
    values = score(RING.draw(2000), half.draw(2000, "other"), RING)
    assert values["precision"] == pytest.approx(0.989, abs=0.01)
    assert values["recall"] == pytest.approx(0.5, abs=0.03)
    assert values["modes"] == 4.0
    assert values["tv"] == pytest.approx(0.5, abs=0.02)


def test_recall_looks_at_more_points_than_one_chunk() -> None:
    real = torch.cat([torch.zeros(1500, 2), torch.full((500, 2), 9.0)])
    assert score(real, torch.zeros(3, 2))["recall"] == 0.75
