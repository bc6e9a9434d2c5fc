"""Fréchet distance: closed forms, other libraries, deficient ranks, the cached reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics import cache, frechet
from ganbench.metrics.frechet import FrechetDistance, frechet_distance, statistics
from ganbench.protocols import Samples
from ganbench.rng import Rng

FD = FrechetDistance(space="pixels", directions={"fd": "min"}, at="every")


def draw(n: int, d: int, name: str = "x") -> Tensor:
    return Rng.of(7, "frechet").normal(name, (n, d)).double()


def white(n: int, d: int, name: str = "x") -> Tensor:
    """Points whose sample mean is exactly 0 and whose sample covariance is exactly the identity."""
    x = draw(n, d, name)
    x = x - x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / (n - 1))).T


def fd(real: Tensor, fake: Tensor) -> float:
    return frechet_distance(statistics(real), fake)


def test_shifted_and_scaled_gaussian_has_its_closed_form() -> None:
    """‖δ‖² + d (s − 1)² = 4 + 4 with d = 4, δ = (1, 1, 1, 1), s = 2."""
    assert fd(white(100, 4), 2.0 * white(300, 4, "y") + 1.0) == pytest.approx(8.0, rel=1e-12)


def test_commuting_covariances_have_their_closed_form() -> None:
    """Σ (√aᵢ − √bᵢ)² over diagonal covariances: (1 − 3)² + (2 − 2)² + (5 − 1)² = 20."""
    a, b = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([3.0, 2.0, 1.0])
    assert fd(white(50, 3) * a, white(80, 3, "y") * b) == pytest.approx(20.0, rel=1e-12)


def test_correlated_covariances_agree_with_scipys_matrix_root() -> None:
    x, y = draw(60, 6) @ draw(6, 6, "a"), draw(90, 6, "y") @ draw(6, 6, "b") + 0.3
    cov_x, cov_y = (np.cov(z.numpy(), rowvar=False) for z in (x, y))
    overlap = np.trace(scipy.linalg.sqrtm(cov_x @ cov_y)).real
    shift = ((x.mean(0) - y.mean(0)) ** 2).sum().item()
    assert fd(x, y) == pytest.approx(shift + np.trace(cov_x + cov_y) - 2.0 * overlap, rel=1e-9)


def test_agrees_with_torch_fidelity_on_the_same_features() -> None:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    x, y = draw(500, 64) @ draw(64, 64, "a"), draw(700, 64, "y") @ draw(64, 64, "b") + 0.1
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(x), fid_features_to_statistics(y), verbose=False
    )
    assert fd(x, y) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-9)


def test_fewer_samples_than_features_stay_finite_and_right() -> None:
    """The trace of the root is the nuclear norm of the product of the centred samples."""
    x, y = draw(30, 100) * 3.0, draw(20, 100, "y") + 0.2
    cx, cy = (z - z.mean(0) for z in (x, y))
    nuclear = np.linalg.svd((cx @ cy.T).numpy(), compute_uv=False).sum() / math.sqrt(29 * 19)
    traces = cx.square().sum().item() / 29 + cy.square().sum().item() / 19
    exact = (x.mean(0) - y.mean(0)).square().sum().item() + traces - 2.0 * nuclear
    assert fd(x, y) == pytest.approx(exact, rel=1e-6)
    root = scipy.linalg.sqrtm(np.cov(x.numpy(), rowvar=False) @ np.cov(y.numpy(), rowvar=False))
    assert fd(x, y) == pytest.approx(exact + 2.0 * (nuclear - np.trace(root).real), rel=1e-3)


def test_constant_features_leave_mean_and_trace() -> None:
    x = white(40, 5)
    assert fd(x, torch.full((10, 5), 2.0)) == pytest.approx(5.0 * 4.0 + 5.0, rel=1e-12)
    assert fd(torch.zeros(9, 3), torch.ones(4, 3)) == 3.0


def test_a_set_has_no_distance_to_itself_whatever_the_order_and_dtype() -> None:
    values = [fd(x, x.flip(0)) for x in (draw(200, 20, f"x{i}").float() for i in range(30))]
    assert min(values) >= 0.0  # rounding alone would make some of them negative
    assert max(values) < 1e-9


def test_it_is_symmetric_rotates_and_scales_with_the_square() -> None:
    x, y = draw(50, 8), 2.0 * draw(60, 8, "y") + 0.5
    turn = torch.linalg.qr(draw(8, 8, "q")).Q
    assert fd(y, x) == pytest.approx(fd(x, y), rel=1e-10)
    assert fd(x @ turn - 1.0, y @ turn - 1.0) == pytest.approx(fd(x, y), rel=1e-10)
    assert fd(3.0 * x, 3.0 * y) == pytest.approx(9.0 * fd(x, y), rel=1e-10)


def test_its_bias_is_the_known_one() -> None:
    """Two samples of N(0, I): 2d/n + d(d + 1)/(2n) = .015 at d = 10, n = 5000."""
    values = [fd(draw(5000, 10, f"a{i}"), draw(5000, 10, f"b{i}")) for i in range(20)]
    assert np.mean(values) == pytest.approx(0.015, rel=0.05)


def test_features_that_are_not_finite_give_nan() -> None:
    bad = draw(20, 3)
    bad[3, 1] = math.inf
    assert math.isnan(fd(draw(20, 3), bad))


def test_one_sample_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ConfigError, match=r"protocol\.n_fake"):
        fd(draw(20, 3), draw(1, 3))


def test_the_name_comes_from_directions_and_only_inception_is_fid() -> None:
    fid = FrechetDistance(space="inception", directions={"fid": "min"}, at="every")
    x = Samples(images=torch.empty(0), features=white(30, 2))
    assert set(fid(x, x)) == {"fid"}
    assert set(FD(x, x)) == {"fd"}
    with pytest.raises(ConfigError, match="only Inception's"):
        FrechetDistance(space="lenet28", directions={"fid": "min"}, at="every")
    with pytest.raises(ConfigError, match="one name"):
        FrechetDistance(space="lenet28", directions={"kid": "min"}, at="every")


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Samples:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    return Samples(images=torch.empty(0), features=white(30, 2), cache_key="reference")


def other(samples: Samples, key: str | None = "reference") -> Samples:
    """The same number of other features under a key."""
    assert samples.features is not None
    return Samples(images=samples.images, features=samples.features + 5.0, cache_key=key)


def test_a_reference_is_fitted_once_and_a_score_costs_one_eigvalsh(
    reference: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Samples(images=torch.empty(0), features=2.0 * white(30, 2, "y"))
    first = FD(reference, fake)
    calls = []
    monkeypatch.setattr(torch.linalg, "eigh", lambda x: calls.append("eigh"))
    eigvalsh = torch.linalg.eigvalsh
    monkeypatch.setattr(torch.linalg, "eigvalsh", lambda x: calls.append("eigvalsh") or eigvalsh(x))
    assert FD(reference, fake) == first
    assert calls == ["eigvalsh"]
    assert FD(other(reference), fake) == first  # the key speaks for the features


@pytest.mark.parametrize("change", ["extractor", "key", "no key", "dtype", "version"])
def test_another_reference_is_fitted_anew(
    change: str, reference: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Samples(images=torch.empty(0), features=white(30, 2, "y"))
    assert FD(reference, fake)["fd"] == pytest.approx(0.0, abs=1e-9)
    metric, moved = FD, other(reference)
    if change == "extractor":
        metric = FrechetDistance(space="lenet28", directions={"fd": "min"}, at="every")
    if change == "key":
        moved = other(reference, "another")
    if change == "no key":
        moved = other(reference, None)
    if change == "dtype":
        moved = Samples(images=moved.images, features=moved.features.float(), cache_key="reference")
    if change == "version":
        monkeypatch.setattr(frechet, "VERSION", "next")
    assert metric(moved, fake)["fd"] == pytest.approx(50.0, rel=1e-6)
    assert len(list(cache.folder().iterdir())) == (1 if change == "no key" else 2)


@pytest.mark.parametrize("n", [2, 5, 30, 63, 64, 65, 66])
def test_around_and_below_the_number_of_features_it_is_exact(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No larger matrix than n × n or F × F is decomposed; torch-fidelity rounds each zero eigenvalue's root to 1e-8."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    x, y = draw(300, 64), draw(n, 64, "y") + 0.1
    shapes, eigvalsh = [], torch.linalg.eigvalsh
    monkeypatch.setattr(torch.linalg, "eigvalsh", lambda x: shapes.append(x.shape[0]) or eigvalsh(x))
    cx, cy = (z - z.mean(0) for z in (x, y))
    nuclear = np.linalg.svd((cx @ cy.T).numpy(), compute_uv=False).sum() / math.sqrt(299 * (n - 1))
    traces = cx.square().sum().item() / 299 + cy.square().sum().item() / (n - 1)
    exact = (x.mean(0) - y.mean(0)).square().sum().item() + traces - 2.0 * nuclear
    assert fd(x, y) == pytest.approx(exact, rel=1e-12)
    assert shapes == [min(n, 64)]
    both = fid_features_to_statistics(x), fid_features_to_statistics(y)
    theirs = fid_statistics_to_metric(*both, verbose=False)["frechet_inception_distance"]
    assert fd(x, y) == pytest.approx(theirs, rel=1e-9 if n > 64 else 1e-7)


def test_real_features_that_are_not_finite_give_nan() -> None:
    bad = draw(20, 3)
    bad[3, 1] = math.nan
    both = Samples(images=torch.empty(0), features=bad), Samples(images=torch.empty(0), features=draw(20, 3))
    assert math.isnan(FD(*both)["fd"])
