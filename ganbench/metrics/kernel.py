"""Kernel distance (KID): squared maximum mean discrepancy with a polynomial kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.sets import check_size, score_features
from ganbench.metrics.subsets import canonical, of_real
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import component

ROWS = 1024  # of the kernel matrix held at once


@component(batched=False)
class KernelDistance:
    """Unbiased squared MMD with the kernel (x · y / F + coef0)^degree; smaller is better, below 0 is possible.

    Bińkowski et al. 2018, arXiv 1801.01401, sec. 2 and 4, there with degree 3 and coef0 1. With `subsets` 0 all pairs
    count at once: the estimate of least variance. Otherwise it is the mean over that many pairs of
    random subsets of `subset_size`, each without repetition, as torch-fidelity's (100 of 1000 by
    default); both have the same expectation, whatever the sizes. Raises `ConfigError` where a side is smaller
    than a subset.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str
    degree: int
    coef0: float
    subsets: int
    subset_size: int
    seed: int

    def __post_init__(self) -> None:
        if self.subsets and self.subset_size < 2:
            raise ConfigError(f"an unbiased estimate needs subset_size 2 or more, not {self.subset_size}")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return ("kid",)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [m, F] against features [n, F]."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            if self.subsets:
                return {"kid": self._over_subsets(x[canonical(x)], y[canonical(y)])}
            return {"kid": self._distance(x, y, of_real(self, real, len(x), lambda: self._within(x)))}

        return score_features(self, real, fake, score)

    def _over_subsets(self, x: Tensor, y: Tensor) -> float:
        check_size(self, self.subset_size, len(x), len(y))
        rng, total = Rng.of(self.seed, "kid"), 0.0
        for i in range(self.subsets):
            some_x = x[rng.permutation(f"real {i}", len(x))[: self.subset_size].to(x.device)]
            some_y = y[rng.permutation(f"fake {i}", len(y))[: self.subset_size].to(y.device)]
            total += self._distance(some_x, some_y, self._within(some_x))
        return total / self.subsets

    def _distance(self, x: Tensor, y: Tensor, within_x: Tensor) -> float:
        across = mean_kernel(x, y, self.degree, self.coef0)
        return (within_x.to(across.device) + self._within(y) - 2.0 * across).item()

    def _within(self, x: Tensor) -> Tensor:
        return mean_within(x, self.degree, self.coef0)


def mean_kernel(x: Tensor, y: Tensor, degree: int, coef0: float) -> Tensor:
    """Return the mean of (x · y / F + coef0)^degree over all pairs of x [m, F] and y [n, F], float64."""
    columns = y.double().T / y.shape[1]
    sums = [(rows.double() @ columns).add_(coef0).pow_(degree).sum() for rows in torch.split(x, ROWS)]
    return torch.stack(sums).sum() / (len(x) * len(y))


def mean_within(x: Tensor, degree: int, coef0: float) -> Tensor:
    """Return the mean of the kernel over all pairs of different points of x [n, F], float64."""
    n = len(x)
    diagonal = (x.double().square().sum(1) / x.shape[1] + coef0).pow(degree).sum()
    return (n * n * mean_kernel(x, x, degree, coef0) - diagonal) / (n * (n - 1))
