"""Distance to the polygons: families against hand-computed geometry, the search against real data."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml

from ganbench.datasets import polygon_distance
from ganbench.datasets.polygon_distance import AnyPolygon, Support, area, nearest, refine
from ganbench.datasets.polygon_raster import rasterise
from ganbench.datasets.polygons import Polygons
from ganbench.errors import ConfigError
from ganbench.rng import Rng

DELTA = 0.75


def support(n: int = 3, *, full: bool = False) -> Support:
    return Support(n=n, min_angle=20.0, scale=0.75, size=28, full_rotation=full)


def draw(family: Support, total: int, seed: int = 0) -> torch.Tensor:
    return family.at(Rng.of(seed, "test").uniform("u", (total, family.n + 1)).double())


def noise(shape: tuple[int, ...]) -> torch.Tensor:
    return Rng.of(7, "noise").normal("noise", shape)


# ---- the support


def test_vertices_by_hand():
    q = support().at(torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]], dtype=torch.float64))
    assert torch.allclose(q[0].rad2deg(), torch.tensor([10.0, 130.0, 250.0, 0.0], dtype=torch.float64))
    assert q[1, 3].item() == pytest.approx(0.10966227)  # 2π degrees
    start = math.radians(10)  # an equilateral triangle: its mean is the circle's centre already
    angles = [start + k * 2 * math.pi / 3 for k in range(3)]
    expected = [[14 + 10.5 * math.cos(angle), 14 + 10.5 * math.sin(angle)] for angle in angles]
    assert torch.allclose(support().vertices(q[:1])[0], torch.tensor(expected, dtype=torch.float64))
    turned = support().vertices(q[1:])[0, 0] - 14
    assert math.atan2(turned[1], turned[0]) == pytest.approx(start - 0.10966227)


@pytest.mark.parametrize(("full", "bound"), [(False, 0.10966227), (True, 2 * math.pi)])
@pytest.mark.parametrize("n", [3, 4])
def test_geometry_of_the_study(n, full, bound):
    family = support(n, full=full)
    q = draw(family, 200_000)
    assert q[:, -1].min() >= 0
    assert 0.999 * bound < q[:, -1].max() <= bound
    angles = q[:, :-1]
    gaps = (angles.roll(-1, 1) - angles).remainder(2 * math.pi).rad2deg()
    assert 10 <= gaps.min() < 11, "neighbours are at least half of min_angle apart, and no more"
    vertices = family.vertices(q)
    assert torch.allclose(vertices.mean(1), torch.tensor(14.0, dtype=torch.float64))
    assert (area(vertices) > 0).all()
    assert vertices.min() >= 0
    assert vertices.max() <= 28


def test_smallest_area_by_hand():
    by_hand = 10.5**2 / 2 * sum(math.sin(math.radians(gap)) for gap in (10, 120, 230))
    assert support().min_area() == pytest.approx(by_hand)
    for n in (3, 4):
        areas = area(support(n).vertices(draw(support(n), 200_000)))
        assert support(n).min_area() <= areas.min() < support(n).min_area() * 1.4


def test_jacobian_is_the_derivative():
    q, h = draw(support(), 5), 1e-6
    for k in range(4):
        step = torch.zeros(4, dtype=torch.float64).index_fill(0, torch.tensor(k), h)
        numeric = (support().vertices(q + step) - support().vertices(q - step)) / (2 * h)
        assert torch.allclose(support().jacobian(q)[:, :, k], numeric.flatten(1), atol=1e-6)


@pytest.mark.parametrize("full", [False, True])
def test_projection_keeps_the_support_and_ends_in_it(full):
    family = support(full=full)
    lower, upper = family.bounds()
    q = draw(family, 500)
    assert torch.allclose(family.vertices(family.project(q)), family.vertices(q))
    outside = family.project(q + 0.5 * noise((500, 4)).double())
    assert ((outside[:, :3] >= lower[:3]) & (outside[:, :3] <= upper[:3])).all()
    assert full or ((outside[:, 3] >= 0) & (outside[:, 3] <= upper[3])).all()


# ---- any polygon


def test_what_any_polygon_is():
    square = [[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]]
    dart = [[1.0, 1.0], [5.0, 1.0], [2.0, 2.0], [1.0, 5.0]]
    bow_tie = [[1.0, 1.0], [5.0, 5.0], [5.0, 1.0], [1.0, 5.0]]
    candidates = torch.tensor([square, square[::-1], dart, bow_tie])
    assert AnyPolygon(size=28, min_area=16.0).contains(candidates).tolist() == [True, False, False, False]
    assert not AnyPolygon(size=28, min_area=16.1).contains(candidates).any()
    assert area(candidates).tolist() == [16.0, -16.0, 4.0, 0.0]
    assert AnyPolygon(size=28, min_area=1.0).contains(candidates).tolist() == [True, False, False, False]
    outside = torch.tensor([[-1.0, 29.0, 3.0]])
    assert AnyPolygon(size=28, min_area=0.0).project(outside).tolist() == [[0.0, 28.0, 3.0]]


# ---- the search


def test_nearest_is_brute_force():
    white = rasterise(support().vertices(draw(support(), 5000)), 28, 8).flatten(1)
    samples = rasterise(support().vertices(draw(support(), 40, seed=1)), 28, 8).flatten(1) / 64
    distances = torch.cdist(samples.double(), white.double() / 64)
    assert torch.equal(nearest(samples, white, 64), distances.argmin(1, keepdim=True))
    assert torch.equal(nearest(samples, white, 64, 5), distances.topk(5, largest=False).indices)
    assert nearest(samples, white[:3], 64, 3).sort().values.tolist() == [[0, 1, 2]] * 40


@pytest.mark.parametrize("n", [3, 4])
def test_refinement_undoes_a_displacement(n):
    target = support(n).vertices(draw(support(n), 200)).float()
    images = rasterise(target, 28, 8) / 64
    start = (target + 0.5 * noise(tuple(target.shape))).flatten(1)
    before = (rasterise(start.unflatten(1, (n, 2)), 28, 8) / 64 - images).square().sum((1, 2))
    after = refine(images, start, AnyPolygon(size=28, min_area=1.0), 8)
    assert before.median() > 3
    assert after.quantile(0.95) < 0.1
    assert (after <= before).all()


def test_refinement_stays_in_the_support():
    big = torch.tensor([[[2.0, 2.0], [26.0, 2.0], [14.0, 26.0]]])  # larger than any polygon on the circle
    image = rasterise(big, 28, 8) / 64
    q = draw(support(), 1).float()
    inside = support().vertices(q).flatten(1)
    assert refine(image, q, support(), 8) > 50
    assert refine(image, q, support(), 8) > refine(image, inside, AnyPolygon(size=28, min_area=15.0), 8)


def test_a_longer_search_never_ends_further_away():
    images = Rng.of(3, "uniform").uniform("x", (64, 28, 28))  # far from any polygon: many steps fail
    q = draw(support(), 64).float()
    last = torch.full((64,), math.inf)
    for iterations in range(6):
        distance = refine(images, q, support(), 8, iterations)
        assert (distance <= last).all()
        last = distance


def test_a_step_that_cannot_be_had_is_not_taken(monkeypatch):
    monkeypatch.setattr(polygon_distance, "DAMPING", 0.0)
    monkeypatch.setattr(polygon_distance, "DAMPING_MIN", 0.0)
    away = torch.tensor([[40.0, 40.0, 50.0, 40.0, 45.0, 50.0]])  # moves no pixel: the system is singular
    distance = refine(torch.zeros(1, 28, 28), away, AnyPolygon(size=99, min_area=1.0), 8)
    assert distance.item() == 784


def test_an_image_that_is_not_finite_does_not_stop_the_search():
    images = torch.full((1, 28, 28), torch.nan)
    q = draw(support(), 1).float()
    assert refine(images, q, support(), 8).isnan().all()


# ---- on the study's data


def dataset(name: str, **changes) -> Polygons:
    path = Path(__file__).resolve().parents[2] / f"conf/dataset/{name}.yaml"
    node = yaml.safe_load(path.read_text())["dataset"] | changes
    node.pop("_target_")
    return Polygons(**node)


@pytest.fixture(scope="module")
def full() -> Polygons:
    """The study's training set as references, fewer images for testing."""
    return dataset("polygons", n_test=512, n_holdout=0)


@pytest.fixture(scope="module")
def fresh(full):
    return full.load().test


def share(distances: torch.Tensor) -> float:
    return (distances <= DELTA).double().mean().item()


def unrefined(data: Polygons, samples: torch.Tensor) -> torch.Tensor:
    return data.squared_distance(samples, iterations=0)


def test_fresh_polygons_lie_on_the_manifold(full, fresh):
    by_reference, refined = unrefined(full, fresh), full.squared_distance(fresh)
    assert 0.96 < share(by_reference) < 1
    assert share(refined) == 1
    assert refined.quantile(0.98) < 0.05
    assert (refined <= by_reference).all()


def test_noise_is_told_from_sparse_references(full, fresh):
    noisy = fresh + 0.02 * noise(tuple(fresh.shape))  # adds 784 · 0.02² = 0.31 to the squared distance
    assert share(unrefined(full, noisy)) < 0.95
    refined = full.squared_distance(noisy)
    assert share(refined) == 1
    assert refined.median().item() == pytest.approx(784 * 0.02**2, rel=0.1)


@pytest.mark.parametrize("manifold", ["any_triangle", "support"])
def test_blank_mean_and_noise_are_far(full, fresh, manifold):
    blank, mean = torch.ones(1, 1, 28, 28), fresh.mean(0, keepdim=True)
    uniform = Rng.of(3, "uniform").uniform("x", (4, 1, 28, 28))
    distances = full.squared_distance(torch.cat([blank, mean, uniform]), manifold=manifold)
    assert distances[0] > 8, "the blank image is further than the widest δ, 6"
    assert distances[1] > 10
    assert (distances[2:] > 200).all()
    assert unrefined(full, blank) > 10


def off_centre() -> torch.Tensor:
    moved = torch.tensor([[[4.0, 4.0], [20.0, 5.0], [9.0, 18.0]]])
    return (rasterise(moved, 28, 8) / 64).unsqueeze(1)


@pytest.fixture(scope="module")
def small() -> Polygons:
    """Few references, for what needs no more."""
    return dataset("polygons", n_train=3000, n_test=128, n_holdout=0)


def test_support_is_the_stricter_manifold(small):
    moved, test = off_centre(), small.load().test
    strict = small.squared_distance(moved, manifold="support")
    assert strict > small.squared_distance(moved) + 1
    by_default = dataset("polygons", n_train=3000, n_test=128, n_holdout=0, manifold="support")
    assert by_default.squared_distance(moved) == strict
    assert by_default.squared_distance(moved, manifold="any_triangle") == small.squared_distance(moved)
    assert small.squared_distance(moved, manifold="any_polygon") == small.squared_distance(moved)
    assert share(small.squared_distance(test, manifold="support")) == 1


def test_more_starts_and_iterations_come_nearer(small):
    test = small.load().test[:63]
    noisy = torch.cat([test + 0.05 * noise((63, 1, 28, 28)), off_centre()])
    plain = small.squared_distance(noisy)
    longer = small.squared_distance(noisy, iterations=8)
    several = small.squared_distance(noisy, starts=4, iterations=8)
    assert (longer <= plain).all()
    assert (several <= longer).all()
    assert (several < longer).any()
    assert plain[-1] > 10 > small.squared_distance(noisy[-1:], iterations=32), "far from every reference"


def test_references_are_the_first_training_images(small):
    fresh = small.load().test[:64]
    few = small.squared_distance(fresh, references=500, iterations=0)
    fewer = dataset("polygons", n_train=500, n_holdout=0)
    assert torch.equal(few, fewer.squared_distance(fresh, iterations=0))
    assert few.mean() > unrefined(small, fresh).mean()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"references": 3001}, "3001 .*n_train=3000"),
        ({"references": 0}, "n_train=3000"),
        ({"starts": 5, "references": 4}, "polygon_starts"),
        ({"starts": 0}, "polygon_starts"),
        ({"manifold": "any_quadrilateral"}, "3 vertices: set it to any_polygon, any_triangle or support"),
    ],
)
def test_what_cannot_be_searched_is_named(small, asked, said):
    with pytest.raises(ConfigError, match=said):
        small.squared_distance(small.load().test[:2], **asked)


def test_quadrilaterals_have_their_own_manifold():
    squares = dataset("squares", n_train=5000, n_test=200, n_holdout=0)
    test = squares.load().test
    assert share(squares.squared_distance(test)) > 0.98
    assert share(unrefined(squares, test)) < 0.3
