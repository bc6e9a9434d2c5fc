"""The rasters against a brute-force point-in-polygon test and a numerical derivative."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from ganbench.datasets.polygon_raster import BLOCK, ramp_jacobian, rasterise


def random_polygons(n: int, vertices: int, size: float, seed: int) -> torch.Tensor:
    """Convex polygons on ellipses, counter-clockwise, some of them partly outside the frame."""
    rng = np.random.Generator(np.random.Philox(seed))
    angles = np.sort(rng.uniform(0, 2 * np.pi, (n, vertices)))
    axes, centre = rng.uniform(0.1, 0.7, (n, 1, 2)) * size, rng.uniform(0.2, 0.8, (n, 1, 2)) * size
    return torch.from_numpy(centre + axes * np.stack([np.cos(angles), np.sin(angles)], -1))


def brute_force(vertices: np.ndarray, size: int, r: int) -> np.ndarray:
    """White sub-pixels per pixel: a point is inside if it lies left of every edge."""
    grid = np.stack(np.mgrid[0 : size * r, 0 : size * r], axis=-1) / r
    edges = np.roll(vertices, -1, axis=0) - vertices
    left = [
        e[0] * (grid[..., 1] - a[1]) - e[1] * (grid[..., 0] - a[0]) > 0
        for a, e in zip(vertices, edges, strict=True)
    ]
    outside = 1.0 - np.all(left, axis=0)
    return ndimage.convolve(outside, np.ones((r, r)), mode="constant", cval=1.0)[::r, ::r]


@pytest.mark.parametrize(("size", "subpixels"), [(28, 8), (28, 5), (12, 1), (9, 15)])
@pytest.mark.parametrize("vertices", [3, 4, 7])
def test_exact_raster_is_brute_force(size, subpixels, vertices):
    polygons = random_polygons(12, vertices, size, seed=vertices)
    counts = rasterise(polygons, size, subpixels)
    expected = np.stack([brute_force(polygon, size, subpixels) for polygon in polygons.numpy()])
    assert counts.dtype == torch.uint8
    assert np.array_equal(counts.numpy(), expected)
    assert torch.equal(rasterise(polygons.flip(1), size, subpixels), counts), "either orientation"


def test_blocks_do_not_change_an_image():
    polygons = random_polygons(BLOCK + 3, 3, 28, seed=1)
    whole = rasterise(polygons, 28, 8)
    assert torch.equal(whole[-3:], rasterise(polygons[-3:], 28, 8))


def test_outside_the_frame_is_blank():
    away = torch.tensor(
        [[[40.0, 40.0], [50.0, 40.0], [45.0, 50.0]], [[10.0, 10.0], [10.0, 10.0], [10.0, 10.0]]]
    )
    assert (rasterise(away, 28, 8) == 64).all()


def ramp(vertices: torch.Tensor, size: int, centre: float) -> torch.Tensor:
    """The linear-ramp raster, pixel by pixel."""
    image = torch.ones(size, size, dtype=torch.float64)
    for i in range(size):
        for j in range(size):
            depths = []
            for a, b in zip(vertices, vertices.roll(-1, 0), strict=True):
                (y, x), (v, u) = (b - a).tolist(), (i + centre - float(a[0]), j + centre - float(a[1]))
                depths.append((y * u - x * v) / np.hypot(x, y))
            image[i, j] = 1 - min(max(0.5 + min(depths), 0), 1)
    return image


@pytest.mark.parametrize(("subpixels", "centre"), [(8, 1 / 16), (5, 0.0), (2, 1 / 4)])
def test_jacobian_is_the_slope_of_the_ramp_raster(subpixels, centre):
    polygon = torch.tensor([[2.13, 1.37], [9.61, 2.92], [7.17, 9.43], [2.71, 8.05]], dtype=torch.float64)
    slopes = ramp_jacobian(polygon.unsqueeze(0), 12, subpixels)[0]
    here, h = ramp(polygon, 12, centre), 1e-6
    for k in range(8):
        step = torch.zeros(8, dtype=torch.float64).index_fill(0, torch.tensor(k), h).reshape(4, 2)
        ahead, behind = ((ramp(polygon + s, 12, centre) - here) / h for s in (step, -step))
        smooth = (ahead + behind).abs() < 1e-3  # no kink between
        assert smooth.double().mean() > 0.97
        assert torch.allclose(slopes[:, k].reshape(12, 12)[smooth], ahead[smooth], atol=1e-4)
    assert slopes.abs().sum() > 10


def test_slopes_add_up_to_the_change_of_area():
    polygon = torch.tensor([[[4.0, 6.0], [22.0, 9.0], [11.0, 24.0]]], dtype=torch.float64)
    (a, b, c) = polygon[0]
    turned = torch.stack(
        [b - c, c - a, a - b]
    )  # ∂area/∂vertex is half the opposite edge, turned by a right angle
    by_area = torch.stack([turned[:, 1], -turned[:, 0]], 1) / 2
    total = ramp_jacobian(polygon, 28, 8).sum(1).reshape(3, 2)
    assert torch.allclose(total, -by_area, rtol=0, atol=1.0)  # a pixel at a corner slopes with one edge only
