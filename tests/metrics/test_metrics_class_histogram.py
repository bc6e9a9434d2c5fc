"""Class histograms: values by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.class_histogram import ClassHistogram
from ganbench.protocols import Samples

METRIC = ClassHistogram(
    space="lenet28",
    directions={"class_tv": "min", "effective_classes": "max", "missing_classes": "min", "confidence": "max"},
    at="every",
    class_share=0.1,
)


def seen(counts: list[int], confidence: float = 0.7) -> Samples:
    """As many samples per class as are counted, each label given with one confidence."""
    classes = len(counts)
    labels = torch.repeat_interleave(torch.arange(classes), torch.tensor(counts))
    rest = (1.0 - confidence) / (classes - 1)
    p = torch.full((len(labels), classes), rest).scatter(1, labels[:, None], confidence)
    return Samples(images=p, probabilities=p)


def test_values_by_hand() -> None:
    """p = (.5, .25, .25, 0), q = (.5, .5, 0, 0): ½ (0 + .25 + .25), 2 of 2^1.5 effective classes, one is missing."""
    values = METRIC(seen([4, 2, 2, 0]), seen([3, 3, 0, 0], confidence=0.9))
    assert values["class_tv"] == pytest.approx(0.25, rel=1e-12)
    assert values["effective_classes"] == pytest.approx(2.0 / 2.0**1.5, rel=1e-12)
    assert values["missing_classes"] == 1.0
    assert values["confidence"] == pytest.approx(0.9, rel=1e-6)


def test_dropped_classes_cost_their_mass() -> None:
    """Six of ten classes left: total variation .4, six tenths of the classes, four missing."""
    values = METRIC(seen([10] * 10), seen([10] * 6 + [0] * 4))
    assert values["class_tv"] == pytest.approx(0.4, rel=1e-9)
    assert values["effective_classes"] == pytest.approx(0.6, rel=1e-9)
    assert values["missing_classes"] == 4.0


def test_a_class_is_missing_below_a_tenth_of_its_share() -> None:
    assert METRIC(seen([100, 100]), seen([190, 10]))["missing_classes"] == 0.0
    assert METRIC(seen([100, 100]), seen([191, 9]))["missing_classes"] == 1.0


def test_the_same_set_in_any_order_is_best() -> None:
    real = seen([5, 3, 2])
    assert isinstance(real.probabilities, Tensor)
    turned = Samples(images=real.images, probabilities=real.probabilities.flip(0))
    values = METRIC(real, turned)
    assert (values["class_tv"], values["effective_classes"], values["missing_classes"]) == (0.0, 1.0, 0.0)


def test_one_class_on_both_sides_is_finite() -> None:
    assert METRIC(seen([9, 0]), seen([5, 0]))["effective_classes"] == 1.0


def test_nan_scores_nan_and_a_single_sample_is_refused() -> None:
    broken = torch.tensor([[0.5, 0.5], [math.nan, 0.5]])
    values = METRIC(seen([2, 2]), Samples(images=broken, probabilities=broken))
    assert all(map(math.isnan, values.values()))
    with pytest.raises(ConfigError, match="needs 2 samples a side, not 1"):
        METRIC(seen([2, 2]), seen([1, 0]))
