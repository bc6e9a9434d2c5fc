"""Neighbours by brute force: scipy's distances, sklearn's radii, equal points, small tiles, the cached reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from ganbench.metrics import neighbors
from ganbench.metrics.neighbors import balls, radii, reference_radii, tiles
from ganbench.protocols import Samples
from ganbench.rng import Rng


def draw(n: int, d: int, name: str = "x") -> Tensor:
    return Rng.of(4, "neighbors").normal(name, (n, d))


def whole(x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([distances for _, distances in tiles(x, y)])


def kth(x: Tensor, k: int) -> Tensor:
    """sklearn's radii, a point not its own neighbour."""
    found = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x.double().numpy()).kneighbors()
    return torch.from_numpy(np.ascontiguousarray(found[0][:, -1]))


def test_distances_are_scipys_far_from_the_origin_and_in_small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = draw(70, 6) + 100.0, draw(50, 6, "y") + 100.0
    exact = torch.from_numpy(cdist(x.double().numpy(), y.double().numpy(), "sqeuclidean"))
    torch.testing.assert_close(whole(x, y), exact, rtol=1e-11, atol=1e-11)
    monkeypatch.setattr(neighbors, "TILE", 333)
    parts = list(tiles(x, y))
    assert max(distances.numel() for _, distances in parts) <= 333
    assert torch.cat([torch.arange(70)[rows] for rows, _ in parts]).tolist() == list(range(70))
    torch.testing.assert_close(whole(x, y), exact, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_radii_are_sklearns(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.cat([draw(200, 8), draw(200, 8)[:30]])  # some points twice
    torch.testing.assert_close(radii(x, k).sqrt(), kth(x, k), rtol=1e-7, atol=1e-7)
    monkeypatch.setattr(neighbors, "TILE", 1000)
    torch.testing.assert_close(radii(x, k).sqrt(), kth(x, k), rtol=1e-7, atol=1e-7)


def test_a_distance_equals_a_radius_up_to_rounding_and_counts_by_the_rule() -> None:
    """Each point's k-th neighbour lies on the edge of its ball, wherever the points are."""
    for scale, shift in ((1.0, 0.0), (1e-3, 10.0), (1e3, -1e4)):
        x = draw(300, 64).double() * scale + shift
        edge = radii(x, 4)
        open_ball = torch.cat([d <= edge for _, d in balls(x, x, inclusive=False)])
        closed_ball = torch.cat([d <= edge for _, d in balls(x, x, inclusive=True)])
        assert open_ball.sum(0).tolist() == [4] * 300  # itself and three neighbours
        assert closed_ball.sum(0).tolist() == [5] * 300


def test_equal_points_have_radius_zero_and_lie_in_closed_balls_only() -> None:
    x = torch.full((5, 3), 0.1)
    assert radii(x, 2).tolist() == [0.0] * 5
    assert torch.cat([d <= 0.0 for _, d in balls(x, x, inclusive=True)]).all()
    assert not torch.cat([d <= 0.0 for _, d in balls(draw(4, 3), draw(4, 3), inclusive=False)]).any()


def test_the_references_radii_are_kept_by_key_space_and_k(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    x, y = draw(20, 3), draw(20, 3, "y")
    keyed = Samples(images=x, cache_key="reference")
    assert torch.equal(reference_radii(keyed, x, "lenet28", 2), radii(x, 2))
    assert torch.equal(reference_radii(keyed, y, "lenet28", 2), radii(x, 2))  # the key speaks for them
    assert torch.equal(reference_radii(keyed, y, "lenet28", 1), radii(y, 1))
    assert torch.equal(reference_radii(keyed, y, "pixels", 2), radii(y, 2))
    assert torch.equal(reference_radii(Samples(images=y), y, "lenet28", 2), radii(y, 2))
