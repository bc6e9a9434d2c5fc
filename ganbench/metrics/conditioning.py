"""How evenly a generator stretches its latent space: the spectrum of its Jacobian."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.func import jvp, vmap

from ganbench.errors import ConfigError
from ganbench.metrics.subsets import finite
from ganbench.protocols import Samples
from ganbench.tree import component

BATCH = 16  # latents differentiated at once, each in every direction


def jacobian(generator: Callable[[Tensor], Tensor], latents: Tensor) -> Tensor:
    """Return ∂G/∂z at latents [n, Z]: [n, D, Z], one directional derivative of the batch per column.

    Rows must not depend on each other: a generator with batch norm has its standing statistics.
    """

    def along(direction: Tensor) -> Tensor:
        derivative: Tensor = jvp(generator, (latents,), (direction.expand_as(latents),))[1]
        return derivative.flatten(1)

    basis = torch.eye(latents.shape[1], dtype=latents.dtype, device=latents.device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's first jvp calls what torch has deprecated
        columns: Tensor = vmap(along, out_dims=2)(basis)
    return columns


def log_spectrum(generator: Callable[[Tensor], Tensor], latents: Tensor) -> Tensor:
    """Return the logarithms of the min(D, Z) largest eigenvalues of JᵀJ at latents [n, Z], descending, float64.

    The M_z = JᵀJ of Odena et al. 2018, arXiv 1802.08768. They are 2 ln σ of J's singular values, so J is never
    squared; σ below the rounding error ε max(D, Z) σ_max of J count as that, and the Jacobian 0 as one with
    σ_max = 1. NaN where a derivative is not finite.
    """
    found = []
    for z in torch.split(latents, BATCH):
        j = jacobian(generator, z)
        floor = torch.finfo(j.dtype).eps * max(j.shape[1:])
        if not finite(j):
            return torch.full((len(latents), min(j.shape[1:])), math.nan, dtype=torch.float64)
        sigma = torch.linalg.svdvals(j.double())
        largest = torch.where(sigma[:, :1] > 0.0, sigma[:, :1], 1.0)
        found.append(2.0 * torch.cat([largest, sigma[:, 1:].maximum(floor * largest)], dim=1).log())
    return torch.cat(found)


@component(batched=False)
class GeneratorConditioning:
    """Mean and spread over prior latents of the log condition number ln λ_max / λ_min of JᵀJ; smaller is better.

    Odena et al. 2018, arXiv 1802.08768. Where samples have fewer dimensions than latents only the eigenvalues
    that can differ from 0 count. Single precision tells condition numbers up to (ε max(D, Z))⁻² apart: a
    generator that is constant in some direction gets that (e^18.6 for 784 pixels). Takes `n_latents` latents;
    raises `ConfigError` for fewer than two.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"generator"})
    space: str
    directions: Mapping[str, str]
    at: str
    n_latents: int

    def __post_init__(self) -> None:
        if self.n_latents < 2:
            raise ConfigError("the generator's conditioning needs two latents: raise n_latents")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:  # noqa: ARG002  (the signature)
        """Score `fake.generator` at latents of its own; no samples are looked at."""
        if fake.generator is None or fake.draw_latents is None:
            raise TypeError("conditioning needs samples that carry their generator and its latents")
        spectrum = log_spectrum(fake.generator, fake.draw_latents("conditioning", self.n_latents))
        log_condition = spectrum[:, 0] - spectrum[:, -1]
        values = [log_condition.mean().item(), log_condition.std().item()]
        return dict(zip(("log_condition", "log_condition_sd"), values, strict=True))
