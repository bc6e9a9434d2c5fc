"""Polygon precision, recall and F1 of the search's protocol: generators with known scores."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import torch
import yaml

from ganbench.config import compose
from ganbench.datasets.polygons import Polygons
from ganbench.identity import protocol_id
from ganbench.metrics.polygons import PolygonF1, PolygonPrecision
from ganbench.nodes import resolve
from ganbench.protocols import Samples
from ganbench.rng import Rng

CONF = Path(__file__).resolve().parents[2] / "conf"
CLASSES = {"polygon_precision": PolygonPrecision, "polygon_f1": PolygonF1}
DELTAS = (0.75, 1.5, 3.0, 6.0)


def metric(name: str, **changes):
    node = yaml.safe_load((CONF / f"metric/{name}.yaml").read_text()) | changes
    node.pop("_target_")
    return CLASSES[name](**node)


@pytest.fixture(scope="module")
def data() -> Polygons:
    node = yaml.safe_load((CONF / "dataset/polygons.yaml").read_text())["dataset"]
    node.pop("_target_")
    return Polygons(**node | {"n_train": 3000, "n_test": 128, "n_holdout": 0})


class Known:
    """A manifold of one point: the image of zeros."""

    def squared_distance(self, samples: torch.Tensor) -> torch.Tensor:
        return samples.flatten(1).square().sum(1)


def generated(generator, images, latents) -> Samples:
    return Samples(
        images=images,
        generator=generator,
        draw_latents=latents,
        clamp_latents=lambda z: z.clamp(-1, 1),
    )


def short(**changes) -> PolygonF1:
    return metric("polygon_f1", **{"n_real": 64, "n_fake": 64, "pool": 64, "starts": 1, "steps": 3} | changes)


# ---- configuration


def test_the_searchs_protocol_keeps_its_name() -> None:
    """Scores are stored under it; another id would make them incomparable with new ones."""
    rules = resolve(compose(["protocol=polygons_fast"]).config)["protocol"]
    assert protocol_id(rules) == "polygons_fast-9aca1e4f"


@pytest.mark.parametrize("name", CLASSES)
def test_yaml_says_every_field(name):
    built, node = metric(name), yaml.safe_load((CONF / f"metric/{name}.yaml").read_text())
    cls = CLASSES[name]
    assert node.pop("_target_") == f"{cls.__module__}.{cls.__qualname__}"
    assert set(node) == {field.name for field in fields(cls)}
    assert built.deltas == DELTAS
    assert {bare.partition("@")[0] for bare in built.names} == set(built.directions)
    assert set(built.directions.values()) <= {"min", "max"}


def test_the_two_metrics_share_no_name():
    precision, f1 = metric("polygon_precision"), metric("polygon_f1")
    assert not set(precision.names) & set(f1.names)
    assert "precision@0.75" in precision.names
    assert "f1@3" in f1.names
    assert (precision.at, f1.at) == ("every", "best_last")
    assert (f1.n_real, f1.starts, f1.steps) == (256, 2, 200)
    assert "generator" in f1.needs
    assert "generator" not in precision.needs


# ---- precision


def test_precision_by_hand():
    images = torch.tensor([0.5, 1.0, 1.5, 3.0]).reshape(4, 1, 1, 1)  # squared: .25, 1, 2.25, 9
    real = Samples(images=images, manifold=Known())
    assert metric("polygon_precision")(real, Samples(images=images)) == {
        "distance": pytest.approx((1 + 2.25) / 2),
        "precision@0.75": 0.25,
        "precision@1.5": 0.5,
        "precision@3": 0.75,
        "precision@6": 0.75,
    }
    first = metric("polygon_precision", n_fake=1)(real, Samples(images=images))
    assert (first["distance"], first["precision@0.75"]) == (0.25, 1.0)


# ---- generators whose scores are known


def test_replay_of_the_training_images_is_perfect(data):
    train = data.load().train[:64]

    def replay(z: torch.Tensor) -> torch.Tensor:
        return train[(z[:, 0].detach() * 64).long().clamp(0, 63)] + 0 * z.sum()

    def every(address: str, n: int) -> torch.Tensor:
        return ((torch.arange(n) + 0.5) / 64).unsqueeze(1)

    scores = short()(Samples(images=train, manifold=data), generated(replay, train, every))
    assert scores == {name: 1.0 for delta in DELTAS for name in (f"recall@{delta:g}", f"f1@{delta:g}")}
    precision = metric("polygon_precision")(Samples(images=train, manifold=data), Samples(images=train))
    assert [precision[f"precision@{delta:g}"] for delta in DELTAS] == [1.0] * 4
    assert precision["distance"] == 0


def test_one_good_image_has_precision_and_hardly_any_recall(data):
    test = data.load().test
    images = test[:1].expand(64, -1, -1, -1)
    one = lambda z: test[:1].expand(len(z), -1, -1, -1) + 0 * z.sum()  # noqa: E731
    fake = generated(one, images, lambda address, n: Rng.of(0, address).uniform("z", (n, 4)))
    real = Samples(images=test, manifold=data)
    assert metric("polygon_precision")(real, fake)["precision@0.75"] == 1
    scores = short()(real, fake)
    distances = (test[:64] - test[:1]).square().sum((1, 2, 3))
    for delta in DELTAS:
        recall = (distances <= delta).double().mean().item()
        assert scores[f"recall@{delta:g}"] == recall < 0.2
        assert scores[f"f1@{delta:g}"] == pytest.approx(2 * recall / (1 + recall))
    assert scores["recall@0.75"] >= 1 / 64


def test_noise_has_no_precision_and_no_f1(data):
    test = data.load().test[:64]
    noise = Rng.of(1, "noise").uniform("x", (64, 1, 28, 28))

    def perfect(z: torch.Tensor) -> torch.Tensor:
        return test[(z[:, 0].detach() * 64).long().clamp(0, 63)] + 0 * z.sum()

    real = Samples(images=test, manifold=data)
    assert set(metric("polygon_precision")(real, Samples(images=noise)).values()) >= {0.0}
    assert metric("polygon_precision")(real, Samples(images=noise))["precision@6"] == 0
    every = generated(perfect, noise, lambda address, n: ((torch.arange(n) + 0.5) / 64).unsqueeze(1))
    scores = short()(real, every)
    assert scores["recall@6"] == 1
    assert scores["f1@6"] == 0, "perfect recall without precision"


def test_samples_without_their_generator_are_refused(data):
    test = data.load().test
    with pytest.raises(TypeError, match="generator"):
        short()(Samples(images=test, manifold=data), Samples(images=test))
