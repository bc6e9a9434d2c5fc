"""The search for latents against least squares and against generators whose valleys are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy.optimize import lsq_linear
from torch import Tensor

from ganbench.metrics import manifold_inversion
from ganbench.metrics.manifold_inversion import descend, nearest_images, search
from ganbench.protocols import Samples
from ganbench.rng import Rng


def uniform(address: str, n: int) -> Tensor:
    return 2 * Rng.of(0, address).uniform("z", (n, 4)) - 1


def generated(
    generator: Callable[[Tensor], Tensor], latents: Callable[[str, int], Tensor] = uniform
) -> Samples:
    return Samples(
        images=torch.zeros(0),
        generator=generator,
        draw_latents=latents,
        clamp_latents=lambda z: z.clamp(-1, 1),
    )


@pytest.fixture
def linear() -> Tensor:
    """A generator's matrix [784, 4]."""
    return Rng.of(2, "matrix").normal("a", (784, 4)) / 5


def found(targets: Tensor, fake: Samples, steps: int = 200, *, pool: int = 16, starts: int = 1) -> Tensor:
    return search(targets, fake, pool=pool, starts=starts, lengths=(steps,), lr=0.05)[0]


def test_latents_of_a_linear_generator_are_found(linear: Tensor) -> None:
    targets = uniform("targets", 32) @ linear.T
    fake = generated(lambda z: z @ linear.T)
    assert found(targets, fake).max() < 1e-3
    assert found(targets, fake, 3).median() > 1, "three steps are too few"


def test_it_is_bounded_least_squares(linear: Tensor) -> None:
    targets = 1.5 * uniform("outside", 8) @ linear.T + 0.1 * Rng.of(4, "off").normal("x", (8, 784))
    distances = found(targets, generated(lambda z: z @ linear.T), 400)
    best = [2 * lsq_linear(linear.double().numpy(), t.double().numpy(), (-1, 1)).cost for t in targets]
    free = [2 * lsq_linear(linear.double().numpy(), t.double().numpy()).cost for t in targets]
    assert distances.tolist() == pytest.approx(best, rel=1e-3)
    assert sum(free) < 0.8 * sum(best), "the prior's support matters here"


def test_it_goes_where_no_gradient_is_asked_for(linear: Tensor) -> None:
    targets = uniform("targets", 4) @ linear.T
    weight = linear.clone().requires_grad_()
    with torch.no_grad():
        distances = found(targets, generated(lambda z: z @ weight.T))
    assert distances.max() < 1e-3
    assert weight.grad is None, "the generator is only read"
    assert not distances.requires_grad


def test_best_distance_seen_counts_even_if_the_search_runs_away(linear: Tensor) -> None:
    targets, start = uniform("targets", 8) @ linear.T, uniform("start", 8)
    before = (start @ linear.T - targets).square().sum(1)
    wild = descend(targets, start, lambda z: z @ linear.T, lambda z: z, steps=5, lr=100.0)
    assert torch.allclose(wild, before, rtol=1e-4)
    assert torch.allclose(
        descend(targets, start, lambda z: z @ linear.T, lambda z: z, steps=0, lr=1.0), before
    )


def test_every_start_is_searched() -> None:
    def generator(z: Tensor) -> Tensor:  # valleys at ±0.8; the positive one, nearer by, ends at 1
        return torch.cat([(z.square() - 0.64) * 3, (z > 0).float()], 1)

    fake = generated(generator, lambda address, n: torch.tensor([[0.7], [-0.3]]))
    one = found(torch.zeros(1, 2), fake, 200, pool=2)
    two = found(torch.zeros(1, 2), fake, 200, pool=2, starts=2)
    assert one.item() == pytest.approx(1.0, abs=1e-3)
    assert two.item() < 1e-4


def test_longer_searches_count_what_shorter_ones_found(linear: Tensor) -> None:
    targets, fake = uniform("targets", 8) @ linear.T, generated(lambda z: z @ linear.T)
    lengths = (100, 5, 0)
    distances = search(targets, fake, pool=16, starts=1, lengths=lengths, lr=0.05)
    assert distances.shape == (3, 8)
    assert torch.equal(distances[1], distances[0])
    assert torch.equal(distances[2], distances[0])
    rising = search(targets, fake, pool=16, starts=1, lengths=(0, 5, 100), lr=0.05)
    assert torch.equal(rising[2], distances[0])
    assert (rising.diff(dim=0) <= 0).all()
    alone = torch.stack([found(targets, fake, steps) for steps in (0, 5)])
    assert torch.equal(rising[:2], alone.cummin(0).values)


def test_blocks_do_not_change_what_is_found(linear: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    targets, fake = uniform("targets", 10) @ linear.T, generated(lambda z: z @ linear.T)
    whole = found(targets, fake, 20)
    monkeypatch.setattr(manifold_inversion, "BLOCK", 3)
    assert torch.allclose(found(targets, fake, 20), whole, rtol=1e-4, atol=1e-5)


def test_nearest_images_is_brute_force(linear: Tensor) -> None:
    latents, targets = uniform("pool", 50), uniform("targets", 6) @ linear.T
    order = [min(range(50), key=lambda j: float((latents[j] @ linear.T - t).square().sum())) for t in targets]
    index = nearest_images(targets, latents, lambda z: z @ linear.T, 3)
    assert index.shape == (3, 6)
    assert index[0].tolist() == order


def test_samples_without_their_generator_are_refused() -> None:
    with pytest.raises(TypeError, match="generator"):
        found(torch.zeros(1, 2), Samples(images=torch.zeros(1, 2)))
