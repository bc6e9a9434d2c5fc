"""Batches of a fixed size: a row's result does not depend on how a caller splits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench.metrics.batches import in_batches


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8])
def test_every_batch_is_full_and_rows_keep_their_order(n: int) -> None:
    seen: list[int] = []

    def network(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        return 2.0 * batch.double()

    rows = torch.arange(2.0 * n).reshape(n, 2).requires_grad_()
    out = in_batches(network, rows, 4)
    assert torch.equal(out, 2.0 * rows)
    assert out.dtype == torch.float32
    assert not out.requires_grad
    assert seen == [4] * -(-n // 4)


def test_splits_agree_bit_for_bit() -> None:
    weight = torch.randn(300, 200)
    rows = torch.randn(9, 300)
    whole = in_batches(lambda batch: batch @ weight, rows, 8)
    split = torch.cat([in_batches(lambda batch: batch @ weight, part, 8) for part in rows.split([1, 5, 3])])
    assert torch.equal(whole, split)
