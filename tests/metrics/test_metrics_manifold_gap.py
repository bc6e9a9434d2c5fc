"""The gap between training and test images: by hand, on generators and sets that memorise, and on honest ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from ganbench.batches import as_float
from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.instantiation import instantiate
from ganbench.metrics.manifold_gap import NearestGap, RecallGap, gap, within
from ganbench.nodes import resolve
from ganbench.protocols import Images, Samples
from ganbench.rng import Rng
from ganbench.scoring import Fakes, Scorer

CONF = Path(__file__).resolve().parents[2] / "conf"
CLASSES = {"recall_gap": RecallGap, "gap_pixels": NearestGap, "gap_lenet28": NearestGap}
Z, PIXELS = 8, 20


def metric(name: str, **changes: Any) -> Any:
    node = yaml.safe_load((CONF / f"metric/{name}.yaml").read_text()) | changes
    node.pop("_target_")
    return CLASSES[name](**node)


def short(**changes: Any) -> RecallGap:
    few = {"n_train": 200, "n_real": 200, "pool": 400, "steps": 30, "deltas": [0.05, 3.0]}
    return metric("recall_gap", **few | changes)  # type: ignore[no-any-return]


def points(address: str, n: int = 200) -> Tensor:
    """Points of one law: a curved surface of Z dimensions."""
    return surface(2 * Rng.of(0, address).uniform("z", (n, Z)) - 1)


def surface(z: Tensor) -> Tensor:
    return torch.sin(z @ Rng.of(1, "surface").normal("a", (Z, PIXELS)))


def generated(generator: Callable[[Tensor], Tensor]) -> Samples:
    return Samples(
        images=points("fakes"),
        generator=generator,
        draw_latents=lambda address, n: 2 * Rng.of(2, address).uniform("z", (n, Z)) - 1,
        clamp_latents=lambda z: z.clamp(-1, 1),
    )


def replaying(memory: Tensor) -> Callable[[Tensor], Tensor]:
    """A generator of nothing but these images: that whose key is nearest, fading into its neighbours."""
    keys = 2 * Rng.of(2, "inversion").uniform("z", (len(memory), Z)) - 1
    return lambda z: torch.softmax(-400 * (z[:, None] - keys).square().sum(2), 1) @ memory


@pytest.mark.parametrize("name", CLASSES)
def test_yaml_says_every_field(name: str) -> None:
    built, node = metric(name), yaml.safe_load((CONF / f"metric/{name}.yaml").read_text())
    assert node.pop("_target_") == f"{CLASSES[name].__module__}.{CLASSES[name].__qualname__}"
    assert set(node) == {field.name for field in fields(CLASSES[name])}
    assert {bare.partition("@")[0] for bare in built.names} == set(built.directions)
    assert built.unranked == {bare for bare in built.directions if bare.endswith("_se")}
    assert "train" in built.needs


def test_gap_and_its_error_by_hand() -> None:
    train, test = torch.tensor([True] * 6 + [False] * 2), torch.tensor([True, False, False, False])
    value, error = gap(train, test)
    assert value == 0.75 - 0.25
    assert error == pytest.approx(math.sqrt(0.7 * 0.3 / 10 + (1 / 3) * (2 / 3) / 6))
    sure = gap(torch.ones(1000, dtype=torch.bool), torch.zeros(1000, dtype=torch.bool))
    assert sure[0] == 1
    assert 0 < sure[1] < 0.002


def test_the_error_is_the_gaps_spread() -> None:
    draws = Rng.of(3, "spread").uniform("u", (2000, 150))
    found = [gap(row[:100] < 0.8, row[100:] < 0.3) for row in draws]
    gaps, errors = (torch.tensor(column, dtype=torch.float64) for column in zip(*found, strict=True))
    assert gaps.mean().item() == pytest.approx(0.5, abs=0.01)
    assert gaps.std().item() == pytest.approx(math.sqrt(0.16 / 100 + 0.21 / 50), rel=0.06)
    assert errors.mean().item() == pytest.approx(gaps.std().item(), rel=0.06)


# ---- by inversion


def test_a_generator_that_memorised_is_caught_and_an_honest_one_is_not() -> None:
    train, test = points("train"), points("test")
    real = Samples(images=test, train_images=train)
    memorised = short()(real, generated(replaying(train)))
    assert memorised["recall_gap@0.05"] > 0.95
    assert memorised["recall_gap@0.05"] > 20 * memorised["recall_gap_se@0.05"]
    other = short()(real, generated(replaying(test)))
    assert other["recall_gap@0.05"] < -0.95
    honest = short()(real, generated(surface))
    for delta in ("0.05", "3"):
        assert abs(honest[f"recall_gap@{delta}"]) < 2 * honest[f"recall_gap_se@{delta}"]


def test_only_the_first_images_of_either_side_are_searched_for() -> None:
    train, test = points("train"), points("test")
    fake = generated(replaying(train[:50]))
    whole = short()(Samples(images=test, train_images=train), fake)
    first = short(n_train=50, n_real=100)(Samples(images=test, train_images=train), fake)
    assert first["recall_gap@0.05"] > 0.9
    assert whole["recall_gap@0.05"] < 0.3
    cut = short(n_train=50, n_real=100)(Samples(images=test[:100], train_images=train[:50]), fake)
    assert first == cut


# ---- by nearest samples


def test_who_is_near_by_hand() -> None:
    rows, fakes = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.0], [3.0]])
    met = within(rows, fakes, torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64))
    assert met.tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_nearest_gap_by_hand() -> None:
    """Test images 0, 1, 3, 7 lie 1, 1, 2, 4 from one another: the median radius is 1.5."""
    test, train = torch.tensor([[0.0], [1.0], [3.0], [7.0]]), torch.tensor([[10.0], [20.0]])
    fakes = torch.tensor([[11.0], [19.0], [2.0], [90.0]])
    scores = metric("gap_pixels", quantiles=[0.5])(
        Samples(images=test, features=test, train_features=train), Samples(images=fakes, features=fakes)
    )
    assert scores["gap@0.5"] == 1.0 - 0.5  # both training images, and of the test images 1 and 3
    assert scores["gap_se@0.5"] == pytest.approx(math.sqrt(0.75 * 0.25 / 4 + 0.5 * 0.5 / 6))


def test_copies_are_caught_and_fresh_samples_are_not() -> None:
    train, test, fresh = (points(name, 500) for name in ("train", "test", "fresh"))
    real = Samples(images=test, features=test, train_features=train)

    def scores(fakes: Tensor) -> dict[str, float]:
        found: dict[str, float] = metric("gap_pixels")(real, Samples(images=fakes, features=fakes))
        return found

    replay, half, honest = scores(train), scores(torch.cat([train[:250], fresh[:250]])), scores(fresh)
    for q in (0.01, 0.1, 0.5):
        assert replay[f"gap@{q:g}"] == pytest.approx(1 - q, abs=0.07)
        assert half[f"gap@{q:g}"] == pytest.approx((1 - q) / 2, abs=0.1)
        assert abs(honest[f"gap@{q:g}"]) < 2 * honest[f"gap_se@{q:g}"]
    blurred = scores(torch.zeros(500, PIXELS))
    assert {blurred[f"gap@{q:g}"] for q in (0.01, 0.1)} == {0.0}, "poor samples are honest, too"


def test_samples_without_training_images_are_refused() -> None:
    test = points("test")
    with pytest.raises(TypeError, match="training images"):
        short()(Samples(images=test), generated(surface))
    with pytest.raises(TypeError, match="training images"):
        metric("gap_pixels")(Samples(images=test, features=test), Samples(images=test, features=test))


# ---- as scoring calls them


@pytest.fixture
def protocol() -> dict[str, Any]:
    overrides = ["+metric@protocol.metrics.gap=gap_pixels", "protocol.metrics.gap.quantiles=[0.01,0.5]"]
    sizes = ["protocol.n_real=400", "protocol.n_fake=400"]
    rules: dict[str, Any] = resolve(compose(["protocol=polygons_fast", *overrides, *sizes]).config)[
        "protocol"
    ]
    rules["metrics"] = {"gap": rules["metrics"]["gap"]}
    return rules


@pytest.fixture
def images() -> Images:
    overrides = ["dataset=polygons", "dataset.n_train=1000", "dataset.n_test=500", "dataset.n_holdout=0"]
    loaded: Images = instantiate(resolve(compose(overrides).config)["dataset"]).load()
    return loaded


def test_a_replay_of_the_training_set_is_caught_in_a_protocol(
    protocol: dict[str, Any], images: Images
) -> None:
    scorer = Scorer(protocol, None, images)
    order = scorer._rng.permutation("baseline", 1000)  # the baselines `replay` and `real`
    replay, fresh = (
        scorer.score(Fakes(images.train[part], None), None, ("best_last",))
        for part in (order[:400], order[-400:])
    )
    assert replay["gap_pixels@0.01"] > 0.95
    assert replay["gap_pixels@0.5"] > 0.4
    for q in ("0.01", "0.5"):
        assert abs(fresh[f"gap_pixels@{q}"]) < 2.5 * fresh[f"gap_se_pixels@{q}"]


def test_baselines_have_the_scores_of_the_best_and_last_checkpoint_too(
    protocol: dict[str, Any], images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = Scorer(protocol, None, images)
    monkeypatch.setattr(scorer, "generate", lambda *_: Fakes(as_float(images.train[:400]), None))
    found = scorer.baselines((None, None))  # type: ignore[arg-type]
    assert [*found] == ["real", "replay", "blank", "untrained"]
    assert {frozenset(scores) for scores in found.values()} == {frozenset(scorer.keys())}
    assert found["replay"]["gap_pixels@0.01"] > 0.95


def test_training_images_are_there_only_where_they_are_asked_for(
    protocol: dict[str, Any], images: Images
) -> None:
    scorer = Scorer(protocol, None, images)
    (built,) = scorer._metrics.values()
    real = scorer._real_samples(built)
    assert real.train_images is not None
    assert real.train_features is not None
    assert real.train_images.shape == real.images.shape == (400, 1, 28, 28)
    assert torch.equal(real.train_features, real.train_images.flatten(1))
    scorer._with_train, scorer._real = set(), {}
    assert scorer._real_samples(built).train_images is None


def test_a_reference_of_training_images_is_refused(protocol: dict[str, Any], images: Images) -> None:
    with pytest.raises(ConfigError, match=r"protocol\.split=test"):
        Scorer(protocol | {"split": "train"}, None, images)
