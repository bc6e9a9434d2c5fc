from __future__ import annotations

import math

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.rng import Rng

WITHIN_3_SD = 1.0 - math.exp(-4.5)  # of a Gaussian in the plane: 1 − exp(−3²/2)


@pytest.mark.parametrize("name", ["ring", "ring_hard", "grid"])
def test_sizes_types_and_labels(build, name):
    dataset = build(name)
    images = dataset.load()
    assert images.train.shape == (50_000, 2)
    assert images.test.shape == (10_000, 2)
    assert images.train.dtype == images.test.dtype == torch.float32
    nearest = torch.cdist(images.test, dataset.centers).argmin(1)
    assert (nearest == images.test_labels).all()  # modes are far apart beside their width


@pytest.mark.parametrize("name", ["ring", "ring_hard", "grid"])
def test_points_follow_the_density(build, name):
    dataset = build(name)
    images = dataset.load()
    share = (dataset.squared_distance(images.train) <= 9 * dataset.sd**2).float().mean().item()
    assert share == pytest.approx(WITHIN_3_SD, abs=4 * math.sqrt(WITHIN_3_SD * (1 - WITHIN_3_SD) / 50_000))
    noise = (images.train - dataset.centers[images.train_labels]) / dataset.sd
    assert noise.mean(0).abs().max().item() < 4 / math.sqrt(50_000)
    assert (torch.cov(noise.T) - torch.eye(2)).abs().max().item() < 4 * math.sqrt(2 / 50_000)
    counts = torch.bincount(images.train_labels).double()
    expected = 50_000 / len(dataset.centers)
    chi2 = ((counts - expected) ** 2 / expected).sum().item()
    freedom = len(dataset.centers) - 1
    assert len(counts) == len(dataset.centers)
    assert abs(chi2 - freedom) < 4 * math.sqrt(2 * freedom)


def test_centers(build):
    ring = build("ring").centers
    assert torch.allclose(ring[:2], torch.tensor([[math.sqrt(2), 0.0], [1.0, 1.0]]), atol=1e-6)
    assert torch.allclose(ring.norm(dim=1), torch.full((8,), math.sqrt(2)))
    assert torch.allclose(build("ring_hard").centers[2], torch.tensor([0.0, 2 / 1.414]), atol=1e-6)
    assert build("ring_hard").sd == 0.02 / 1.414
    line = [-4.0, -2.0, 0.0, 2.0, 4.0]
    grid = torch.tensor([[x, y] for x in line for y in line]) / 2.828
    assert torch.allclose(build("grid").centers, grid, atol=1e-6)
    assert build("grid").sd == 0.05 / 2.828


def test_squared_distance_is_to_the_nearest_centre(build):
    ring = build("ring", modes=4, radius=1.0)
    samples = torch.tensor([[1.0, 0.0], [0.0, -1.5], [3.0, 4.0], [0.0, 0.0]])
    by_hand = torch.tensor([0.0, 0.25, 3.0**2 + 3.0**2, 1.0])
    assert torch.allclose(ring.squared_distance(samples), by_hand, atol=1e-6)


def test_seeds_splits_and_fresh_points_differ(build):
    images, again, other = (build("ring", seed=seed).load() for seed in (0, 0, 1))
    assert torch.equal(images.train, again.train)
    assert images.content_hash == again.content_hash != other.content_hash
    assert not torch.equal(images.train, other.train)
    assert not torch.equal(images.train[:10_000], images.test)
    rng = Rng.of(3, "fresh")
    fresh = build("ring").draw(rng, 2000)
    assert fresh.shape == (2000, 2)
    assert torch.equal(fresh, build("ring").draw(rng, 2000))
    assert not torch.isin(fresh[:, 0], images.test[:, 0]).all()
    assert (build("ring").squared_distance(fresh) < 0.25).all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ring", {"modes": 0}),
        ("grid", {"side": 0}),
        ("ring", {"sd": 0.0}),
        ("ring", {"n_test": 0}),
        ("ring", {"image_shape": [3]}),
    ],
)
def test_settings_that_make_no_sense(build, name, change):
    with pytest.raises(ConfigError, match=f"dataset.{next(iter(change))}"):
        build(name, **change)
