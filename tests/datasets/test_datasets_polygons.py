"""The study's polygons: splits, identity, and images against the study's algorithm step by step."""

from __future__ import annotations

import hashlib
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy import ndimage

from ganbench.errors import ConfigError
from ganbench.rng import Rng

SMALL = {"n_train": 300, "n_test": 200, "n_holdout": 100}


def inside(vertices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Crossing number of points [P, 2] in a polygon [n, 2]."""
    odd = np.zeros(len(points), dtype=bool)
    for a, b in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        straddles = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = a[0] + (points[:, 1] - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
        odd ^= straddles & (points[:, 0] < at)
    return odd


def study_image(u: np.ndarray, min_angle: float = 20.0, turn: float = np.pi / 180) -> np.ndarray:
    """One image of the study's algorithm (study.md §4.4) from its uniforms: n angles, then the rotation."""
    n = len(u) - 1
    degrees = [i * 360 / n + min_angle / 2 + u[i] * (360 / n - min_angle / 2) for i in range(n)]
    angles = np.radians(degrees)
    square = (np.stack([np.cos(angles), np.sin(angles)], axis=1) + 1) / 2
    theta = u[n] * 2 * np.pi * turn
    rotated = square @ np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    vertices = rotated * 28 * 0.75
    vertices += 14 - vertices.mean(axis=0)
    grid = np.stack(np.mgrid[0:224, 0:224], axis=-1).reshape(-1, 2).astype(float)
    outside = 1.0 - inside(vertices * 8, grid).reshape(224, 224)
    return ndimage.convolve(outside, np.ones((8, 8)), mode="constant", cval=1.0)[::8, ::8] / 64


@pytest.mark.parametrize(("name", "vertices"), [("polygons", 3), ("squares", 4)])
def test_yaml_builds_the_study_sets(build, node, name, vertices):
    dataset = build(name)
    assert set(node(name)) - {"_target_"} == {field.name for field in fields(dataset)}
    assert (dataset.n_train, dataset.n_test, dataset.n_holdout) == (60000, 10000, 10000)
    assert (dataset.study_steps, dataset.study_every) == (20 * 50000 // 64, 3906)
    assert (dataset.vertices, dataset.image_shape) == (vertices, (1, 28, 28))


@pytest.mark.parametrize("name", ["polygons", "squares"])
@pytest.mark.parametrize(("full", "turn"), [(False, np.pi / 180), (True, 1.0)])
def test_images_are_those_of_the_study_algorithm(build, name, full, turn):
    dataset = build(name, **SMALL, full_rotation=full, seed=5)
    u = Rng.of(5, "polygons").uniform("parameters", (8, dataset.vertices + 1)).double().numpy()
    expected = np.stack([study_image(row, turn=turn) for row in u])
    assert np.array_equal(dataset.load().train[:8, 0].numpy(), expected.astype(np.float32))


def test_values_are_64ths_and_ink_is_the_area(build):
    dataset = build("polygons", **SMALL)
    images = dataset.load().train
    assert images.dtype == torch.float32
    assert torch.equal(images * 64, (images * 64).round())
    assert images.min() == 0
    assert images.max() == 1
    corners = images[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 1).all(), "the background is white"
    ink = (1 - images.double()).sum((1, 2, 3))
    radius, gaps = 28 * 0.75 / 2, _gaps(dataset, 300)
    area = radius**2 / 2 * torch.sin(gaps).sum(1)  # of a polygon on a circle, from its central angles
    assert (ink - area).abs().max() < 1.5
    assert (ink - area).mean().abs() < 0.1


def _gaps(dataset, n: int) -> torch.Tensor:
    """Central angles between neighbours, from the uniforms."""
    u = Rng.of(dataset.seed, "polygons").uniform("parameters", (n, dataset.vertices + 1)).double()
    k = dataset.vertices
    angles = torch.deg2rad(torch.arange(k) * 360 / k + 10 + u[:, :k] * (360 / k - 10))
    return (angles.roll(-1, 1) - angles).remainder(2 * torch.pi)


def test_splits(build):
    dataset = build("polygons", **SMALL)
    images, holdout = dataset.load(), dataset.holdout()
    assert [len(x) for x in (images.train, images.test, holdout)] == [300, 200, 100]
    rows = torch.cat([images.train, images.test, holdout]).flatten(1)
    assert len(rows.unique(dim=0)) == 600
    longer = build("polygons", n_train=300, n_test=250, n_holdout=0).load()
    assert torch.equal(longer.train, images.train)
    assert torch.equal(longer.test, torch.cat([images.test, holdout[:50]]))
    assert (images.train_labels, images.test_labels) == (None, None)


def test_first_ten_images_never_change(build):
    counts = (build("polygons", **SMALL).load().train[:10] * 64).to(torch.uint8)
    digest = hashlib.sha256(counts.numpy().tobytes()).hexdigest()
    assert digest == "bc4ddd04fc98793b962409402869b458e2d78fdf987b54146cf758dbc80fb80b"


def test_content_hash_follows_the_images(build):
    base = build("polygons", **SMALL).load()
    assert base.content_hash == build("polygons", **SMALL, manifold="support").load().content_hash
    others = [{"seed": 1}, {"full_rotation": True}, {"min_angle": 30.0}, {"scale": 0.7}, {"subpixels": 4}]
    hashes = {build("polygons", **SMALL, **change).load().content_hash for change in others}
    assert len(hashes | {base.content_hash}) == 6


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"vertices": 5}, "dataset.vertices"),
        ({"vertices": 4}, "dataset.manifold"),
        ({"manifold": "circle"}, "dataset.manifold"),
        ({"min_angle": 121.0}, "dataset.min_angle"),
        ({"scale": 0.0}, "dataset.scale"),
        ({"image_shape": [1, 28, 32]}, "dataset.image_shape"),
        ({"image_shape": [3, 28, 28]}, "dataset.image_shape"),
        ({"subpixels": 16}, "dataset.subpixels"),
    ],
)
def test_impossible_settings_are_named(build, change, setting):
    with pytest.raises(ConfigError, match=setting):
        build("polygons", **change)
