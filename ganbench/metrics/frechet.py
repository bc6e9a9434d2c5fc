"""Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics import cache
from ganbench.metrics.sets import score_features
from ganbench.metrics.subsets import canonical
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import component

VERSION = "1"  # of the statistics: part of their cache key, raised whenever their numbers change


class Statistics(NamedTuple):
    """The fitted Gaussian: mean [F], trace of the covariance [], its symmetric root [F, F]; float64."""

    mu: Tensor
    trace: Tensor
    root: Tensor


def centre(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean [F] and deviations from it [n, F] of features [n, F], float64 on the CPU.

    There, since few GPUs are fast in float64, and eigenvalues have the same bits whatever trained.
    """
    if len(features) < 2:
        raise ConfigError("a covariance needs two samples: raise protocol.n_real and protocol.n_fake")
    x = features.to("cpu", torch.float64)
    mu = x.mean(0)
    return mu, x - mu


def statistics(features: Tensor) -> Statistics:
    """Fit a Gaussian to features [n, F] (divisor n − 1); the root is U √max(λ, 0) Uᵀ, whatever the rank."""
    mu, deviations = centre(features)
    sigma = deviations.T @ deviations / (len(deviations) - 1)
    values, vectors = torch.linalg.eigh(sigma)
    return Statistics(mu, sigma.trace(), (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T)


def frechet_distance(real: Statistics, fake: Tensor) -> float:
    """Return ‖μ − μ'‖² + tr Σ + tr Σ' − 2 tr (Σ^½ Σ' Σ^½)^½ between a fitted Gaussian and features [n, F].

    Heusel et al. 2017, arXiv 1706.08500, eq. 6. The trace of the root is the sum of the roots of one
    symmetric matrix's eigenvalues; those that rounding makes negative count as 0, and so does a distance
    below 0. NaN if a fake feature is not finite.
    """
    if not fake.isfinite().all():
        return math.nan
    mu, deviations = centre(fake)
    trace, symmetric = _overlap(real.root, deviations)
    values = torch.linalg.eigvalsh(symmetric)[1 - len(fake) :]  # ascending: beyond the rank they are rounding
    overlap = values.clamp(min=0.0).sqrt().sum()
    distance = (real.mu - mu).square().sum() + real.trace + trace - 2.0 * overlap
    return max(float(distance), 0.0)


def _overlap(root: Tensor, deviations: Tensor) -> tuple[Tensor, Tensor]:
    """Return tr Σ' and, for Σ' = XᵀX / (n − 1), the smaller of Σ^½ Σ' Σ^½ [F, F] and X Σ Xᵀ / (n − 1) [n, n].

    Both have the same eigenvalues but for zeros; with n ≤ F samples the second needs no covariance.
    """
    n, width = deviations.shape
    if n <= width:
        half = deviations @ root
        return deviations.square().sum() / (n - 1), half @ half.T / (n - 1)
    sigma = deviations.T @ deviations / (n - 1)
    return sigma.trace(), root @ sigma @ root


def reference(real: Samples, features: Tensor, space: str) -> Statistics:
    """Return the Gaussian fitted to the reference, from the cache wherever its samples have a key."""
    if real.cache_key is None:
        return statistics(features)
    layout = f"{features.dtype} {tuple(features.shape)}"
    name = cache.key("gaussian", VERSION, real.cache_key, space, layout)
    return Statistics(**cache.cached(name, lambda: statistics(features)._asdict()))


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
        (name,) = self.directions

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            return {name: frechet_distance(reference(real, x, self.space), y)}

        return score_features(self, real, fake, score)


def frechet_limit(real: Statistics, fake: Tensor, sizes: Sequence[int], draws: int, rng: Rng) -> float:
    """Return a of the least-squares line FD = a + b / n through FDs of random subsets of fakes, n of each size.

    A size counts once, as the mean over its draws; all fakes [N, F] are drawn but once.
    """
    means = []
    for size in sizes:
        orders = (rng.permutation(f"{size} {i}", len(fake)) for i in range(draws if size < len(fake) else 1))
        means.append(fmean(frechet_distance(real, fake[order[:size].to(fake.device)]) for order in orders))
    return float(np.polyfit(1.0 / np.array(sizes), means, 1)[1])


@component(batched=False)
class FrechetLimit:
    """FD∞: the Fréchet distance extrapolated to infinitely many fakes, linearly in 1 / n; below 0 is possible.

    Chong and Forsyth 2020, arXiv 1911.07023, sec. 3: the bias is c / n and c depends on the generator, so scores at
    one finite n can even rank wrongly. The sizes n are `shares` of the fakes, each drawn `draws` times. The
    bias that the reference's own finite size gives stays. Raises `ConfigError` unless there are two sizes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str
    shares: tuple[float, ...]
    draws: int
    seed: int

    def __post_init__(self) -> None:
        if not all(0.0 < share <= 1.0 for share in self.shares) or self.draws < 1:
            raise ConfigError("FD∞ wants shares above 0 and up to 1, each drawn at least once")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return ("fd_inf",)

    def sizes(self, n: int) -> list[int]:
        """Return the sizes of subsets of n fakes."""
        found = sorted({max(round(share * n), 2) for share in self.shares})
        if len(found) < 2:
            raise ConfigError(
                f"FD∞ needs two sizes and its shares of {n} fakes give {len(found)}: set shares"
            )
        return found

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [m, F] against features [n, F]; smaller is better."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            fitted, rng = reference(real, x, self.space), Rng.of(self.seed, "frechet limit")
            return {"fd_inf": frechet_limit(fitted, y[canonical(y)], self.sizes(len(y)), self.draws, rng)}

        return score_features(self, real, fake, score)


@component(batched=False)
class DiagonalFrechetDistance:
    """Fréchet distance of Gaussians with diagonal covariances: ‖μ − μ'‖² + Σ (σ − σ')²; smaller is better.

    Dowson and Landau 1982, https://doi.org/10.1016/0047-259X(82)90077-X, for commuting covariances. Blind to
    correlations, but needs neither F² numbers nor more samples than features.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return ("fd_diag",)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [m, F] against features [n, F]."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            (mu, sd), (other_mu, other_sd) = ((z.double().mean(0), z.double().std(0)) for z in (x, y))
            return {"fd_diag": ((mu - other_mu).square() + (sd - other_sd).square()).sum().item()}

        return score_features(self, real, fake, score)
