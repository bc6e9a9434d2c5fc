"""What metrics of two sets share: refusals, NaN, counts."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.sets import check_balance, score_features, sizes
from ganbench.protocols import Samples

METRIC: Any = SimpleNamespace(names=("a", "b"))


def side(features: Tensor) -> Samples:
    return Samples(images=torch.empty(len(features)), features=features)


def means(x: Tensor, y: Tensor) -> dict[str, float]:
    return {"a": x.mean().item(), "b": y.mean().item()}


def test_both_sides_reach_the_score() -> None:
    found = score_features(METRIC, side(torch.zeros(2, 3)), side(torch.ones(4, 3)), means)
    assert found == {"a": 0.0, "b": 1.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", [0, 1])
def test_a_feature_that_is_not_finite_makes_every_name_nan(bad: float, where: int) -> None:
    sides = [torch.zeros(2, 3), torch.zeros(2, 3)]
    sides[where][1, 2] = bad
    found = score_features(METRIC, side(sides[0]), side(sides[1]), means)
    assert found.keys() == {"a", "b"}
    assert all(math.isnan(value) for value in found.values())


@pytest.mark.parametrize("counts", [(2, 3), (3, 2)])
def test_too_few_samples_are_one_line_that_names_the_setting(counts: tuple[int, int]) -> None:
    real, fake = (side(torch.zeros(n, 1)) for n in counts)
    with pytest.raises(ConfigError, match=r"^'a' needs 3 samples a side, not 2: raise protocol\.n_real.*$"):
        score_features(METRIC, real, fake, means, least=3)


def test_unequal_sizes_are_refused_where_they_must_be_equal() -> None:
    check_balance(METRIC, torch.zeros(3, 1), torch.zeros(3, 2))
    with pytest.raises(ConfigError, match="3 real and 2 fake"):
        check_balance(METRIC, torch.zeros(3, 1), torch.zeros(2, 1))


def test_counts_are_all_or_what_the_fields_say() -> None:
    assert sizes(METRIC, 70, 60) == (70, 60)
    some: Any = SimpleNamespace(n_real=50, n_fake=64)
    assert sizes(some, 70, 60) == (50, 60)
