"""The networks of "Are GANs Created Equal?" (google/compare_gan v1, its "InfoGAN") for images.

`channels` is the width of the image-side convolution, 64 in the study; the inner one has twice as many
channels, the fully connected layer 16 times as many units (1024). All convolutions are 4×4 of stride 2, where
TensorFlow's "SAME" on even sizes is padding 1. Images are [B, C, H, W] in [0, 1], H and W divisible by 4.
"""

from __future__ import annotations

from torch import nn

from ganbench.errors import ConfigError
from ganbench.networks.layers import BatchNorm, Conv2d, ConvTranspose2d, Linear
from ganbench.tree import component

SLOPE = 0.2


def _grid(image_shape: tuple[int, ...], channels: int) -> tuple[int, int, int]:
    """Return the innermost feature map's shape, two halvings below the image."""
    if len(image_shape) != 3:
        raise ConfigError(
            f"network=study is for images, the dataset has shape {image_shape}: set network=mlp"
        )
    _, height, width = image_shape
    if height % 4 or width % 4:
        raise ConfigError(
            f"network=study needs sides divisible by 4, not {height}×{width}: change dataset.image_shape"
        )
    return 2 * channels, height // 4, width // 4


def _units(grid: tuple[int, int, int]) -> int:
    return grid[0] * grid[1] * grid[2]


def _norm(width: int, *, on: bool) -> nn.Module:
    """Return a batch norm, or a stand-in that keeps its place, so that the flag renames no other layer."""
    return BatchNorm(width) if on else nn.Identity()


def _down(image_shape: tuple[int, ...], channels: int) -> tuple[Conv2d, nn.Module, Conv2d]:
    """Return both halving convolutions; nothing but the activation ever follows the first."""
    inner, _, _ = _grid(image_shape, channels)
    return Conv2d(image_shape[0], channels, 4, 2, 1), nn.LeakyReLU(SLOPE), Conv2d(channels, inner, 4, 2, 1)


def _trunk(image_shape: tuple[int, ...], channels: int, *, batch_norm: bool) -> list[nn.Module]:
    """Stack critic's and encoder's layers up to the fully connected one."""
    grid = _grid(image_shape, channels)
    return [
        *_down(image_shape, channels),
        _norm(grid[0], on=batch_norm),
        nn.LeakyReLU(SLOPE),
        nn.Flatten(),
        Linear(_units(grid), 16 * channels),
        _norm(16 * channels, on=batch_norm),
        nn.LeakyReLU(SLOPE),
    ]


def _up(
    fan_in: int, image_shape: tuple[int, ...], channels: int, activation: nn.Module, *, batch_norm: bool
) -> list[nn.Module]:
    """Stack the layers from flat units to images, without output function; the first norm is per unit."""
    grid = _grid(image_shape, channels)
    return [
        Linear(fan_in, _units(grid)),
        _norm(_units(grid), on=batch_norm),
        activation,
        nn.Unflatten(1, grid),
        ConvTranspose2d(grid[0], channels, 4, 2, 1),
        _norm(channels, on=batch_norm),
        activation,
        ConvTranspose2d(channels, image_shape[0], 4, 2, 1),
    ]


def _from_latents(
    latent_dim: int, image_shape: tuple[int, ...], channels: int, activation: nn.Module
) -> list[nn.Module]:
    """Stack the layers shared by generator and decoder, which always have batch norm."""
    width = 16 * channels
    head = [Linear(latent_dim, width), BatchNorm(width), activation]
    return head + _up(width, image_shape, channels, activation, batch_norm=True)


@component(batched=False)
class Generator:
    """Latents [B, Z] → images: linear, linear, two transposed convolutions, sigmoid; always batch norm."""

    image_shape: tuple[int, ...]
    latent_dim: int
    channels: int

    def build(self) -> nn.Module:
        """Return the module."""
        layers = _from_latents(self.latent_dim, self.image_shape, self.channels, nn.LeakyReLU(SLOPE))
        return nn.Sequential(*layers, nn.Sigmoid())


@component(batched=False)
class Critic:
    """Images → logits [B]: two convolutions, two linear layers; `batch_norm` after the inner two."""

    image_shape: tuple[int, ...]
    channels: int
    batch_norm: bool

    def build(self) -> nn.Module:
        """Return the module."""
        trunk = _trunk(self.image_shape, self.channels, batch_norm=self.batch_norm)
        return nn.Sequential(*trunk, Linear(16 * self.channels, 1), nn.Flatten(0))


@component(batched=False)
class Autoencoder:
    """BEGAN's critic, images → reconstructions in [0, 1], with a code of `bottleneck` units (study: 64).

    Neither activation nor norm follows the second convolution; `batch_norm` follows the code, the linear
    layer that undoes it and the first transposed convolution.
    """

    image_shape: tuple[int, ...]
    channels: int
    bottleneck: int
    batch_norm: bool

    def build(self) -> nn.Module:
        """Return the module."""
        code = self.bottleneck
        return nn.Sequential(
            *_down(self.image_shape, self.channels),
            nn.Flatten(),
            Linear(_units(_grid(self.image_shape, self.channels)), code),
            _norm(code, on=self.batch_norm),
            nn.LeakyReLU(SLOPE),
            *_up(code, self.image_shape, self.channels, nn.LeakyReLU(SLOPE), batch_norm=self.batch_norm),
            nn.Sigmoid(),
        )


@component(batched=False)
class Encoder:
    """Images → posterior parameters [B, 2Z]: the critic's layers with 2Z outputs."""

    image_shape: tuple[int, ...]
    latent_dim: int
    channels: int
    batch_norm: bool

    def build(self) -> nn.Module:
        """Return the module."""
        trunk = _trunk(self.image_shape, self.channels, batch_norm=self.batch_norm)
        return nn.Sequential(*trunk, Linear(16 * self.channels, 2 * self.latent_dim))


@component(batched=False)
class Decoder:
    """Latents [B, Z] → pixel logits: the generator with ReLU, and its sigmoid left to the likelihood."""

    image_shape: tuple[int, ...]
    latent_dim: int
    channels: int

    def build(self) -> nn.Module:
        """Return the module."""
        return nn.Sequential(*_from_latents(self.latent_dim, self.image_shape, self.channels, nn.ReLU()))
