"""What most people would write: eager PyTorch modules, autograd, fused Adam, one trial at a time.

The networks are those of `conf/network/{mlp,study}.yaml`, layer for layer (a test compares their shapes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the community's name)

BATCH, LATENT = 64, 64


def _dense(fan_in: int, fan_out: int, *, norm: bool) -> list[nn.Module]:
    middle = [nn.BatchNorm1d(fan_out, eps=1e-3)] if norm else []
    return [nn.Linear(fan_in, fan_out), *middle, nn.LeakyReLU(0.2)]


def mlp_generator(hidden: int) -> nn.Module:
    return nn.Sequential(
        *_dense(LATENT, hidden, norm=True), *_dense(hidden, hidden, norm=True), nn.Linear(hidden, 2)
    )


def mlp_critic(hidden: int, *, norm: bool) -> nn.Module:
    return nn.Sequential(
        *_dense(2, hidden, norm=False), *_dense(hidden, hidden, norm=norm), nn.Linear(hidden, 1)
    )


def mlp_autoencoder(hidden: int, *, norm: bool) -> nn.Module:
    middle = ((hidden, hidden), (hidden, 1), (1, hidden), (hidden, hidden))
    inner = [layer for a, b in middle for layer in _dense(a, b, norm=norm)]
    return nn.Sequential(*_dense(2, hidden, norm=False), *inner, nn.Linear(hidden, 2))


def study_generator(channels: int) -> nn.Module:
    inner, width = 2 * channels, 16 * channels
    return nn.Sequential(
        *_dense(LATENT, width, norm=True),
        *_dense(width, inner * 49, norm=True),
        nn.Unflatten(1, (inner, 7, 7)),
        nn.ConvTranspose2d(inner, channels, 4, 2, 1),
        nn.BatchNorm2d(channels, eps=1e-3),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(channels, 1, 4, 2, 1),
        nn.Sigmoid(),
    )


def study_critic(channels: int, *, norm: bool) -> nn.Module:
    inner, width = 2 * channels, 16 * channels
    return nn.Sequential(
        nn.Conv2d(1, channels, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, inner, 4, 2, 1),
        *([nn.BatchNorm2d(inner, eps=1e-3)] if norm else []),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        *_dense(inner * 49, width, norm=norm),
        nn.Linear(width, 1),
    )


class PlainLoop(ABC):
    """Alternating training of a generator and a critic, as in most repositories; a subclass says the losses."""

    d_steps = 1

    def __init__(self, generator: nn.Module, critic: nn.Module, images: Tensor, *, lr: float = 1e-4) -> None:
        self.generator, self.critic = generator.to(images.device), critic.to(images.device)
        self.images = images
        self.g_optimizer = torch.optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.999), fused=True)
        self.d_optimizer = torch.optim.Adam(critic.parameters(), lr=lr, betas=(0.5, 0.999), fused=True)
        self._batches, self._step = self._epochs(), 0

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            order = torch.randperm(len(self.images), device=self.images.device)
            for rows in order[: len(self.images) // BATCH * BATCH].split(BATCH):
                batch = self.images[rows]
                yield batch.float() / 255.0 if batch.dtype == torch.uint8 else batch

    def step(self) -> None:
        """Take one step on the next batch."""
        self.train_on(next(self._batches), torch.randn(BATCH, LATENT, device=self.images.device))
        self._step += 1

    def train_on(self, real: Tensor, latents: Tensor) -> None:
        """Update the critic, and the generator every `d_steps`-th time."""
        self._update_critic(real, latents)
        if self._step % self.d_steps == 0:
            self._update_generator(latents)

    def _update_critic(self, real: Tensor, latents: Tensor) -> None:
        with torch.no_grad():
            fake = self.generator(latents)
        loss = self.critic_loss(real, fake)
        self.d_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.d_optimizer.step()

    def _update_generator(self, latents: Tensor) -> None:
        self.critic.requires_grad_(False)
        loss = self.generator_loss(self.generator(latents))
        self.g_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.g_optimizer.step()
        self.critic.requires_grad_(True)

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss, scalar."""

    @abstractmethod
    def generator_loss(self, fake: Tensor) -> Tensor:
        """Return the generator's loss, scalar."""


class NsGan(PlainLoop):
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(-self.critic(real)).mean() + F.softplus(self.critic(fake)).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        return F.softplus(-self.critic(fake)).mean()


class WganGp(PlainLoop):
    d_steps = 5

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        alpha = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
        points = torch.lerp(real, fake, alpha).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(points).sum(), points, create_graph=True)
        penalty = (torch.sqrt(1e-4 + slope.square().flatten(1).sum(1)) - 1.0).square().mean()
        return self.critic(fake).mean() - self.critic(real).mean() + 10.0 * penalty

    def generator_loss(self, fake: Tensor) -> Tensor:
        return -self.critic(fake).mean()


class Began(PlainLoop):
    d_steps = 5
    k = 0.0

    def _error(self, images: Tensor) -> Tensor:
        return (self.critic(images) - images).abs().mean()

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._error(real) - self.k * self._error(fake)

    def generator_loss(self, fake: Tensor) -> Tensor:
        return self._error(fake)

    def train_on(self, real: Tensor, latents: Tensor) -> None:
        """Update the networks, then move k by their new errors, as the study's code does."""
        super().train_on(real, latents)
        with torch.no_grad():
            balance = 0.75 * self._error(real) - self._error(self.generator(latents))
        self.k += 1e-3 * balance.item()


LOOPS: dict[str, Callable[..., PlainLoop]] = {"ns_gan": NsGan, "wgan_gp": WganGp, "began": Began}


def plain_loop(
    model: str, network: str, width: int, images: Tensor, *, norm: bool | None = None
) -> PlainLoop:
    """Build a model's loop; `width` is the number of hidden units (mlp) or channels (study)."""
    norm = model == "ns_gan" if norm is None else norm  # the models' defaults
    if network == "study":
        return LOOPS[model](study_generator(width), study_critic(width, norm=norm), images)
    critic = mlp_autoencoder(width, norm=norm) if model == "began" else mlp_critic(width, norm=norm)
    return LOOPS[model](mlp_generator(width), critic, images)
