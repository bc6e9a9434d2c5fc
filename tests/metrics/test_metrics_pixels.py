"""The sample itself as features."""

from __future__ import annotations

import pytest
import torch

from ganbench.errors import DataError
from ganbench.metrics.pixels import Pixels


def test_images_are_flattened_and_vectors_stay() -> None:
    x = torch.arange(24.0).reshape(2, 3, 2, 2) / 24.0
    assert torch.equal(Pixels().features(x), x.reshape(2, 12))
    assert torch.equal(Pixels().features(torch.tensor([[1.5, -2.0]])), torch.tensor([[1.5, -2.0]]))
    assert Pixels().features(x.double()).dtype == torch.float32


def test_bytes_are_refused() -> None:
    with pytest.raises(DataError, match="divide by 255"):
        Pixels().features(torch.zeros(2, 1, 4, 4, dtype=torch.uint8))


@pytest.mark.parametrize(
    "samples",
    [torch.full((2, 3, 4, 4), 255.0), torch.full((2, 3, 4, 4), torch.nan), torch.full((2, 2), torch.inf)],
)
def test_values_that_are_no_samples_are_refused(samples: torch.Tensor) -> None:
    with pytest.raises(DataError, match=r"^pixels.*(NaN|in \[0, 1\])"):
        Pixels().features(samples)


def test_no_weights_have_a_fixed_word() -> None:
    assert Pixels().weights_hash() == "none"
