"""The fractal dimension of samples: in how many directions they vary at the scale of their neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.sets import score_features
from ganbench.metrics.subsets import of_real, subset
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import component


def distances_from(points: Tensor, centres: int) -> Tensor:
    """Return, sorted, the distances of the first centres among points [n, F] to all others, float64."""
    x = points.to("cpu", torch.float64)
    found = torch.cdist(x[:centres], x, compute_mode="donot_use_mm_for_euclid_dist")
    others = ~torch.eye(len(found), len(x), dtype=torch.bool)
    return found[others].sort().values


def correlation_dimension(points: Tensor, *, centres: int, radii: int, window: float) -> float:
    """Return the correlation dimension of points [n, F]: the slope of ln N(r) over ln r.

    N(r) counts the points within r of `centres` of the points, themselves excluded (Grassberger and Procaccia
    1983, https://doi.org/10.1016/0167-2789(83)90298-1, the correlation integral). The least-squares line runs
    over `radii` radii, equal steps of ln r, where ln N lies within ± window · ln(n − 1) of the middle of its range
    from ln c to ln c (n − 1), at about √n neighbours a centre. 0 where these are copies of the centre, or all
    at one distance.
    """
    found = distances_from(points, centres)
    height = math.log(len(points) - 1)
    middle = math.log(min(centres, len(points))) + height / 2.0
    low, high = (math.exp(middle + sign * window * height) for sign in (-1.0, 1.0))
    nearest, farthest = found[math.ceil(low) - 1], found[min(math.ceil(high), len(found)) - 1]
    if farthest > 0.0:
        nearest = torch.maximum(nearest, found[found > 0.0][0])
    if nearest == farthest:
        return 0.0
    log_r = torch.linspace(nearest.log().item(), farthest.log().item(), radii, dtype=torch.float64)
    log_n = torch.searchsorted(found, log_r.exp(), right=True).clamp(min=1).double().log()
    centred = log_r - log_r.mean()
    return ((centred * log_n).sum() / centred.square().sum()).item()


@component(batched=False)
class FractalDimension:
    """Correlation dimension of the fakes, and how far that is from the real samples'.

    `fractal` falls where samples keep to fewer directions than the real ones vary in; noise has the highest of
    all, so the aim is the real set's value and `fractal_gap` = |fake − real|. An estimate depends on the number
    of points: both sets are cut to the size of the smaller one, by draws addressed by `seed`.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str
    centres: int
    radii: int
    window: float
    seed: int

    def __post_init__(self) -> None:
        if self.centres < 1 or self.radii < 2 or not 0.0 < self.window <= 0.5:
            raise ConfigError("the fractal dimension needs a centre, two radii and a window in (0, 0.5]")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [n, F] against features [m, F]."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            n = min(len(x), len(y))
            value = self._dimension(y, n).item()
            reference = of_real(self, real, n, lambda: self._dimension(x, n)).item()
            return {"fractal": value, "fractal_gap": abs(value - reference)}

        return score_features(self, real, fake, score)

    def _dimension(self, features: Tensor, n: int) -> Tensor:
        points = subset(features, n, Rng.of(self.seed, "fractal"))
        value = correlation_dimension(points, centres=self.centres, radii=self.radii, window=self.window)
        return torch.tensor(value, dtype=torch.float64)
