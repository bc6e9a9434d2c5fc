"""Precision and recall over δ: curves and areas by hand and against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganbench.metrics.manifold import curve, harmonic, log_area, share_within
from ganbench.rng import Rng


def test_shares_and_harmonic_mean() -> None:
    assert share_within(torch.tensor([0.5, 1.0, 2.0, torch.nan]), 1.0) == 0.5
    assert harmonic(0.5, 1.0) == pytest.approx(2 / 3)
    assert harmonic(0.0, 1.0) == harmonic(1.0, 0.0) == harmonic(0.0, 0.0) == 0


def test_curve_by_hand() -> None:
    over = curve(torch.tensor([4.0, 1.0, 1.0, 9.0]), torch.tensor([2.0, 1.0]))
    assert over.deltas.tolist() == [1.0, 2.0, 4.0, 9.0]
    assert over.precision.tolist() == [0.5, 0.5, 0.75, 1.0]
    assert over.recall.tolist() == [0.5, 1.0, 1.0, 1.0]
    assert over.f1.tolist() == pytest.approx([0.5, 2 / 3, 6 / 7, 1.0])
    nothing = curve(torch.tensor([0.0]), torch.tensor([5.0]))
    assert nothing.f1.tolist() == [0.0, 1.0]


def test_curve_rises_to_one_and_is_the_share_within_every_delta() -> None:
    fake, real = (Rng.of(0, side).normal("d", (n,)).exp() for side, n in (("fake", 301), ("real", 97)))
    over = curve(fake, real)
    assert len(over.deltas) == 301 + 97
    for line in (over.deltas, over.precision, over.recall, over.f1):
        assert (line.diff() >= 0).all()
    assert over.precision[-1] == over.recall[-1] == over.f1[-1] == 1
    for delta in (0.3, 0.75, 1.5, 6.0):
        place = int(torch.searchsorted(over.deltas, delta, right=True)) - 1
        assert over.precision[place].item() == pytest.approx(share_within(fake, delta))
        assert over.recall[place].item() == pytest.approx(share_within(real, delta))


def test_what_is_no_number_lies_within_no_delta() -> None:
    over = curve(torch.tensor([1.0, torch.nan]), torch.tensor([2.0, torch.inf]))
    assert over.deltas.tolist() == [1.0, 2.0, torch.inf]
    assert over.precision.tolist() == [0.5, 0.5, 0.5]
    assert over.recall.tolist() == [0.0, 0.5, 1.0]
    assert curve(torch.tensor([torch.nan]), torch.tensor([torch.nan])).deltas.tolist() == []


def test_area_by_hand() -> None:
    step = torch.tensor([1.0])
    assert log_area(torch.tensor([2.0]), step, 1.0, 4.0) == pytest.approx(0.5)  # half of two octaves
    assert log_area(torch.tensor([0.0]), step, 1.0, 4.0) == pytest.approx(1.0)
    assert log_area(torch.tensor([4.0]), step, 1.0, 4.0) == 0.0
    two = log_area(torch.tensor([0.5, 2.0, 9.0]), torch.tensor([0.25, 0.75, 1.0]), 1.0, 4.0)
    assert two == pytest.approx((0.25 + 0.75) / 2)


def test_area_of_a_distribution_function_is_a_mean_of_the_distances() -> None:
    distances = 3 * Rng.of(1, "d").uniform("d", (200,)).square()
    over = curve(distances, distances)
    expected = np.mean([min(max(math.log(2.0 / d) / math.log(8.0), 0.0), 1.0) for d in distances.tolist()])
    assert log_area(over.deltas, over.precision, 0.25, 2.0) == pytest.approx(expected, rel=1e-6)
    fine = np.exp((np.arange(20000) + 0.5) / 20000 * math.log(8.0) + math.log(0.25))
    at = np.searchsorted(over.deltas.numpy(), fine, side="right")
    f1 = np.concatenate([[0.0], over.f1.numpy()])[at]
    assert log_area(over.deltas, over.f1, 0.25, 2.0) == pytest.approx(f1.mean(), rel=1e-3)
