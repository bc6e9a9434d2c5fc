"""FD∞ and the Fréchet distance of diagonal covariances: closed forms, bias, subsets, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.frechet import (
    DiagonalFrechetDistance,
    FrechetLimit,
    Statistics,
    frechet_distance,
    frechet_limit,
    statistics,
)
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(12, "frechet variants")
DIAGONAL = DiagonalFrechetDistance(space="pixels", directions={"fd_diag": "min"}, at="every")


def draw(n: int, d: int, name: str) -> Tensor:
    return RNG.normal(name, (n, d)).double()


def side(features: Tensor) -> Samples:
    return Samples(images=torch.empty(len(features)), features=features)


def limit(**fields: Any) -> FrechetLimit:
    given = {"shares": (0.25, 0.5, 1.0), "draws": 2, "seed": 0} | fields
    return FrechetLimit(space="pixels", directions={"fd_inf": "min"}, at="every", **given)


def fd_inf(real: Tensor, fake: Tensor, **fields: Any) -> float:
    return limit(**fields)(side(real), side(fake))["fd_inf"]


def standard(d: int) -> Statistics:
    """N(0, I) itself."""
    return Statistics(torch.zeros(d).double(), torch.tensor(float(d)).double(), torch.eye(d).double())


def test_the_bias_in_one_over_n_is_extrapolated_away() -> None:
    """Fakes of the reference's law N(0, I): FD at n is about d / n + d (d + 1) / (4 n) = .375 at d = 10, n = 100."""
    at_n, limits = [], []
    for i in range(60):
        fake = draw(400, 10, f"y{i}")
        at_n.append(frechet_distance(standard(10), fake[:100]))
        limits.append(frechet_limit(standard(10), fake, [100, 200, 400], 2, RNG.fold(f"{i}")))
    assert np.mean(at_n) == pytest.approx(10.0 / 100.0 + 110.0 / 400.0, rel=0.06)
    assert min(limits) < 0.0
    assert np.mean(limits) == pytest.approx(0.0, abs=0.01)


def test_shifted_and_scaled_fakes_have_the_distance_of_the_laws() -> None:
    """‖δ‖² + d (s − 1)² = 4 + 4 with d = 4, δ = (1, 1, 1, 1), s = 2."""
    values = [
        frechet_limit(standard(4), 2.0 * draw(2000, 4, f"z{i}") + 1.0, [200, 600, 2000], 1, RNG)
        for i in range(20)
    ]
    assert np.mean(values) == pytest.approx(8.0, rel=0.02)


def test_it_is_the_intercept_of_the_line_through_the_means() -> None:
    """Two sizes: the line goes through both points; all fakes are drawn once however many draws."""
    real, fake = draw(100, 3, "x"), draw(60, 3, "y") + 1.0
    fitted, rng = statistics(real), Rng.of(0, "here")
    orders = [rng.permutation(f"30 {i}", 60)[:30] for i in range(4)]
    half = np.mean([frechet_distance(fitted, fake[order]) for order in orders])
    whole = frechet_distance(fitted, fake)
    slope = (half - whole) / (1.0 / 30.0 - 1.0 / 60.0)
    assert frechet_limit(fitted, fake, [30, 60], 4, rng) == pytest.approx(whole - slope / 60.0, rel=1e-9)


def test_sizes_are_shares_and_the_order_of_fakes_does_not_matter() -> None:
    real, fake = draw(100, 3, "x"), draw(80, 3, "y") + 1.0
    assert limit(shares=(1.0, 0.1, 0.5)).sizes(80) == [8, 40, 80]
    value = fd_inf(real, fake)
    assert fd_inf(real, fake.flip(0)) == pytest.approx(value, rel=1e-9)
    assert fd_inf(real, fake, seed=1) != pytest.approx(value, rel=1e-6)


def test_what_cannot_be_extrapolated_is_refused() -> None:
    with pytest.raises(ConfigError, match="shares above 0 and up to 1"):
        limit(shares=(0.5, 2.0))
    with pytest.raises(ConfigError, match="at least once"):
        limit(draws=0)
    with pytest.raises(ConfigError, match="shares of 3 fakes give 1: set shares"):
        fd_inf(draw(9, 2, "x"), draw(3, 2, "y"), shares=(0.5, 0.6))
    assert math.isnan(fd_inf(draw(9, 2, "x"), torch.full((4, 2), math.inf)))


def test_diagonal_covariances_have_their_closed_form_and_ignore_correlation() -> None:
    """Means 3 apart in one feature, standard deviations 1 and 2 against 3 and 2: 9 + 4 + 0."""
    x = draw(50, 2, "x")
    x = (x - x.mean(0)) / x.std(0)
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0])
    found = DIAGONAL(side(x * a), side(x.flip(0) * b + torch.tensor([3.0, 0.0])))
    assert found == {"fd_diag": pytest.approx(13.0, rel=1e-12)}
    line = torch.stack([x[:, 0], x[:, 0]], 1)
    assert DIAGONAL(side(x), side(line))["fd_diag"] == pytest.approx(0.0, abs=1e-12)


def test_it_is_the_full_distance_where_features_are_uncorrelated() -> None:
    x, y = draw(400, 3, "x"), 2.0 * draw(400, 3, "y") + 1.0
    turned = [z @ torch.linalg.eigh(torch.cov(z.T))[1] for z in (x, y)]
    both = DIAGONAL(side(turned[0]), side(turned[1]))["fd_diag"]
    assert both == pytest.approx(frechet_distance(statistics(turned[0]), turned[1]), rel=1e-9)
