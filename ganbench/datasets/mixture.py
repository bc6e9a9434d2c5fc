"""Mixtures of equally likely Gaussians in the plane: data whose modes are known."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.datasets.images import assemble
from ganbench.errors import ConfigError
from ganbench.protocols import Images
from ganbench.rng import Rng
from ganbench.tree import component


class Mixture(ABC):
    """x = c_k + sd · ε with k uniform over the centres and ε ~ N(0, I₂); the label of a point is its k."""

    stream: ClassVar[str]  # the first name of the address of its numbers
    image_shape: tuple[int, ...]
    n_train: int
    n_test: int
    seed: int
    sd: float

    @property
    @abstractmethod
    def centers(self) -> Tensor:
        """Return the modes' centres, float32 [K, 2]."""

    def load(self) -> Images:
        """Draw both splits, float32 [N, 2], each from a stream of its own."""
        rng = Rng.of(self.seed, self.stream)
        train = self._draw(rng.fold("train"), self.n_train)
        test = self._draw(rng.fold("test"), self.n_test)
        return assemble(self.stream, self.image_shape, train, test)

    def draw(self, rng: Rng, n: int) -> Tensor:
        """Draw n fresh real points, float32 [n, 2]."""
        return self._draw(rng, n)[0]

    def _draw(self, rng: Rng, n: int) -> tuple[Tensor, Tensor]:
        centers = self.centers.to(rng.key.device)
        modes = (rng.uniform("mode", (n,)) * len(centers)).long()
        return centers[modes] + self.sd * rng.normal("noise", (n, 2)), modes

    def squared_distance(self, samples: Tensor) -> Tensor:
        """Return min_k ‖x − c_k‖² for samples [N, 2], [N].

        A Gaussian's support is the whole plane; the distance is to the nearest centre, with nothing taken off
        for the modes' width: "within 3 sd" is squared_distance ≤ 9 sd².
        """
        centers = self.centers.to(samples)
        return (samples[:, None, :] - centers).square().sum(-1).amin(-1)

    def _check(self) -> None:
        if self.image_shape != (2,):
            raise ConfigError(
                f"dataset.image_shape must be [2] for {self.stream}, not {list(self.image_shape)}"
            )
        for name in ("n_train", "n_test", "sd"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"dataset.{name} must be above 0, not {getattr(self, name)}")


@component(batched=False)
class Ring(Mixture):
    """`modes` Gaussians on a circle: c_k = radius · (cos 2πk/K, sin 2πk/K)."""

    stream: ClassVar[str] = "ring"

    image_shape: tuple[int, ...]
    n_train: int
    n_test: int
    seed: int
    modes: int
    radius: float
    sd: float
    study_steps: int
    study_every: int

    def __post_init__(self) -> None:
        self._check()
        if self.modes < 1:
            raise ConfigError(f"dataset.modes must be at least 1, not {self.modes}")

    @property
    def centers(self) -> Tensor:
        """Return the centres in order of their angle, from the positive first axis, float32 [K, 2]."""
        angles = [2.0 * math.pi * k / self.modes for k in range(self.modes)]
        return torch.tensor([(self.radius * math.cos(a), self.radius * math.sin(a)) for a in angles])


@component(batched=False)
class Grid(Mixture):
    """`side` × `side` Gaussians on a square lattice about the origin, `spacing` apart."""

    stream: ClassVar[str] = "grid"

    image_shape: tuple[int, ...]
    n_train: int
    n_test: int
    seed: int
    side: int
    spacing: float
    sd: float
    study_steps: int
    study_every: int

    def __post_init__(self) -> None:
        self._check()
        if self.side < 1:
            raise ConfigError(f"dataset.side must be at least 1, not {self.side}")

    @property
    def centers(self) -> Tensor:
        """Return the centres row by row, float32 [side², 2]."""
        line = [self.spacing * (i - (self.side - 1) / 2) for i in range(self.side)]
        return torch.tensor([(x, y) for x in line for y in line])
