"""Boundary distortion on tasks whose boundary is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.boundary_distortion import BoundaryDistortion
from ganbench.protocols import Samples
from ganbench.rng import Rng

DIRECTIONS = {"boundary_gap": "min", "boundary_accuracy": "max"}
METRIC = BoundaryDistortion(space="lenet28", directions=DIRECTIONS, at="every", l2=1e-4)
RNG = Rng.of(0, "boundary")


def annotated(points: Tensor) -> Samples:
    """The annotator says what side of 0 the first coordinate is on."""
    right = (points[:, 0] > 0.0).float()
    return Samples(images=points, features=points, probabilities=torch.stack([1.0 - right, right], 1))


def line(n: int = 2000) -> Tensor:
    """Points spread evenly over [−4, 4]."""
    return (8.0 * RNG.permutation("line", n).float()[:, None] + 4.0) / n - 4.0


def test_a_shifted_boundary_costs_the_points_between() -> None:
    """Fakes at −3 and 1 put the boundary at −1 by symmetry; real points between −1 and 0 are an eighth."""
    fake = torch.tensor([[-3.0], [1.0]]).repeat(500, 1)
    values = METRIC(annotated(line()), annotated(fake))
    assert values["boundary_accuracy"] == pytest.approx(7 / 8, abs=0.012)
    assert values["boundary_gap"] == pytest.approx(1 / 8, abs=0.015)


def test_right_class_shares_do_not_hide_a_turned_boundary() -> None:
    """Fakes keep to a diagonal on which x and y agree: the boundary becomes x + y = 0, wrong for a quarter."""
    real = 2.0 * RNG.uniform("square", (4000, 2)) - 1.0
    t = 2.0 * RNG.uniform("diagonal", (4000, 1)) - 1.0
    values = METRIC(annotated(real), annotated(torch.cat([t, t], 1)))
    assert values["boundary_accuracy"] == pytest.approx(0.75, abs=0.02)


def test_the_same_set_in_any_order_has_no_gap() -> None:
    real = RNG.normal("real", (300, 4))
    values = METRIC(annotated(real), annotated(real.flip(0)))
    assert values["boundary_gap"] == 0.0
    assert values == METRIC(annotated(real[RNG.permutation("turn", 300)]), annotated(real))


def test_another_sample_of_the_same_law_has_hardly_a_gap() -> None:
    values = METRIC(annotated(RNG.normal("real", (2000, 4))), annotated(RNG.normal("more", (2000, 4))))
    assert abs(values["boundary_gap"]) < 0.02
    assert values["boundary_accuracy"] > 0.97


def test_both_classifiers_train_on_as_many_samples() -> None:
    """On four fakes, and four real points: a hundredth of the points cannot be the reason for a gap of its size."""
    real = RNG.normal("real", (1000, 4))
    few = METRIC(annotated(real), annotated(RNG.normal("more", (4, 4))))
    all_of_it = METRIC(annotated(real), annotated(RNG.normal("more", (500, 4))))
    reference = [v["boundary_accuracy"] + v["boundary_gap"] for v in (few, all_of_it)]
    assert reference[0] < 0.95 < reference[1]


def test_one_class_is_the_only_answer() -> None:
    values = METRIC(annotated(line()), annotated(torch.ones(100, 1)))
    assert values["boundary_accuracy"] == pytest.approx(0.5, abs=0.03)


def test_what_was_learnt_by_heart_does_not_count() -> None:
    """Labels by chance are fitted in 300 dimensions, and guessed on the half that did not train."""
    real, labels = RNG.normal("real", (200, 300)), (RNG.uniform("labels", (200,)) < 0.5).float()
    chance = Samples(images=real, features=real, probabilities=torch.stack([1.0 - labels, labels], 1))
    values = METRIC(chance, chance)
    assert values["boundary_gap"] == 0.0
    assert values["boundary_accuracy"] == pytest.approx(0.5, abs=0.15)


def test_real_samples_that_are_all_one_stay_finite() -> None:
    same = annotated(torch.ones(20, 3))
    assert METRIC(same, same) == {"boundary_gap": 0.0, "boundary_accuracy": 1.0}
    torn = Samples(images=same.images, features=same.features, probabilities=torch.eye(2).repeat(10, 1))
    assert METRIC(torn, torn) == {"boundary_gap": 0.0, "boundary_accuracy": 0.5}


def test_nan_scores_nan_and_what_cannot_be_fitted_is_refused() -> None:
    real = annotated(RNG.normal("real", (20, 2)))
    broken = annotated(torch.full((20, 2), math.nan))
    assert all(map(math.isnan, METRIC(real, broken).values()))
    unsure = Samples(images=real.images, features=real.features, probabilities=torch.full((20, 2), math.nan))
    assert all(map(math.isnan, METRIC(real, unsure).values()))
    with pytest.raises(ConfigError, match="needs 2 samples a side, not 1"):
        METRIC(real, annotated(torch.ones(1, 2)))
    with pytest.raises(ConfigError, match="l2 above 0"):
        BoundaryDistortion(space="lenet28", directions=DIRECTIONS, at="every", l2=0.0)
