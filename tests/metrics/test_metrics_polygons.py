"""Polygon precision, recall and F1: generators with known scores, the inversion against least squares."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import torch
import yaml
from scipy.optimize import lsq_linear

from ganbench.datasets.polygons import Polygons
from ganbench.metrics.polygons import PolygonF1, PolygonPrecision, descend, harmonic, nearest_images
from ganbench.protocols import Samples
from ganbench.rng import Rng

CONF = Path(__file__).resolve().parents[2] / "conf"
CLASSES = {"polygon_precision": PolygonPrecision, "polygon_f1": PolygonF1, "polygon_f1_final": PolygonF1}
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


def uniform(address: str, n: int, width: int = 4) -> torch.Tensor:
    return 2 * Rng.of(0, address).uniform("z", (n, width)) - 1


def generated(generator, images, latents=uniform) -> Samples:
    return Samples(
        images=images,
        generator=generator,
        draw_latents=latents,
        clamp_latents=lambda z: z.clamp(-1, 1),
    )


def short(**changes) -> PolygonF1:
    return metric("polygon_f1", **{"n_real": 64, "n_fake": 64, "pool": 64, "starts": 1, "steps": 3} | changes)


# ---- configuration


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
    final = metric("polygon_f1_final")
    assert (final.n_real, final.starts, final.steps) == (1024, 4, 800)
    assert "generator" in final.needs
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


def test_harmonic_mean():
    assert harmonic(0.5, 1.0) == pytest.approx(2 / 3)
    assert harmonic(0.0, 1.0) == harmonic(1.0, 0.0) == harmonic(0.0, 0.0) == 0


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
    fake = generated(lambda z: test[:1].expand(len(z), -1, -1, -1) + 0 * z.sum(), images)
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


# ---- inversion


@pytest.fixture
def linear() -> torch.Tensor:
    """A generator's matrix [784, 4]."""
    return Rng.of(2, "matrix").normal("a", (784, 4)) / 5


def test_inversion_recovers_the_latents_of_a_linear_generator(linear):
    targets = uniform("targets", 32) @ linear.T
    fake = generated(lambda z: z @ linear.T, targets)
    found = short(pool=16, steps=300).inversion(targets, fake)
    assert found.max() < 1e-3
    assert short(pool=16, steps=3).inversion(targets, fake).median() > 1, "three steps are too few"


def test_inversion_is_bounded_least_squares(linear):
    targets = 1.5 * uniform("outside", 8) @ linear.T + 0.1 * Rng.of(4, "off").normal("x", (8, 784))
    found = short(pool=16, steps=400).inversion(targets, generated(lambda z: z @ linear.T, targets))
    best = [2 * lsq_linear(linear.double().numpy(), t.double().numpy(), (-1, 1)).cost for t in targets]
    free = [2 * lsq_linear(linear.double().numpy(), t.double().numpy()).cost for t in targets]
    assert found.tolist() == pytest.approx(best, rel=1e-3)
    assert sum(free) < 0.8 * sum(best), "the prior's support matters here"


def test_inversion_goes_where_no_gradient_is_asked_for(linear):
    targets = uniform("targets", 4) @ linear.T
    weight = linear.clone().requires_grad_()
    with torch.no_grad():
        found = short(pool=16, steps=300).inversion(targets, generated(lambda z: z @ weight.T, targets))
    assert found.max() < 1e-3
    assert weight.grad is None, "the generator is only read"
    assert not found.requires_grad


def test_best_distance_seen_counts_even_if_the_search_runs_away(linear):
    targets, start = uniform("targets", 8) @ linear.T, uniform("start", 8)
    before = (start @ linear.T - targets).square().sum(1)
    wild = descend(targets, start, lambda z: z @ linear.T, lambda z: z, steps=5, lr=100.0)
    assert torch.allclose(wild, before, rtol=1e-4)
    assert torch.allclose(
        descend(targets, start, lambda z: z @ linear.T, lambda z: z, steps=0, lr=1.0), before
    )


def test_every_start_is_searched():
    def generator(z: torch.Tensor) -> torch.Tensor:  # valleys at ±0.8; the positive one, nearer by, ends at 1
        return torch.cat([(z.square() - 0.64) * 3, (z > 0).float()], 1)

    targets = torch.zeros(1, 2)
    fake = generated(generator, targets, lambda address, n: torch.tensor([[0.7], [-0.3]]))
    one = short(pool=2, starts=1, steps=200).inversion(targets, fake)
    two = short(pool=2, starts=2, steps=200).inversion(targets, fake)
    assert one.item() == pytest.approx(1.0, abs=1e-3)
    assert two.item() < 1e-4


def test_nearest_images_is_brute_force(linear):
    latents, targets = uniform("pool", 50), uniform("targets", 6) @ linear.T
    order = [min(range(50), key=lambda j: float((latents[j] @ linear.T - t).square().sum())) for t in targets]
    index = nearest_images(targets, latents, lambda z: z @ linear.T, 3)
    assert index.shape == (3, 6)
    assert index[0].tolist() == order


def test_samples_without_their_generator_are_refused(data):
    test = data.load().test
    with pytest.raises(TypeError, match="generator"):
        short()(Samples(images=test, manifold=data), Samples(images=test))
