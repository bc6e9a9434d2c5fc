"""The correlation dimension of sets whose dimension is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.fractal import FractalDimension, correlation_dimension, distances_from
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(0, "fractal")
N = 4000
METRIC = FractalDimension(
    space="pixels",
    directions={"fractal": "max", "fractal_gap": "min"},
    at="every",
    centres=100,
    radii=1000,
    window=0.1,
    seed=0,
)


def dimension(points: Tensor) -> float:
    return correlation_dimension(points, centres=100, radii=1000, window=0.1)


def rotated(points: Tensor) -> Tensor:
    """The same set in a skew subspace of ten dimensions."""
    basis = torch.linalg.qr(RNG.normal("basis", (10, points.shape[1]))).Q
    return points @ basis.T


def cantor(n: int) -> Tensor:
    """Numbers of [0, 1] whose ternary digits are 0 or 2."""
    digits = 2.0 * (RNG.uniform("cantor", (n, 20)) < 0.5).double()
    return (digits @ (3.0 ** -torch.arange(1.0, 21.0, dtype=torch.float64)))[:, None]


@pytest.mark.parametrize(
    ("points", "known", "within"),
    [
        (RNG.uniform("line", (N, 1)), 1.0, 0.05),
        (rotated(RNG.uniform("line", (N, 1))), 1.0, 0.05),
        (rotated(RNG.uniform("plane", (N, 2))), 2.0, 0.15),
        (rotated(RNG.uniform("cube", (N, 3))), 3.0, 0.4),
        (cantor(N), math.log(2) / math.log(3), 0.05),
    ],
    ids=["line", "line in ten dimensions", "plane", "cube", "cantor"],
)
def test_known_dimensions(points: Tensor, known: float, within: float) -> None:
    """Borders lower the estimate, the more the more dimensions there are."""
    assert dimension(points) == pytest.approx(known, abs=within)
    assert dimension(7.0 * points + 1.0) == pytest.approx(dimension(points), rel=1e-3)


def test_distances_lead_to_all_others_and_not_to_the_point_itself() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [3.0]])
    assert distances_from(points, 1).tolist() == [1.0, 3.0, 3.0]
    assert distances_from(points, 9).tolist() == [0.0] * 2 + [1.0] * 2 + [2.0] * 4 + [3.0] * 4


def test_copies_have_dimension_zero() -> None:
    assert dimension(torch.ones(50, 3)) == 0.0
    assert dimension(RNG.normal("few", (5, 3)).repeat(40, 1)) == 0.0
    assert dimension(torch.tensor([[0.0], [1.0]])) == 0.0


def test_points_of_which_some_are_copies_have_a_finite_dimension() -> None:
    """Of 9900 pairs 870 are of copies: within the window's 628 to 1575."""
    points = torch.cat([torch.zeros(30, 2), RNG.normal("rest", (70, 2))])
    assert 0.0 < dimension(points) < 3.0


def test_the_gap_is_zero_for_the_same_set_in_any_order_and_grows_with_lost_directions() -> None:
    real = RNG.normal("real", (600, 5))
    flat = real.clone()
    flat[:, 1:] = 0.0
    itself = METRIC(Samples(images=real, features=real), Samples(images=real, features=real.flip(0)))
    lost = METRIC(Samples(images=real, features=real), Samples(images=flat, features=flat))
    assert itself["fractal_gap"] == 0.0
    assert lost["fractal"] == pytest.approx(1.0, abs=0.15)
    assert lost["fractal_gap"] == pytest.approx(itself["fractal"] - lost["fractal"], rel=1e-9)
    assert lost["fractal_gap"] > 1.5


def test_both_sides_are_cut_to_one_size() -> None:
    real, fake = RNG.normal("real", (600, 3)), RNG.normal("fake", (200, 3))
    one = METRIC(Samples(images=real, features=real), Samples(images=fake, features=fake))
    other = METRIC(Samples(images=fake, features=fake), Samples(images=real, features=real))
    assert one["fractal_gap"] == pytest.approx(other["fractal_gap"], rel=1e-12)


def test_nan_scores_nan_and_a_single_sample_is_refused() -> None:
    real = RNG.normal("real", (20, 3))
    broken = torch.cat([real[:-1], torch.full((1, 3), math.nan)])
    assert all(map(math.isnan, METRIC(Samples(images=real, features=real), Samples(real, broken)).values()))
    with pytest.raises(ConfigError, match="needs 2 samples a side, not 1"):
        METRIC(Samples(images=real, features=real), Samples(images=real, features=real[:1]))
