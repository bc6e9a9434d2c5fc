"""Sets without an order, and numbers of the real side that are computed once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganbench.metrics.subsets import canonical, finite, of_real, subset
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(0, "subsets")
ROWS = RNG.normal("rows", (50, 2, 3))
TURN = RNG.permutation("turn", 50)


def test_the_canonical_order_is_that_of_the_set() -> None:
    assert sorted(canonical(ROWS).tolist()) == list(range(50))
    assert torch.equal(ROWS[canonical(ROWS)], ROWS[TURN][canonical(ROWS[TURN])])
    assert not torch.equal(canonical(ROWS), torch.arange(50))


def test_a_subset_is_addressed_and_blind_to_the_order() -> None:
    chosen = subset(ROWS, 10, RNG)
    assert torch.equal(chosen, subset(ROWS[TURN], 10, RNG))
    assert not torch.equal(chosen, subset(ROWS, 10, Rng.of(1, "subsets")))
    assert len(chosen.flatten(1).unique(dim=0)) == 10
    assert subset(ROWS, 99, RNG).shape == ROWS.shape


def test_finite_means_every_value_of_every_set() -> None:
    assert finite(ROWS, ROWS)
    assert not finite(ROWS, torch.tensor([0.0, torch.inf]))
    assert not finite(torch.tensor([torch.nan]), ROWS)


def test_numbers_of_the_real_side_are_kept_by_their_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    calls = []

    def compute() -> Tensor:
        calls.append(1)
        return torch.tensor([float(len(calls))])

    keyed, other = Samples(images=ROWS, cache_key="a"), Samples(images=ROWS, cache_key="b")
    assert of_real("metric", keyed, 10, compute).item() == 1.0
    assert of_real("metric", keyed, 10, compute).item() == 1.0
    assert of_real("metric", keyed, 11, compute).item() == 2.0
    assert of_real("metric", other, 10, compute).item() == 3.0
    assert of_real("another", keyed, 10, compute).item() == 4.0
    assert of_real("metric", Samples(images=ROWS), 10, compute).item() == 5.0
