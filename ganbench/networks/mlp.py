"""Multilayer perceptrons for vectors: every role of the family on [B, D] data.

All have two hidden layers of one width, weights N(0, 0.02²), zero biases and leaky ReLUs of slope 0.2, unless
their docstring says otherwise. As in the study's networks, batch norm never follows a critic's first layer.
"""

from __future__ import annotations

from torch import nn

from ganbench.errors import ConfigError
from ganbench.networks.layers import BatchNorm, Linear
from ganbench.tree import component

SLOPE = 0.2


def _dimension(image_shape: tuple[int, ...]) -> int:
    """Return D of a vector's shape (D,)."""
    if len(image_shape) != 1:
        raise ConfigError(
            f"network=mlp is for vectors, the dataset has shape {image_shape}: set network=study"
        )
    return image_shape[0]


def _layer(fan_in: int, fan_out: int, activation: nn.Module, *, batch_norm: bool) -> list[nn.Module]:
    """Stack linear, batch norm and activation; an absent norm keeps its place, and the others their names."""
    return [Linear(fan_in, fan_out), BatchNorm(fan_out) if batch_norm else nn.Identity(), activation]


def _from_latents(latent_dim: int, hidden: int, fan_out: int, activation: nn.Module) -> nn.Sequential:
    """Return what generator and decoder share: Z-h-h-D, always with batch norm."""
    return nn.Sequential(
        *_layer(latent_dim, hidden, activation, batch_norm=True),
        *_layer(hidden, hidden, activation, batch_norm=True),
        Linear(hidden, fan_out),
    )


def _trunk(fan_in: int, hidden: int, *, batch_norm: bool) -> list[nn.Module]:
    """Stack the two hidden layers shared by critic, auto-encoder and encoder."""
    return [
        *_layer(fan_in, hidden, nn.LeakyReLU(SLOPE), batch_norm=False),
        *_layer(hidden, hidden, nn.LeakyReLU(SLOPE), batch_norm=batch_norm),
    ]


@component(batched=False)
class Generator:
    """Latents [B, Z] → vectors [B, D]: Z-h-h-D, batch norm in the hidden layers, linear output."""

    image_shape: tuple[int, ...]
    latent_dim: int
    hidden: int

    def build(self) -> nn.Module:
        """Return the module."""
        return _from_latents(self.latent_dim, self.hidden, _dimension(self.image_shape), nn.LeakyReLU(SLOPE))


@component(batched=False)
class Critic:
    """Vectors [B, D] → scores [B]: D-h-h-1, batch norm after the second layer if `batch_norm`."""

    image_shape: tuple[int, ...]
    hidden: int
    batch_norm: bool

    def build(self) -> nn.Module:
        """Return the module."""
        trunk = _trunk(_dimension(self.image_shape), self.hidden, batch_norm=self.batch_norm)
        return nn.Sequential(*trunk, Linear(self.hidden, 1), nn.Flatten(0))


@component(batched=False)
class Autoencoder:
    """Vectors [B, D] → reconstructions [B, D]: D-h-h-b-h-h-D with a code of b = `bottleneck` units.

    The output is linear. With `batch_norm`, one follows every layer but the first and the last.
    """

    image_shape: tuple[int, ...]
    hidden: int
    bottleneck: int
    batch_norm: bool

    def build(self) -> nn.Module:
        """Return the module."""
        d, h, b = _dimension(self.image_shape), self.hidden, self.bottleneck
        layers = _trunk(d, h, batch_norm=self.batch_norm)
        for fan_in, fan_out in ((h, b), (b, h), (h, h)):
            layers += _layer(fan_in, fan_out, nn.LeakyReLU(SLOPE), batch_norm=self.batch_norm)
        return nn.Sequential(*layers, Linear(h, d))


@component(batched=False)
class Encoder:
    """Vectors [B, D] → posterior parameters [B, 2Z]: D-h-h-2Z, batch norm as in the critic."""

    image_shape: tuple[int, ...]
    latent_dim: int
    hidden: int
    batch_norm: bool

    def build(self) -> nn.Module:
        """Return the module."""
        trunk = _trunk(_dimension(self.image_shape), self.hidden, batch_norm=self.batch_norm)
        return nn.Sequential(*trunk, Linear(self.hidden, 2 * self.latent_dim))


@component(batched=False)
class Decoder:
    """Latents [B, Z] → likelihood parameters [B, D]: the generator with ReLU in place of leaky ReLU."""

    image_shape: tuple[int, ...]
    latent_dim: int
    hidden: int

    def build(self) -> nn.Module:
        """Return the module."""
        return _from_latents(self.latent_dim, self.hidden, _dimension(self.image_shape), nn.ReLU())
