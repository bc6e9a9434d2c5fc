"""Every metric and protocol in conf/: what scoring relies on."""

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
from elsewhere import FAR, Far
from torch import Tensor

from ganbench.devices import placed
from ganbench.errors import ConfigError
from ganbench.metrics.sets import sizes
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import COMPONENTS

CONF = Path(__file__).parents[2] / "conf"
METRICS = sorted(p.stem for p in (CONF / "metric").glob("*.yaml"))
EXTRACTORS = sorted(p.stem for p in (CONF / "extractor").glob("*.yaml"))
PROTOCOLS = sorted(p.stem for p in (CONF / "protocol").glob("*.yaml"))
N = 32  # samples a side
FEATURES = 12
CLASSES = 4
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
    """A metric that N samples suffice for, and so few landmarks of them that holes show at a larger radius."""
    node = read("metric", name)
    small = {"landmarks": 12, "draws": 8, "gamma": 40.0}
    return build(node, **cut(node, N) | {k: v for k, v in small.items() if k in node})


@lru_cache
def support(space: str) -> tuple[Any, Tensor]:
    """The dataset of a known support on few points, and its first test points."""
    node = read("dataset", space)["dataset"]
    dataset = build(node, **cut(node, 1000, prefix="n_"))
    return dataset, dataset.load().test.float()


def picture(points: Tensor) -> Tensor:
    """Smooth 28x28 images of which each feature makes one wave; points of a known support stay as they are."""
    if points.dim() == 4 or points.shape[1] != FEATURES:
        return points
    grid = torch.linspace(0.0, 3.0, 28)
    waves = [torch.sin(grid * (i % 4) + i)[:, None] * torch.cos(grid * (i // 4) - i) for i in range(FEATURES)]
    return torch.sigmoid(torch.einsum("nf,fhw->nhw", points.float(), torch.stack(waves))).unsqueeze(1)


def samples(space: str, points: Tensor, makes: Tensor) -> Samples:
    """The points as features and as images, their classes, and a generator of certain points and their mixtures."""
    features = points.flatten(1)
    train = train_points(space)
    return Samples(
        images=picture(points),
        train_images=picture(train),
        train_features=train.flatten(1),
        features=features,
        probabilities=torch.softmax(4.0 * features[:, :CLASSES], 1),
        manifold=None if space in EXTRACTORS else support(space)[0],
        generator=lambda z: picture(
            (torch.softmax(20.0 * z, 1) @ makes.flatten(1)).unflatten(1, makes.shape[1:])
        ),
        draw_latents=lambda address, n: 2.0 * RNG.uniform(address, (n, len(makes))) - 1.0,
        clamp_latents=lambda z: z.clamp(-1.0, 1.0),
    )


def real_points(space: str, n: int = N) -> Tensor:
    return RNG.normal("real", (n, FEATURES)) if space in EXTRACTORS else support(space)[1][:n]


def train_points(space: str) -> Tensor:
    """Others of the law of the real points."""
    return RNG.normal("train", (N, FEATURES)) if space in EXTRACTORS else support(space)[1][-N:]


def far_points(space: str) -> Tensor:
    """As many points that have nothing to do with the real ones: one class, noise images, or vectors elsewhere."""
    if space in EXTRACTORS:
        return RNG.uniform("far", (N, FEATURES)) + 5.0 * torch.eye(FEATURES)[0]
    real = real_points(space)
    return RNG.uniform("far", tuple(real.shape)) if real.dim() == 4 else real + 10.0


def score(metric: Any, real: Tensor, fake: Tensor, makes: Tensor | None = None) -> dict[str, float]:
    """Score fakes whose generator makes them, or certain other points."""
    of_fake = samples(metric.space, fake, fake if makes is None else makes)
    return metric(samples(metric.space, real, real), of_fake)  # type: ignore[no-any-return]


def signs(metric: Any) -> dict[str, float]:
    """1 for names of which less is better, −1 for the others."""
    direction = {name: metric.directions[name.partition("@")[0]] for name in metric.names}
    return {name: {"min": 1.0, "max": -1.0}[way] for name, way in direction.items() if way != "none"}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_what_it_gives(name: str) -> None:
    metric = metric_of(name)
    values = score(metric, real_points(metric.space), far_points(metric.space))
    assert set(values) == set(metric.names)
    assert {bare.partition("@")[0] for bare in values} == set(metric.directions)
    assert set(metric.directions.values()) <= {"min", "max", "none"}
    assert metric.at in {"every", "best_last"}
    assert metric.needs <= {"features", "probabilities", "generator", "manifold", "labels", "train"}
    assert all(type(value) is float and math.isfinite(value) for value in values.values())


def compared(metric: Any, real: Tensor, others: list[Tensor]) -> set[str]:
    """The names that say how good fakes are beside the real samples; others describe fakes alone, or a score."""
    unranked = getattr(metric, "unranked", frozenset())
    ranked = {name for name in signs(metric) if name.partition("@")[0] not in unranked}
    if "manifold" in metric.needs:
        return ranked
    best = score(metric, real, real)
    elsewhere = [score(metric, other, real) for other in others]
    return {name for name in ranked if any(values[name] != best[name] for values in elsewhere)}


@pytest.mark.parametrize("name", METRICS)
def test_the_real_set_is_better_than_a_strange_one_and_no_worse_than_half_of_it(name: str) -> None:
    metric = metric_of(name)
    real, far = real_points(metric.space), far_points(metric.space)
    mixed = torch.cat([real[::2], far[1::2]])
    best, worst, half = (score(metric, real, fake) for fake in (real, far, mixed))
    sign = signs(metric)
    for bare in compared(metric, real, [far, mixed]):
        assert sign[bare] * best[bare] < sign[bare] * worst[bare], bare
        assert sign[bare] * best[bare] <= sign[bare] * half[bare] + 1e-6, bare


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    metric = metric_of(name)
    real = real_points(metric.space)
    fake = torch.cat([real[::2], far_points(metric.space)[1::2]])
    turned = score(metric, real.flip(0), fake[RNG.permutation("order", N)], makes=fake)
    assert turned == pytest.approx(score(metric, real, fake), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_how_many_samples_a_metric_uses_is_known_from_its_fields(name: str) -> None:
    """All it is given, or the first `n_real` and `n_fake`: what `sizes` says and every score is stamped with."""
    metric = metric_of(name)
    real, makes = real_points(metric.space, 2 * N), real_points(metric.space)
    used = sizes(metric, 2 * N, 2 * N)
    before = score(metric, real, real, makes=makes)
    for side, n in enumerate(used):
        sets = [real, real]
        sets[side] = torch.cat([real[:N], far_points(metric.space)])
        after = score(metric, *sets, makes=makes)
        if n == N:
            assert after == before
        elif side == 1 and "generator" not in metric.needs:
            assert after != before


@pytest.mark.parametrize("name", METRICS)
def test_samples_that_are_all_the_same_have_a_finite_score(name: str) -> None:
    metric = metric_of(name)
    real = real_points(metric.space)
    one = real[:1].expand_as(real).contiguous()
    for sides in ((real, one), (one, real), (one, one)):
        values = score(metric, *sides)
        assert all(math.isfinite(value) for value in values.values()), values


OF_FEATURES = [name for name in METRICS if metric_of(name).needs & {"features", "probabilities"}]


@pytest.mark.parametrize("name", OF_FEATURES)
def test_features_that_are_not_finite_give_nan_and_no_error(name: str) -> None:
    metric = metric_of(name)
    real = real_points(metric.space)
    bad = torch.cat([real[:-1], torch.full_like(real[-1:], math.nan)])
    assert all(math.isnan(value) for value in score(metric, real, bad).values())


@pytest.mark.parametrize("name", OF_FEATURES)
def test_a_single_sample_is_one_line_that_names_the_setting(name: str) -> None:
    metric = metric_of(name)
    one = real_points(metric.space)[:1]
    with pytest.raises(ConfigError, match=r"protocol\.n_fake") as caught:
        score(metric, one, one)
    assert "\n" not in str(caught.value)


def elsewhere(side: Samples) -> Samples:
    """The same samples on a device that is not the CPU, their generator too."""
    tensors = {f.name: getattr(side, f.name) for f in dataclasses.fields(side)}
    makes, draws = side.generator, side.draw_latents
    assert makes is not None
    assert draws is not None
    return dataclasses.replace(
        side,
        **{name: placed(value, FAR) for name, value in tensors.items() if isinstance(value, Tensor)},
        generator=lambda z: makes(z.cpu()).to(FAR),
        draw_latents=lambda address, n: draws(address, n).to(FAR),
    )


@pytest.mark.parametrize("name", METRICS)
def test_samples_may_lie_on_another_device(name: str) -> None:
    """What a metric does on the CPU on purpose it fetches there; nothing else meets what it is given."""
    metric = metric_of(name)
    real = real_points(metric.space)
    fake = torch.cat([real[::2], far_points(metric.space)[1::2]])
    sides = samples(metric.space, real, real), samples(metric.space, fake, fake)
    expected = pytest.approx(metric(*sides), rel=1e-6, abs=1e-9)
    with Far():
        far, fakes = map(elsewhere, sides)
        assert metric(far, fakes) == expected
        if not metric.needs & {
            "generator",
            "manifold",
        }:  # what was kept of the real side comes back on the CPU
            kept = dataclasses.replace(far, cache_key=f"another device, {name}")
            assert [metric(kept, fakes) for _ in range(2)] == [expected, expected]


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
    extracted = {m.space for m in metrics if m.needs & {"features", "probabilities"}}
    assert extracted <= members(protocol, "extractor").keys()


def _at_every(metrics: list[Any]) -> set[str]:
    """Keys, without their @, of metrics scored at every checkpoint: what curves and selection need."""
    return {f"{n.partition('@')[0]}_{m.space}" for m in metrics if m.at == "every" for n in m.names}


def test_only_inceptions_distance_is_called_fid() -> None:
    built = [build(read("metric", name)) for name in METRICS]
    assert {metric.space for metric in built if "fid" in metric.directions} == {"inception"}
