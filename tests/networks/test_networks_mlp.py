"""The perceptrons, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import leaky_relu, linear

from ganbench.errors import ConfigError
from ganbench.functional import functional
from ganbench.networks.layers import BatchNorm, Linear
from ganbench.networks.mlp import Autoencoder, Critic, Decoder, Encoder, Generator
from ganbench.protocols import Network
from ganbench.rng import Rng

D, Z, H = (2,), 5, 16
GENERATOR = Generator(image_shape=D, latent_dim=Z, hidden=H)
DECODER = Decoder(image_shape=D, latent_dim=Z, hidden=H)


def critic(*, batch_norm: bool) -> Critic:
    return Critic(image_shape=D, hidden=H, batch_norm=batch_norm)


def autoencoder(*, batch_norm: bool, bottleneck: int = 1) -> Autoencoder:
    return Autoencoder(image_shape=D, hidden=H, bottleneck=bottleneck, batch_norm=batch_norm)


def encoder(*, batch_norm: bool) -> Encoder:
    return Encoder(image_shape=D, latent_dim=Z, hidden=H, batch_norm=batch_norm)


def linears(network: Network) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in network.build() if isinstance(m, Linear)]


def norms(network: Network) -> list[int]:
    return [len(m.weight) for m in network.build() if isinstance(m, BatchNorm)]


@pytest.mark.parametrize(
    ("network", "fan_in", "output"),
    [
        (GENERATOR, Z, (6, 2)),
        (DECODER, Z, (6, 2)),
        (critic(batch_norm=True), 2, (6,)),
        (autoencoder(batch_norm=True), 2, (6, 2)),
        (encoder(batch_norm=True), 2, (6, 2 * Z)),
    ],
    ids=lambda x: type(x).__name__,
)
def test_shapes_alone_and_in_a_pack(network: Network, fan_in: int, output: tuple[int, ...]) -> None:
    apply = functional(network)
    lanes = Rng.stack([Rng.of(0), Rng.of(1)])
    x = Rng.of(9).normal("x", (2, 6, fan_in))
    packed = torch.vmap(lambda rng, batch: apply(apply.init(rng), batch))(lanes, x)
    assert packed.shape == (2, *output)
    torch.testing.assert_close(packed[1], apply(apply.init(Rng.of(1)), x[1]))


def test_widths() -> None:
    assert linears(GENERATOR) == linears(DECODER) == [(Z, H), (H, H), (H, 2)]
    assert linears(critic(batch_norm=False)) == [(2, H), (H, H), (H, 1)]
    assert linears(encoder(batch_norm=False)) == [(2, H), (H, H), (H, 2 * Z)]
    assert linears(autoencoder(batch_norm=False, bottleneck=3)) == [
        (2, H),
        (H, H),
        (H, 3),
        (3, H),
        (H, H),
        (H, 2),
    ]


def test_batch_norm_is_fixed_in_the_generators_and_a_flag_elsewhere_but_never_first() -> None:
    assert norms(GENERATOR) == norms(DECODER) == [H, H]
    assert norms(critic(batch_norm=True)) == norms(encoder(batch_norm=True)) == [H]
    assert norms(autoencoder(batch_norm=True)) == [H, 1, H, H]
    for role in (critic, encoder, autoencoder):
        assert norms(role(batch_norm=False)) == []
        first = list(role(batch_norm=True).build())[:3]
        assert [type(m) for m in first] == [Linear, nn.Identity, nn.LeakyReLU]


@pytest.mark.parametrize("role", [critic, encoder, autoencoder])
def test_the_flag_renames_no_layer_so_both_settings_start_alike(role: type) -> None:
    with_norm, without = (functional(role(batch_norm=flag)).init(Rng.of(3)) for flag in (True, False))
    assert without.keys() < with_norm.keys()
    assert all(torch.equal(value, with_norm[name]) for name, value in without.items())


def test_the_critic_by_hand() -> None:
    p = functional(critic(batch_norm=False)).init(Rng.of(2))
    x = 30.0 * torch.randn(7, 2)
    h = leaky_relu(linear(x, p["0.weight"], p["0.bias"]), 0.2)
    h = leaky_relu(linear(h, p["3.weight"], p["3.bias"]), 0.2)
    expected = linear(h, p["6.weight"], p["6.bias"]).squeeze(1)
    torch.testing.assert_close(functional(critic(batch_norm=False))(p, x), expected)


def test_activations() -> None:
    def kinds(network: Network) -> set[str]:
        return {
            str(m)
            for m in network.build()
            if not isinstance(m, Linear | BatchNorm | nn.Identity | nn.Flatten)
        }

    leaky = {"LeakyReLU(negative_slope=0.2)"}
    assert kinds(GENERATOR) == kinds(critic(batch_norm=True)) == kinds(autoencoder(batch_norm=True)) == leaky
    assert kinds(DECODER) == {"ReLU()"}


def test_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="set network=study"):
        Critic(image_shape=(1, 28, 28), hidden=H, batch_norm=False).build()
