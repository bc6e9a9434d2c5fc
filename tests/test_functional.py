"""Networks as pure functions: initial values by name, batch and standing statistics."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from ganbench.functional import Functional, functional
from ganbench.networks.layers import BatchNorm, Linear
from ganbench.networks.mlp import Generator
from ganbench.rng import Rng

GENERATOR = Generator(image_shape=(2,), latent_dim=3, hidden=4)


class Pair(nn.Module):
    """Two layers that may be registered in either order."""

    def __init__(self, *, swapped: bool) -> None:
        super().__init__()
        for name in ("b", "a") if swapped else ("a", "b"):
            self.add_module(name, Linear(3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x))


@dataclass(frozen=True)
class PairNetwork:
    swapped: bool

    def build(self) -> nn.Module:
        return Pair(swapped=self.swapped)


@dataclass(frozen=True)
class Plain:
    """One norm between fixed layers: its inputs are the network's."""

    def build(self) -> nn.Module:
        return nn.Sequential(BatchNorm(3), nn.ReLU())


@dataclass(frozen=True)
class Single:
    def build(self) -> nn.Module:
        return Linear(2, 2)


def test_initial_values_have_every_parameters_name_and_shape() -> None:
    params = functional(GENERATOR).init(Rng.of(0))
    expected = {name: tuple(p.shape) for name, p in GENERATOR.build().named_parameters()}
    assert {name: tuple(value.shape) for name, value in params.items()} == expected
    assert all(value.device.type == "cpu" for value in params.values())
    assert set(Functional(Single()).init(Rng.of(0))) == {"weight", "bias"}


def test_initial_values_are_addressed_by_name_not_by_order() -> None:
    one, other = (Functional(PairNetwork(swapped=flag)).init(Rng.of(5)) for flag in (False, True))
    assert list(one) != list(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["a.weight"], one["b.weight"])
    assert not torch.equal(
        one["a.weight"], Functional(PairNetwork(swapped=False)).init(Rng.of(6))["a.weight"]
    )


def test_initial_values_of_lanes_equal_solo_bit_for_bit() -> None:
    apply = functional(GENERATOR)
    packed = torch.vmap(apply.init)(Rng.stack([Rng.of(1), Rng.of(2)]))
    for lane, seed in enumerate((1, 2)):
        assert all(torch.equal(packed[name][lane], value) for name, value in apply.init(Rng.of(seed)).items())


def test_the_function_is_that_of_the_module() -> None:
    params, x = functional(GENERATOR).init(Rng.of(0)), torch.randn(6, 3)
    module = GENERATOR.build().train()
    module.load_state_dict(params, strict=False)
    torch.testing.assert_close(functional(GENERATOR)(params, x), module(x))


def test_standing_statistics_average_mean_and_biased_variance_over_batches() -> None:
    apply = Functional(Plain())
    batches = torch.tensor([[[0.0, 1.0, 2.0], [2.0, 1.0, 4.0]], [[4.0, 0.0, 0.0], [8.0, 6.0, 0.0]]])
    standing = apply.standing(apply.init(Rng.of(0)), batches)
    assert standing["0.mean"].tolist() == [(1 + 6) / 2, (1 + 3) / 2, (3 + 0) / 2]
    assert standing["0.var"].tolist() == [(1 + 4) / 2, (0 + 9) / 2, (1 + 0) / 2]
    assert standing.keys() == {"0.mean", "0.var"}


def test_standing_statistics_of_images_are_per_channel() -> None:
    apply = Functional(Plain())
    batches = torch.randn(2, 5, 3, 4, 4)
    standing = apply.standing(apply.init(Rng.of(0)), batches)
    torch.testing.assert_close(standing["0.mean"], batches.mean(dim=(0, 1, 3, 4)))
    torch.testing.assert_close(standing["0.var"], batches.var(dim=(1, 3, 4), correction=0).mean(0))


def test_standing_statistics_of_inner_norms_see_normalised_inputs() -> None:
    """Every norm sees what it sees in training: the first one's input is that of a linear layer."""
    apply = functional(GENERATOR)
    params, latents = apply.init(Rng.of(0)), torch.randn(1, 50, 3)
    standing = apply.standing(params, latents)
    hidden = latents[0] @ params["0.weight"].T + params["0.bias"]
    torch.testing.assert_close(standing["1.mean"], hidden.mean(0))
    torch.testing.assert_close(standing["1.var"], hidden.var(0, correction=0))
    assert standing.keys() == {"1.mean", "1.var", "4.mean", "4.var"}


def test_sampling_uses_standing_statistics_or_else_the_batchs() -> None:
    apply = Functional(Plain())
    params = {"0.weight": torch.full((3,), 2.0), "0.bias": torch.ones(3)}
    standing = {"0.mean": torch.ones(3), "0.var": torch.full((3,), 3.999)}
    x = torch.tensor([[3.0, 1.0, -9.0]])
    torch.testing.assert_close(apply.sample(params, standing, x), torch.tensor([[3.0, 1.0, 0.0]]))
    x = torch.randn(8, 3)
    assert torch.equal(apply.sample(params, {}, x), apply(params, x))
    assert not torch.equal(apply.sample(params, standing, x), apply(params, x))


def test_a_sample_with_standing_statistics_ignores_its_neighbours() -> None:
    apply = functional(GENERATOR)
    params = apply.init(Rng.of(0))
    standing = apply.standing(params, torch.randn(4, 16, 3))
    latents = torch.randn(6, 3)
    torch.testing.assert_close(
        apply.sample(params, standing, latents)[:1], apply.sample(params, standing, latents[:1])
    )


def test_over_the_same_single_batch_standing_statistics_change_nothing() -> None:
    apply = functional(GENERATOR)
    params, latents = apply.init(Rng.of(0)), torch.randn(64, 3)
    standing = apply.standing(params, latents[None])
    torch.testing.assert_close(
        apply.sample(params, standing, latents), apply(params, latents), rtol=1e-4, atol=1e-6
    )


def test_without_norms_nothing_stands() -> None:
    apply = Functional(Single())
    assert apply.standing(apply.init(Rng.of(0)), torch.randn(2, 4, 2)) == {}


def test_hooks_go_even_when_the_network_raises() -> None:
    apply = functional(GENERATOR)
    params = apply.init(Rng.of(0))
    with pytest.raises(RuntimeError):
        apply.standing(params, torch.randn(1, 4, 99))
    assert not any(module._forward_pre_hooks for module in apply._training.modules())


def test_one_function_per_description() -> None:
    assert functional(GENERATOR) is functional(Generator(image_shape=[2], latent_dim=3, hidden=4))  # type: ignore[arg-type]
    assert functional(GENERATOR) is not functional(Generator(image_shape=(2,), latent_dim=3, hidden=5))
