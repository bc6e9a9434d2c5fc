"""The study's networks: its parameter counts, its layers, its batch norms."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganbench.errors import ConfigError
from ganbench.functional import functional
from ganbench.networks.layers import BatchNorm
from ganbench.networks.study import Autoencoder, Critic, Decoder, Encoder, Generator
from ganbench.protocols import Network
from ganbench.rng import Rng

SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 64)]
MILLIONS = {  # generator, critic, BEGAN's critic: the study's networks, batch norm not counted
    (1, 28, 28): (6.63, 6.56, 1.07),
    (3, 32, 32): (8.60, 8.52, 1.33),
    (3, 64, 64): (33.79, 33.69, 4.50),
}
Shape = tuple[int, int, int]


def roles(shape: Shape, channels: int = 4, *, batch_norm: bool = True) -> dict[str, Network]:
    own = {"image_shape": shape, "channels": channels}
    return {
        "generator": Generator(**own, latent_dim=6),
        "critic": Critic(**own, batch_norm=batch_norm),
        "autoencoder": Autoencoder(**own, bottleneck=channels, batch_norm=batch_norm),
        "encoder": Encoder(**own, latent_dim=6, batch_norm=batch_norm),
        "decoder": Decoder(**own, latent_dim=6),
    }


def built(network: Network) -> nn.Module:
    with torch.device("meta"):
        return network.build()


def count(network: Network) -> int:
    layers = [m for m in built(network).modules() if not isinstance(m, BatchNorm)]
    return sum(p.numel() for m in layers for p in m.parameters(recurse=False))


def names(network: Network) -> list[str]:
    return [type(m).__name__ for m in built(network) if not isinstance(m, nn.Identity)]


def norms(network: Network) -> list[int]:
    return [len(m.weight) for m in built(network) if isinstance(m, BatchNorm)]


@pytest.mark.parametrize("shape", SHAPES)
def test_parameter_counts_are_the_studys(shape: Shape) -> None:
    own = {"image_shape": shape, "channels": 64}
    networks = (
        Generator(**own, latent_dim=64),
        Critic(**own, batch_norm=False),
        Autoencoder(**own, bottleneck=64, batch_norm=False),
    )
    assert tuple(round(count(network) / 1e6, 2) for network in networks) == MILLIONS[shape]


def test_parameter_counts_of_the_smallest_by_hand() -> None:
    own = {"image_shape": (1, 28, 28), "channels": 64}
    units = 128 * 7 * 7
    assert count(Generator(**own, latent_dim=64)) == 64 * 1024 + 1024 + 1024 * units + units + 131136 + 1025
    trunk = 16 * 64 + 64 + 16 * 64 * 128 + 128 + units * 1024 + 1024
    assert count(Critic(**own, batch_norm=False)) == trunk + 1024 + 1
    assert count(Encoder(**own, latent_dim=64, batch_norm=False)) == trunk + 1024 * 128 + 128
    assert count(Decoder(**own, latent_dim=64)) == count(Generator(**own, latent_dim=64))


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_and_ranges(shape: Shape) -> None:
    images, latents = torch.rand(5, *shape), 50.0 * torch.randn(5, 6)
    outputs = {}
    for name, network in roles(shape).items():
        apply = functional(network)
        params = {key: 20.0 * value for key, value in apply.init(Rng.of(1)).items()}
        outputs[name] = apply(params, latents if name in ("generator", "decoder") else images)
    shapes = {name: tuple(output.shape) for name, output in outputs.items()}
    full = (5, *shape)
    assert shapes == {
        "generator": full,
        "critic": (5,),
        "autoencoder": full,
        "encoder": (5, 12),
        "decoder": full,
    }
    for name in ("generator", "autoencoder"):
        assert 0.0 <= outputs[name].min() < outputs[name].max() <= 1.0
    assert outputs["decoder"].min() < 0.0  # logits
    assert outputs["decoder"].max() > 1.0


def test_layers_in_order() -> None:
    nets = roles((3, 32, 32))
    block = ["BatchNorm", "LeakyReLU"]
    trunk = ["Conv2d", "LeakyReLU", "Conv2d", *block, "Flatten", "Linear", *block, "Linear"]
    assert names(nets["critic"]) == [*trunk, "Flatten"]
    assert names(nets["encoder"]) == trunk
    up = ["Linear", *block, "Unflatten", "ConvTranspose2d", *block, "ConvTranspose2d"]
    assert names(nets["generator"]) == ["Linear", *block, *up, "Sigmoid"]
    down = ["Conv2d", "LeakyReLU", "Conv2d", "Flatten", "Linear", *block]
    assert names(nets["autoencoder"]) == [*down, *up, "Sigmoid"]
    assert names(nets["decoder"]) == [n.replace("Leaky", "") for n in names(nets["generator"])][:-1]


def test_the_flag_removes_two_norms_of_the_critic_and_renames_nothing() -> None:
    """Widths at 4 channels: 8 inner channels, 64 units; the generator's second norm is per unit of 8·8·8."""
    on, off = roles((3, 32, 32)), roles((3, 32, 32), batch_norm=False)
    assert norms(on["critic"]) == norms(on["encoder"]) == [8, 64]
    assert norms(on["autoencoder"]) == [4, 512, 4]
    assert norms(on["generator"]) == norms(off["generator"]) == norms(on["decoder"]) == [64, 512, 4]
    for name in ("critic", "encoder", "autoencoder"):
        assert norms(off[name]) == []
        with_norm, without = (functional(nets[name]).init(Rng.of(3)) for nets in (on, off))
        assert without.keys() < with_norm.keys()
        assert all(torch.equal(value, with_norm[key]) for key, value in without.items())


def test_leaky_slopes_are_a_fifth() -> None:
    modules = [m for net in roles((3, 32, 32)).values() for m in built(net)]
    assert {m.negative_slope for m in modules if isinstance(m, nn.LeakyReLU)} == {0.2}


def test_convolutions_pad_as_tensorflows_same_does() -> None:
    """A 4×4 kernel of ones at stride 2 sees 3×3 pixels in a corner, 3×4 at an edge, 4×4 inside."""
    conv = next(iter(Critic(image_shape=(1, 8, 8), channels=1, batch_norm=False).build()))
    nn.init.ones_(conv.weight), nn.init.zeros_(conv.bias)
    out = conv(torch.ones(1, 1, 8, 8))[0, 0]
    assert out.tolist() == [[9, 12, 12, 9], [12, 16, 16, 12], [12, 16, 16, 12], [9, 12, 12, 9]]


def test_transposed_convolutions_are_the_adjoints() -> None:
    """⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩, TensorFlow's definition of the transposed convolution with "SAME"."""
    down = next(iter(Critic(image_shape=(1, 8, 8), channels=3, batch_norm=False).build()))
    up = list(Decoder(image_shape=(1, 8, 8), latent_dim=2, channels=3).build())[-1]
    up.weight.data.copy_(nn.init.normal_(down.weight).data)
    nn.init.zeros_(down.bias), nn.init.zeros_(up.bias)
    x, y = torch.randn(2, 1, 8, 8), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close((down(x) * y).sum(), (x * up(y)).sum(), rtol=1e-4, atol=1e-5)


def test_a_pack_differentiates_twice_through_batch_norm_as_a_solo_lane_does() -> None:
    apply = functional(Critic(image_shape=(1, 8, 8), channels=4, batch_norm=True))

    def slope(params: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.grad(lambda images: apply(params, images).sum())(x).square().sum().sqrt()

    lanes = [apply.init(Rng.of(seed)) for seed in (1, 2)]
    x = torch.rand(2, 6, 1, 8, 8)
    packed = torch.vmap(torch.func.grad(slope))({k: torch.stack([p[k] for p in lanes]) for k in lanes[0]}, x)
    solo = torch.func.grad(slope)(lanes[1], x[1])
    for key, value in solo.items():
        torch.testing.assert_close(packed[key][1], value, rtol=1e-3, atol=1e-5)
    assert solo["0.weight"].abs().sum() > 0


@pytest.mark.parametrize(
    ("shape", "fix"),
    [((2,), "set network=mlp"), ((1, 30, 28), "sides divisible by 4, not 30×28: change dataset")],
)
def test_other_shapes_are_refused_with_the_fix(shape: tuple[int, ...], fix: str) -> None:
    for network in roles(shape).values():
        with pytest.raises(ConfigError, match=fix):
            network.build()
