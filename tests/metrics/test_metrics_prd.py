"""PRD: closed forms on histograms, clusters, what runs and seeds do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.prd import DistributionPrecisionRecall, best_f, histograms, prd_curve
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(11, "prd")


def summary(real: list[float], fake: list[float], angles: int = 1001) -> tuple[float, float]:
    curve = prd_curve(np.array(real), np.array(fake), angles)
    return best_f(*curve, 8.0), best_f(*curve, 1.0 / 8.0)


def test_equal_histograms_score_one_and_disjoint_ones_zero() -> None:
    assert summary([0.3, 0.7], [0.3, 0.7]) == pytest.approx((1.0, 1.0), abs=1e-3)
    assert summary([1.0, 0.0], [0.0, 1.0]) == (0.0, 0.0)


def test_half_of_the_modes_dropped_has_its_closed_form() -> None:
    """Best precision 1 at recall ½: F_8 = 65 · ½ / 64.5 = .5039, F_1/8 = (65/64) · ½ / (1/64 + ½) = .9848."""
    precision, recall = prd_curve(np.full(4, 0.25), np.array([0.5, 0.5, 0.0, 0.0]), 1001)
    assert precision.max() == pytest.approx(1.0)
    assert recall.max() == pytest.approx(0.5)
    expected = (65.0 * 0.5 / 64.5, 65.0 / 64.0 * 0.5 / (1.0 / 64.0 + 0.5))
    assert summary([0.25] * 4, [0.5, 0.5, 0.0, 0.0]) == pytest.approx(expected, rel=1e-3)


def test_modes_invented_lose_precision_and_not_recall() -> None:
    """The mirror image: the two summaries change places."""
    f8, f1_8 = summary([0.5, 0.5, 0.0, 0.0], [0.25] * 4)
    assert (f1_8, f8) == pytest.approx(summary([0.25] * 4, [0.5, 0.5, 0.0, 0.0]), rel=1e-3)


def metric(**fields: Any) -> DistributionPrecisionRecall:
    given = {"clusters": 4, "starts": 10, "angles": 1001, "runs": 2, "seed": 0} | fields
    directions = {"prd_f8": "max", "prd_f1_8": "max"}
    return DistributionPrecisionRecall(space="pixels", directions=directions, at="every", **given)


def score(real: Tensor, fake: Tensor, **fields: Any) -> tuple[float, float]:
    found = metric(**fields)(*(Samples(images=x, features=x) for x in (real, fake)))
    return found["prd_f8"], found["prd_f1_8"]


def modes(counts: list[int], name: str) -> Tensor:
    """Tight groups of points, far apart on the line."""
    noise = 0.01 * RNG.normal(name, (sum(counts), 2))
    return noise + torch.repeat_interleave(torch.arange(float(len(counts))), torch.tensor(counts))[:, None]


def test_clusters_are_the_modes() -> None:
    real, fake = modes([50] * 4, "x"), modes([100, 100, 0, 0], "y")
    p, q = histograms(real.double().numpy(), fake.double().numpy(), 4, 10, 0)
    assert p.tolist() == [0.25] * 4
    assert sorted(q.tolist()) == [0.0, 0.0, 0.5, 0.5]
    assert score(real, fake) == pytest.approx((0.5039, 0.9848), abs=2e-4)
    assert score(real, modes([50] * 4, "z")) == pytest.approx((1.0, 1.0), abs=1e-3)


def test_the_curve_is_averaged_over_runs_of_which_each_has_its_seed() -> None:
    """More clusters than modes: k-means depends on its seed, and so does the score."""
    real, fake = RNG.normal("real", (200, 3)), RNG.normal("fake", (200, 3)) + 0.5
    one, other = (score(real, fake, clusters=20, runs=1, seed=seed) for seed in (0, 1))
    assert one != other
    both = score(real, fake, clusters=20, runs=2)
    assert both not in {one, other}
    assert all(min(pair) - 0.01 <= mean <= max(pair) for *pair, mean in zip(one, other, both, strict=True))


def test_order_does_not_matter() -> None:
    real, fake = RNG.normal("real", (200, 3)), RNG.normal("fake", (200, 3)) + 0.5
    turned = score(real.flip(0), fake[RNG.permutation("order", 200)], clusters=20)
    assert turned == pytest.approx(score(real, fake, clusters=20), rel=1e-12)


def test_sizes_are_checked() -> None:
    with pytest.raises(ConfigError, match="'prd_f8' needs 20 samples a side, not 19"):
        score(torch.zeros(19, 2), torch.zeros(30, 2), clusters=20)
    with pytest.raises(ConfigError, match="one size, not 30 real and 40 fake"):
        score(torch.zeros(30, 2), torch.zeros(40, 2), clusters=20)
