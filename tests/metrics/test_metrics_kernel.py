"""Kernel distance: by hand, closed forms, torch-fidelity, unbiasedness, conventions, the cached reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics import kernel
from ganbench.metrics.kernel import KernelDistance, mean_kernel, mean_within
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(9, "kernel")


def metric(**fields: Any) -> KernelDistance:
    given = {"degree": 3, "coef0": 1.0, "subsets": 0, "subset_size": 1000, "seed": 0} | fields
    return KernelDistance(space="pixels", directions={"kid": "min"}, at="every", **given)


def kid(real: Tensor, fake: Tensor, **fields: Any) -> float:
    return metric(**fields)(*(Samples(images=x, features=x) for x in (real, fake)))["kid"]


def test_values_by_hand() -> None:
    """One feature, k(x, y) = (xy + 1)³. Real 0, 1: k = 1; fake 1, 2: k = 27; across 1, 1, 8, 27: mean 9.25."""
    assert kid(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])) == pytest.approx(1 + 27 - 18.5)


def test_degree_and_coefficient_are_fields() -> None:
    """k(x, y) = xy / 2 + 3 over two features: ½ ‖mean difference‖² without the equal pairs' part."""
    x, y = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 3.0]])
    assert kid(x, y, degree=1, coef0=3.0) == pytest.approx(3.0 + (3.0 + 2.0) - 2.0 * (3.0 + 0.5))


def test_its_mean_kernel_between_independent_normals_is_the_closed_form() -> None:
    """E (x · y / d + 1)³ = 1 + 3 / d."""
    for d in (2, 10):
        pairs = [(RNG.normal(f"x{i}", (1000, d)), RNG.normal(f"y{i}", (1500, d))) for i in range(40)]
        mean = np.mean([mean_kernel(x, y, 3, 1.0) for x, y in pairs])
        assert mean == pytest.approx(1.0 + 3.0 / d, rel=0.015)


def draw(n: int, name: str, d: int = 32) -> Tensor:
    return RNG.normal(name, (n, d)).double()


def theirs(x: Tensor, y: Tensor, **options: Any) -> float:
    from torch_fidelity.metric_kid import kid_features_to_metric

    given = {"rng_seed": 5, "verbose": False} | options
    return float(kid_features_to_metric(x, y, **given)["kernel_inception_distance_mean"])


def test_the_whole_set_is_torch_fidelitys_one_subset_of_all() -> None:
    x, y = draw(300, "x"), 1.2 * draw(300, "y") + 0.3
    assert kid(x, y) == pytest.approx(theirs(x, y, kid_subsets=1, kid_subset_size=300), rel=1e-9)


def test_on_torch_fidelitys_subsets_it_is_torch_fidelitys(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = draw(300, "x"), 1.2 * draw(250, "y") + 0.3
    legacy = np.random.RandomState(5)
    chosen = lambda rng, name, n: torch.from_numpy(legacy.choice(n, 100, replace=False))  # noqa: E731
    monkeypatch.setattr(Rng, "permutation", chosen)
    monkeypatch.setattr(kernel, "canonical", lambda rows: torch.arange(len(rows)))
    expected = theirs(x, y, kid_subsets=7, kid_subset_size=100)
    assert kid(x, y, subsets=7, subset_size=100) == pytest.approx(expected, rel=1e-9)


def test_subsets_have_the_expectation_of_the_whole_set_and_their_own_seed() -> None:
    x, y = draw(400, "x"), draw(300, "y") + 0.5
    some = kid(x, y, subsets=60, subset_size=100)
    assert some == pytest.approx(kid(x, y), rel=0.05)
    assert some == kid(x.flip(0), y[RNG.permutation("order", 300)], subsets=60, subset_size=100)
    assert some != kid(x, y, subsets=60, subset_size=100, seed=1)


def test_two_samples_of_one_law_have_mean_zero() -> None:
    values = [kid(draw(100, f"a{i}", 8), draw(60, f"b{i}", 8)) for i in range(200)]
    assert min(values) < 0.0 < max(values)
    assert abs(np.mean(values)) < 3.0 * np.std(values) / np.sqrt(len(values))


def test_rows_in_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = draw(90, "x"), draw(70, "y") + 1.0
    before = kid(x, y)
    monkeypatch.setattr(kernel, "ROWS", 16)
    assert kid(x, y) == pytest.approx(before, rel=1e-12)


def test_subsets_larger_than_a_side_and_too_small_ones_are_refused() -> None:
    with pytest.raises(ConfigError, match="'kid' needs 50 samples a side, not 40"):
        kid(draw(60, "x"), draw(40, "y"), subsets=1, subset_size=50)
    with pytest.raises(ConfigError, match="subset_size 2 or more, not 1"):
        metric(subsets=1, subset_size=1)


def test_the_references_own_mean_is_kept_by_its_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    x, y = draw(30, "x"), draw(20, "y") + 1.0
    keyed = Samples(images=x, features=x, cache_key="reference")
    fake = Samples(images=y, features=y)
    first = metric()(keyed, fake)
    assert first == metric()(Samples(images=x, features=x), fake)
    moved = Samples(images=x, features=2.0 * x, cache_key="reference")
    across = mean_kernel(2.0 * x, y, 3, 1.0)
    kept = mean_within(x, 3, 1.0) + mean_within(y, 3, 1.0) - 2.0 * across
    assert metric()(moved, fake)["kid"] == pytest.approx(kept.item(), rel=1e-12)
    assert metric(coef0=0.5)(moved, fake)["kid"] == pytest.approx(kid(2.0 * x, y, coef0=0.5), rel=1e-12)
