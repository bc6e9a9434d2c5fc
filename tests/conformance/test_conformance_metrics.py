"""Every metric, extractor and protocol in conf/: what scoring relies on."""

from __future__ import annotations

import dataclasses
import importlib
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from ganbench.errors import DataError
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import COMPONENTS

CONF = Path(__file__).parents[2] / "conf"
METRICS = sorted(p.stem for p in (CONF / "metric").glob("*.yaml"))
EXTRACTORS = sorted(p.stem for p in (CONF / "extractor").glob("*.yaml"))
PROTOCOLS = sorted(p.stem for p in (CONF / "protocol").glob("*.yaml"))
N = 64  # samples a side
RNG = Rng.of(0, "metrics")


def read(group: str, name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / group / f"{name}.yaml").read_text())  # type: ignore[no-any-return]


def build(node: dict[str, Any], **changes: Any) -> Any:
    fields = node | changes
    target = fields.pop("_target_")
    module, _, name = target.rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    assert COMPONENTS[target] is cls
    assert {field.name for field in dataclasses.fields(cls)} == fields.keys()
    return cls(**fields)


def cut(node: dict[str, Any], most: int, prefix: str = "") -> dict[str, Any]:
    """The fields that are counts, cut to what a test can wait for."""
    counts = {k: v for k, v in node.items() if type(v) is int and k.startswith(prefix)}
    return {name: min(count, most) for name, count in counts.items()}


def metric_of(name: str) -> Any:
    node = read("metric", name)
    return build(node, **cut(node, N))


@lru_cache
def support(space: str) -> tuple[Any, Tensor]:
    """The dataset of a known support on few points, and N of its test points."""
    node = read("dataset", space)["dataset"]
    dataset = build(node, **cut(node, 1000, prefix="n_"))
    return dataset, dataset.load().test[:N].float()


def samples(space: str, points: Tensor, makes: Tensor) -> Samples:
    """The points as images and as features, and a generator of certain points and their mixtures."""
    manifold = None if space in EXTRACTORS else support(space)[0]
    return Samples(
        images=points,
        features=points.flatten(1),
        manifold=manifold,
        generator=lambda z: (torch.softmax(20.0 * z, 1) @ makes.flatten(1)).unflatten(1, makes.shape[1:]),
        draw_latents=lambda address, n: 2.0 * RNG.uniform(address, (n, N)) - 1.0,
        clamp_latents=lambda z: z.clamp(-1.0, 1.0),
    )


def real_points(space: str) -> Tensor:
    return RNG.normal("real", (N, 12)) if space in EXTRACTORS else support(space)[1]


def far_points(space: str) -> Tensor:
    """As many points that have nothing to do with the real ones: noise images, or vectors elsewhere."""
    real = real_points(space)
    return RNG.uniform("far", tuple(real.shape)) if real.dim() == 4 else real + 10.0


def score(metric: Any, real: Tensor, fake: Tensor, makes: Tensor | None = None) -> dict[str, float]:
    """Score fakes whose generator makes them, or certain other points."""
    of_fake = samples(metric.space, fake, fake if makes is None else makes)
    return metric(samples(metric.space, real, real), of_fake)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_what_it_gives(name: str) -> None:
    metric = metric_of(name)
    values = score(metric, real_points(metric.space), far_points(metric.space))
    assert set(values) == set(metric.names)
    assert {bare.partition("@")[0] for bare in values} == set(metric.directions)
    assert set(metric.directions.values()) <= {"min", "max"}
    assert metric.at in {"every", "best_last"}
    assert metric.needs <= {"features", "generator", "manifold", "labels"}
    assert all(type(value) is float and math.isfinite(value) for value in values.values())


@pytest.mark.parametrize("name", METRICS)
def test_the_real_set_is_better_than_a_strange_one_and_no_worse_than_half_of_it(name: str) -> None:
    metric = metric_of(name)
    real, far = real_points(metric.space), far_points(metric.space)
    best, worst = score(metric, real, real), score(metric, real, far)
    half = score(metric, real, torch.cat([real[::2], far[1::2]]))
    for bare in metric.names:
        sign = {"min": 1.0, "max": -1.0}[metric.directions[bare.partition("@")[0]]]
        assert sign * best[bare] < sign * worst[bare], bare
        assert sign * best[bare] <= sign * half[bare] + 1e-6, bare


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    metric = metric_of(name)
    real = real_points(metric.space)
    fake = torch.cat([real[::2], far_points(metric.space)[1::2]])
    turned = score(metric, real.flip(0), fake[RNG.permutation("order", N)], makes=fake)
    assert turned == pytest.approx(score(metric, real, fake), rel=1e-4, abs=1e-6)


def shapes(extractor: Any) -> Tensor:
    """Images of the first shape that an extractor takes."""
    for shape in ((1, 28, 28), (3, 32, 32), (2,)):
        images = RNG.uniform("images", (40, *shape))
        try:
            extractor.features(images[:2])
        except DataError as error:
            refusal = error
        else:
            return images
    raise refusal


WITHOUT_WEIGHTS = [name for name in EXTRACTORS if read("extractor", name).get("weights") == ""]


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_an_extractor_without_weights_says_how_to_name_them(name: str) -> None:
    extractor = build(read("extractor", name))
    with pytest.raises(DataError, match=f"protocol.extractors.{name}.weights="):
        extractor.weights_hash()
    with pytest.raises(DataError, match=f"protocol.extractors.{name}.weights="):
        shapes(extractor)


@pytest.mark.parametrize("name", sorted(set(EXTRACTORS) - set(WITHOUT_WEIGHTS)))
def test_an_extractor_gives_rows_of_features(name: str) -> None:
    extractor = build(read("extractor", name))
    images = shapes(extractor)
    features = extractor.features(images)
    assert extractor.weights_hash()
    assert features.shape[0] == 40
    assert features.dim() == 2
    assert features.dtype == torch.float32
    assert not features.requires_grad
    assert torch.equal(features, extractor.features(images))
    torch.testing.assert_close(features.flip(0), extractor.features(images.flip(0)), rtol=1e-4, atol=1e-4)
    assert (features.std(0) > 0.0).any()


def members(protocol: dict[str, Any], group: str) -> dict[str, str]:
    """The metrics or extractors that a protocol's defaults list places, by their name in it."""
    prefix = f"/{group}@{group}s."
    entries = [entry for entry in protocol["defaults"] if isinstance(entry, dict)]
    pairs = [pair for entry in entries for pair in entry.items()]
    return {key.removeprefix(prefix): value for key, value in pairs if key.startswith(prefix)}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_names_keys_that_its_metrics_give(name: str) -> None:
    protocol = read("protocol", name)
    assert protocol["name"] == name
    assert protocol["split"] in {"train", "test"}
    metrics = [build(read("metric", file)) for file in members(protocol, "metric").values()]
    keys = []
    for metric in metrics:
        bare = [n.partition("@") for n in metric.names]
        keys += [f"{start}_{metric.space}{at}{threshold}" for start, at, threshold in bare]
    assert len(keys) == len(set(keys))
    every = [key for key in keys if key.partition("@")[0] in _at_every(metrics)]
    assert protocol["headline"] in keys
    assert protocol["curve"] in every
    assert protocol["select"] in every
    assert {m.space for m in metrics if "features" in m.needs} <= members(protocol, "extractor").keys()


def _at_every(metrics: list[Any]) -> set[str]:
    """Keys, without their @, of metrics scored at every checkpoint: what curves and selection need."""
    return {f"{n.partition('@')[0]}_{m.space}" for m in metrics if m.at == "every" for n in m.names}


def test_only_inceptions_distance_is_called_fid() -> None:
    built = [build(read("metric", name)) for name in METRICS]
    assert {metric.space for metric in built if "fid" in metric.directions} == {"inception"}
