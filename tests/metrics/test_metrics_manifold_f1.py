"""The published form of precision, recall and F1: by hand, with known manifolds, and what its protocol promises."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from torch import Tensor

from ganbench.config import compose
from ganbench.datasets.polygon_raster import rasterise
from ganbench.datasets.polygons import Polygons
from ganbench.errors import ConfigError
from ganbench.identity import protocol_id, training_config, trial_id
from ganbench.metrics.manifold_f1 import ManifoldF1, ManifoldPrecision
from ganbench.nodes import resolve
from ganbench.protocols import Samples

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
CLASSES = {"polygon_precision_final": ManifoldPrecision, "polygon_f1_final": ManifoldF1}
DELTAS = (0.375, 0.75, 1.5, 3.0, 6.0, 12.0)
SMALL = {"references": 2000, "n_fake": 64}


def metric(name: str, **changes: Any) -> Any:
    node = yaml.safe_load((CONF / f"metric/{name}.yaml").read_text()) | changes
    node.pop("_target_")
    return CLASSES[name](**node)


def rules(name: str) -> dict[str, Any]:
    protocol: dict[str, Any] = resolve(compose([f"protocol={name}"]).config)["protocol"]
    return protocol


def short(**changes: Any) -> Any:
    few = {"n_real": 64, "pool": 64, "starts": 1, "steps": 4, "polygon_starts": 1, "iterations": 2}
    return metric("polygon_f1_final", **SMALL | few | changes)


def precision(**changes: Any) -> Any:
    return metric("polygon_precision_final", **SMALL | changes)


def dataset(name: str = "polygons", **changes: Any) -> Polygons:
    node = yaml.safe_load((CONF / f"dataset/{name}.yaml").read_text())["dataset"]
    node.pop("_target_")
    return Polygons(**node | {"n_train": 2000, "n_test": 128, "n_holdout": 0} | changes)


@pytest.fixture(scope="module")
def data() -> Polygons:
    return dataset()


class Known:
    """A manifold of one point, the image of zeros, that notes how it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def squared_distance(self, samples: Tensor, **asked: Any) -> Tensor:
        self.asked = asked
        return samples.flatten(1).square().sum(1)


# ---- configuration


@pytest.mark.parametrize("name", CLASSES)
def test_yaml_says_every_field(name: str) -> None:
    built, node = metric(name), yaml.safe_load((CONF / f"metric/{name}.yaml").read_text())
    cls = CLASSES[name]
    assert node.pop("_target_") == f"{cls.__module__}.{cls.__qualname__}"
    assert set(node) == {field.name for field in fields(cls)}
    assert built.deltas == DELTAS
    assert {bare.partition("@")[0] for bare in built.names} == set(built.directions)
    assert built.manifold == "any_polygon"


def test_the_final_protocol_is_within_a_hundredth_of_converged_in_the_committed_study() -> None:
    """By its own starts against twice as many, its iterations against four times, for every generator and δ."""
    final, precision = metric("polygon_f1_final"), metric("polygon_precision_final")
    assert (final.n_real, final.n_fake, final.slope) == (1024, 1024, True)
    search = ("references", "polygon_starts", "iterations", "n_fake")
    assert [getattr(final, name) for name in search] == [getattr(precision, name) for name in search]
    study = pd.read_csv(ROOT / "benchmarks/results/polygon_convergence.csv")
    assert study["generator"].nunique() == 4
    scores = study.set_index(["knob", "value", "generator", "metric"])["score"].sort_index()
    for knob, more in (("polygon_starts", 2), ("iterations", 4)):
        ours = scores.loc[knob, getattr(final, knob)]
        missed = scores.loc[knob, more * getattr(final, knob)] - ours
        shares = missed[[name.startswith("precision@") for _, name in missed.index]]
        assert len(shares) == 4 * 5
        assert shares.between(0, 0.01).all()
    assert {final.steps, final.steps / 2} <= set(scores.loc["steps"].index.get_level_values("value"))


def test_protocols_differ_in_the_manifold_alone() -> None:
    final, strict = (rules(f"polygons_{name}") for name in ("final", "support"))
    for name in ("polygon_precision", "polygon_f1"):
        assert final["metrics"][name].pop("manifold") == "any_polygon"
        assert strict["metrics"][name].pop("manifold") == "support"
    assert {**strict, "name": "polygons_final"} == final


def test_the_manifold_is_the_protocols_choice_and_no_part_of_a_trial() -> None:
    for choice in ("any_polygon", "support"):
        overrides = [f"protocol.metrics.{m}.manifold={choice}" for m in ("polygon_precision", "polygon_f1")]
        config = resolve(
            compose(["model=ns_gan", "dataset=polygons", "protocol=polygons_final", *overrides]).config
        )
        assert trial_id(training_config(config), 0) == "f6d8a40e3d4c71e0"
        assert protocol_id(config["protocol"]) != protocol_id(rules("polygons_fast"))
    assert (
        protocol_id(config["protocol"]).partition("-")[2]
        == (protocol_id(rules("polygons_support") | {"name": "polygons_final"}).partition("-")[2])
    )
    assert protocol_id(rules("polygons_final")) != protocol_id(config["protocol"])


@pytest.mark.parametrize("cls", ["polygon_precision_final", "polygon_f1_final"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"manifold": "circle"}, "any_polygon.*support"),
        ({"area": [6.0, 0.75]}, "area"),
        ({"area": [0.0, 1.0]}, "area"),
        ({"area": [1.0]}, "area"),
    ],
)
def test_impossible_settings_are_named(cls: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        metric(cls, **change)


# ---- by hand


def test_precision_by_hand() -> None:
    images = torch.tensor([0.5, 1.0, 1.5, 3.0]).reshape(4, 1, 1, 1)  # squared: .25, 1, 2.25, 9
    manifold = Known()
    built = metric("polygon_precision_final", deltas=[0.375, 3.0], area=[1.0, 4.0])
    scores = built(Samples(images=images, manifold=manifold), Samples(images=images))
    two_of_four = 0.5 + 0.25 * torch.log2(torch.tensor(4 / 2.25)).item() / 2
    assert scores == {
        "distance": pytest.approx((1 + 2.25) / 2),
        "precision@0.375": 0.25,
        "precision@3": 0.75,
        "precision_area": pytest.approx(two_of_four),
    }
    asked = {"manifold": "any_polygon", "references": 60000, "starts": 8, "iterations": 8}
    assert manifold.asked == asked
    first = metric("polygon_precision_final", n_fake=1)(
        Samples(images=images, manifold=manifold), Samples(images=images)
    )
    assert (first["distance"], first["precision@0.375"]) == (0.25, 1.0)


def inverted(generator: Any, images: Tensor, latents: Any) -> Samples:
    return Samples(images=images, generator=generator, draw_latents=latents, clamp_latents=lambda z: z)


def test_recall_and_its_slope_by_hand() -> None:
    """Adam's first step is as long as the learning rate, 1: half of two steps ends at 1, all of them near 1.5."""
    targets = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    fake = inverted(lambda z: z.reshape(-1, 1, 1, 1), 0 * targets, lambda address, n: torch.zeros(n, 1))
    built = short(steps=2, lr=1.0, pool=2, deltas=[0.75, 3.0, 6.0], area=[0.75, 6.0])
    half, whole = built.inversion(targets, fake)
    assert half.tolist() == pytest.approx([0, 4], abs=1e-5)
    assert whole[0] == half[0], "what the shorter search found counts"
    assert 2.2 < whole[1] < 2.4
    scores = built(Samples(images=targets, manifold=Known()), fake)
    at = {0.75: (0.5, 0.0), 3: (1.0, 0.5), 6: (1.0, 0.0)}
    for delta, (recall, slope) in at.items():
        assert scores[f"recall@{delta:g}"] == recall
        assert scores[f"recall_slope@{delta:g}"] == slope
        assert scores[f"f1@{delta:g}"] == pytest.approx(2 * recall / (1 + recall))
    rise = math.log(6 / whole[1]) / math.log(6 / 0.75)
    assert scores["recall_area"] == pytest.approx(0.5 + 0.5 * rise)
    assert scores["f1_area"] == pytest.approx(2 / 3 + 1 / 3 * rise)


def test_without_a_slope_half_the_search_is_not_made() -> None:
    targets = torch.tensor([0.5, 3.0]).reshape(2, 1, 1, 1)
    calls = []

    def generator(z: Tensor) -> Tensor:
        calls.append(len(z))
        return z.reshape(-1, 1, 1, 1)

    fake = inverted(generator, 0 * targets, lambda address, n: torch.zeros(n, 1))
    counts = {}
    for slope in (True, False):
        calls.clear()
        scores = short(steps=8, pool=1, slope=slope)(Samples(images=targets, manifold=Known()), fake)
        counts[slope] = len(calls)
        assert ("recall_slope@3" in scores) == slope
    assert counts == {True: 1 + 9 + 5, False: 1 + 9}


# ---- known manifolds


def test_replay_is_perfect_and_noise_worthless(data: Polygons) -> None:
    train = data.load().train[:64]
    real = Samples(images=train, manifold=data)

    def replay(z: Tensor) -> Tensor:
        return train[(z[:, 0].detach() * 64).long().clamp(0, 63)] + 0 * z.sum()

    def every(address: str, n: int) -> Tensor:
        return ((torch.arange(n) + 0.5) / 64).unsqueeze(1)

    scores = short()(real, inverted(replay, train, every))
    assert {scores[f"{name}@{delta:g}"] for delta in DELTAS for name in ("recall", "f1")} == {1.0}
    assert {scores[f"recall_slope@{delta:g}"] for delta in DELTAS} == {0.0}
    assert scores["recall_area"] == pytest.approx(1.0)
    assert scores["f1_area"] == pytest.approx(1.0)
    noise = short()(real, inverted(replay, torch.rand(64, 1, 28, 28), every))
    assert noise["recall@6"] == 1
    assert {noise[f"f1@{delta:g}"] for delta in DELTAS} == {noise["f1_area"]} == {0.0}


def test_a_triangle_off_the_circle_is_any_triangle_and_not_in_the_support(data: Polygons) -> None:
    moved = torch.tensor([[[6.0, 6.0], [22.0, 8.0], [12.0, 22.0]]]).repeat(4, 1, 1)
    images = (rasterise(moved, 28, 8) / 64).unsqueeze(1)
    real = Samples(images=images, manifold=data)
    fake = Samples(images=images)
    free, named, strict = (
        precision(manifold=m)(real, fake) for m in ("any_polygon", "any_triangle", "support")
    )
    assert free["precision@0.375"] == 1
    assert strict["precision@12"] == 0
    assert named == free
    by_dataset = Samples(images=images, manifold=dataset(manifold="support"))
    assert precision()(by_dataset, fake) == free, "the metric's word counts"


@pytest.mark.parametrize("manifold", ["any_polygon", "support"])
def test_the_data_lie_on_both_manifolds(data: Polygons, manifold: str) -> None:
    test = data.load().test
    scores = precision(manifold=manifold)(Samples(images=test, manifold=data), Samples(images=test))
    assert scores["precision@0.75"] == 1
    assert scores["precision_area"] == pytest.approx(1.0)


def test_the_manifold_must_have_as_many_vertices() -> None:
    squares = dataset("squares")
    images = squares.load().test[:8]
    real, fake = Samples(images=images, manifold=squares), Samples(images=images)
    assert precision()(real, fake)["precision@3"] == 1
    with pytest.raises(ConfigError, match="4 vertices: set it to any_polygon, any_quadrilateral or support"):
        precision(manifold="any_triangle")(real, fake)
