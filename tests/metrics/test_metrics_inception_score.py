"""Inception Score: closed forms, torch-fidelity, splits, what it cannot see."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.inception_score import InceptionScore, inception_score
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(10, "inception score")


def score(p: Tensor, splits: int = 1, seed: int = 0) -> float:
    metric = InceptionScore(space="lenet28", directions={"is": "max"}, at="every", splits=splits, seed=seed)
    side = Samples(images=torch.empty(len(p)), probabilities=p)
    return metric(Samples(images=torch.empty(2)), side)["is"]


def test_one_sure_sample_per_class_scores_the_number_of_classes() -> None:
    assert score(torch.eye(10)) == pytest.approx(10.0, rel=1e-12)
    assert score(torch.eye(10).repeat(7, 1)) == pytest.approx(10.0, rel=1e-12)


def test_predictions_that_are_all_the_same_score_one() -> None:
    assert score(torch.full((20, 10), 0.1), splits=10) == pytest.approx(1.0, rel=1e-12)
    assert score(torch.eye(10)[:1].repeat(20, 1)) == pytest.approx(1.0, rel=1e-12)


def test_nearly_sure_predictions_have_their_closed_form() -> None:
    """.91 on one class and .01 on each other: exp(.91 ln 9.1 + .09 ln .1) = 6.06356."""
    p = torch.full((10, 10), 0.01, dtype=torch.float64) + 0.9 * torch.eye(10, dtype=torch.float64)
    expected = math.exp(0.91 * math.log(9.1) + 0.09 * math.log(0.1))
    assert score(p) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(6.06356, abs=5e-6)


@pytest.mark.parametrize("splits", [1, 10])
def test_on_torch_fidelitys_order_it_is_torch_fidelitys(splits: int) -> None:
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = 3.0 * RNG.normal("logits", (237, 12)).double()  # splits of unequal size
    theirs = isc_features_to_metric(logits, splits=splits, shuffle=True, rng_seed=2020)
    order = torch.from_numpy(np.random.RandomState(2020).permutation(237))
    ours = inception_score(logits.softmax(1)[order], splits)
    assert ours == pytest.approx(theirs["inception_score_mean"], rel=1e-9)


def test_splits_are_of_shuffled_samples_whatever_their_order() -> None:
    """Sorted by class each of ten consecutive parts would hold one class only and score 1."""
    p = torch.eye(10).repeat_interleave(100, 0)
    assert inception_score(p, 10) == pytest.approx(1.0)
    assert score(p, splits=10) > 8.0
    soft = RNG.normal("soft", (200, 10)).softmax(1)
    assert score(soft, splits=10) == score(soft.flip(0), splits=10)
    assert score(soft, splits=10) != score(soft, splits=10, seed=1)
    assert score(soft, splits=10) != score(soft)


def test_it_does_not_see_one_image_per_class() -> None:
    varied = torch.softmax(20.0 * RNG.normal("v", (1000, 10)), 1)
    classes = torch.eye(10)[varied.argmax(1)]
    assert score(classes) > score(varied)


def test_what_is_not_finite_is_nan_and_too_few_samples_are_refused() -> None:
    p = torch.eye(10)
    p[3, 3] = math.nan
    assert math.isnan(score(p))
    with pytest.raises(ConfigError, match="'is' needs 10 samples a side, not 9"):
        score(torch.eye(9), splits=10)
    with pytest.raises(ConfigError, match="'is' needs 2 samples a side, not 1"):
        score(torch.eye(1))
