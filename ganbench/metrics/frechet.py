"""Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics import cache
from ganbench.protocols import Samples
from ganbench.tree import component

VERSION = "1"  # of the statistics: part of their cache key, raised whenever their numbers change


class Statistics(NamedTuple):
    """The fitted Gaussian: mean [F], trace of the covariance [], its symmetric root [F, F]; float64."""

    mu: Tensor
    trace: Tensor
    root: Tensor


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean [F] and covariance [F, F] (divisor n − 1) of features [n, F] in float64 on the CPU."""
    if len(features) < 2:
        raise ConfigError("a covariance needs two samples: raise protocol.n_real and protocol.n_fake")
    x = features.to("cpu", torch.float64)
    mu = x.mean(0)
    centred = x - mu
    return mu, centred.T @ centred / (len(x) - 1)


def statistics(features: Tensor) -> Statistics:
    """Fit a Gaussian to features [n, F]; the root is U √max(λ, 0) Uᵀ, whatever the rank."""
    mu, sigma = moments(features)
    values, vectors = torch.linalg.eigh(sigma)
    return Statistics(mu, sigma.trace(), (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T)


def frechet_distance(real: Statistics, fake: Tensor) -> float:
    """Return ‖μ − μ'‖² + tr Σ + tr Σ' − 2 tr (Σ^½ Σ' Σ^½)^½ between a fitted Gaussian and features [n, F].

    Heusel et al. 2017, arXiv 1706.08500, eq. 6. The trace of the root is the sum of the roots of one
    symmetric matrix's eigenvalues; those that rounding makes negative count as 0, and so does a distance
    below 0. NaN if a feature is not finite.
    """
    if not fake.isfinite().all():
        return math.nan
    mu, sigma = moments(fake)
    overlap = torch.linalg.eigvalsh(real.root @ sigma @ real.root).clamp(min=0.0).sqrt().sum()
    distance = (real.mu - mu).square().sum() + real.trace + sigma.trace() - 2.0 * overlap
    return max(float(distance), 0.0)


@component(batched=False)
class FrechetDistance:
    """Fréchet distance of the features in `space`, reported under the one name in `directions`.

    The name is `fd`; with Inception's features, and only with them, it may be `fid`. The distance is biased
    upwards by about c / n, hence the floor (real against real at the same n) beside every table. The
    reference's statistics are cached wherever its samples have a key. Raises `ConfigError` for other names.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str

    def __post_init__(self) -> None:
        if list(self.directions) not in (["fd"], ["fid"]):
            raise ConfigError(f"the Fréchet distance has one name, fd or fid, not {list(self.directions)}")
        if "fid" in self.directions and self.space != "inception":
            raise ConfigError(
                f"only Inception's Fréchet distance is FID: write directions {{fd: min}} for {self.space}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [m, F] against features [n, F]; smaller is better."""
        assert real.features is not None, "scoring extracts what a metric needs"
        assert fake.features is not None, "scoring extracts what a metric needs"
        (name,) = self.directions
        return {name: frechet_distance(self._reference(real, real.features), fake.features)}

    def _reference(self, real: Samples, features: Tensor) -> Statistics:
        if real.cache_key is None:
            return statistics(features)
        layout = f"{features.dtype} {tuple(features.shape)}"
        name = cache.key("gaussian", VERSION, real.cache_key, self.space, layout)
        return Statistics(**cache.cached(name, lambda: statistics(features)._asdict()))
