"""Geometry Score on shapes whose holes are known."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import gudhi
import pytest
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics import geometry
from ganbench.metrics.geometry import GeometryScore, holes, living_times, mean_living_times
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(0, "geometry")
N = 600
FIELDS: dict[str, Any] = {
    "space": "pixels",
    "directions": {"geometry": "min"},
    "at": "best_last",
    "n_real": N,
    "n_fake": N,
    "landmarks": 32,
    "draws": 8,
    "gamma": 0.125 * 5000 / N,  # the authors' γ on toy shapes: an eighth
    "holes": 50,
    "seed": 0,
}
METRIC = GeometryScore(**FIELDS)


def circle(n: int, name: str = "circle") -> Tensor:
    angle = 2.0 * math.pi * RNG.uniform(name, (n,))
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * RNG.normal(f"{name} noise", (n, 2))


def disc(n: int) -> Tensor:
    radius = RNG.uniform("radius", (n, 1)).sqrt()
    angle = 2.0 * math.pi * RNG.uniform("disc", (n,))
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def circles(n: int) -> Tensor:
    return torch.cat([circle(n // 2, "left"), circle(n // 2, "right") + torch.tensor([3.0, 0.0])])


def times(points: Tensor) -> Tensor:
    given = {k: FIELDS[k] for k in ("landmarks", "draws", "gamma")}
    return mean_living_times(points, RNG, most=50, **given)


def score(real: Tensor, fake: Tensor) -> float:
    return METRIC(Samples(images=real, features=real), Samples(images=fake, features=fake))["geometry"]


def test_relative_living_times_by_hand() -> None:
    """Over [0, 10]: one hole in [1, 4), two in [4, 6), one in [6, 8), one from 9 on; else none."""
    intervals = torch.tensor([[1.0, 6.0], [4.0, 8.0], [9.0, math.inf]], dtype=torch.float64)
    assert living_times(intervals, 10.0, 4).tolist() == pytest.approx([0.2, 0.6, 0.2, 0.0], rel=1e-12)
    assert living_times(intervals, 10.0, 2).tolist() == pytest.approx([0.2, 0.6], rel=1e-12)
    assert living_times(torch.zeros(0, 2, dtype=torch.float64), 3.0, 3).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("end", [0.02, 0.1, 0.4])
def test_holes_are_those_of_the_full_table(end: float) -> None:
    """What is left out of the table of nearest landmarks decides nothing."""
    points = RNG.normal("points", (200, 3)).double()
    distances = torch.cdist(points, points[:20])
    near, landmark = distances.sort(1)
    table = [list(zip(i, d, strict=True)) for i, d in zip(landmark.tolist(), near.tolist(), strict=True)]
    tree = gudhi.WitnessComplex(table).create_simplex_tree(max_alpha_square=end, limit_dimension=2)
    tree.compute_persistence(homology_coeff_field=2)
    whole = sorted(map(tuple, tree.persistence_intervals_in_dimension(1).tolist()))
    assert len(whole) > 3
    assert sorted(map(tuple, holes(distances, end).tolist())) == whole


@pytest.mark.parametrize(
    ("points", "betti", "share"), [(circle(N), 1, 0.9), (disc(N), 0, 0.7), (circles(N), 2, 0.8)]
)
def test_shapes_have_their_number_of_holes(points: Tensor, betti: int, share: float) -> None:
    found = times(points)
    assert found.sum().item() == pytest.approx(1.0, rel=1e-9)
    assert found.argmax().item() == betti
    assert found[betti] > share


def test_the_score_tells_shapes_apart_and_not_samples_of_one() -> None:
    assert score(circle(N), circle(N, "other")) < 0.02
    assert score(circle(N), disc(N)) > 1.0
    assert score(circle(N), circles(N)) > 1.0


def test_the_same_set_in_any_order_scores_zero_wherever_it_lies() -> None:
    points = disc(300)
    assert score(points, points.flip(0)) == 0.0
    assert times(points.double() + 1e6).tolist() == pytest.approx(times(points).tolist(), abs=1e-3)


def test_copies_of_one_point_have_no_hole_and_few_points_are_enough() -> None:
    same = torch.full((40, 3), 0.1)
    assert times(same).tolist() == [1.0] + [0.0] * 49
    assert score(same, same) == 0.0
    assert math.isfinite(score(circle(3), same))


def test_both_sides_are_cut_to_one_size() -> None:
    many, few = disc(300), circle(150)
    alike = (METRIC._times(many, 150) - METRIC._times(few, 150)).square().sum().item()
    assert score(many, few) == score(few, many) == alike
    first = GeometryScore(**{**FIELDS, "n_real": 100, "n_fake": 50})
    both = first(Samples(images=many, features=many), Samples(images=few, features=few))["geometry"]
    assert both == score(many[:100], few[:50])


def test_nan_scores_nan_and_a_single_sample_is_refused() -> None:
    points = circle(20)
    assert math.isnan(score(points, torch.full((20, 2), math.nan)))
    with pytest.raises(ConfigError, match="needs 2 samples a side, not 1"):
        score(points, points[:1])
    with pytest.raises(ConfigError, match="gamma > 0"):
        GeometryScore(**{**FIELDS, "gamma": 0.0})


def test_without_gudhi_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.util.find_spec("gudhi") is not None
    monkeypatch.setattr(geometry, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'ganbench\[geometry\]'"):
        GeometryScore(**FIELDS)
