"""Geometry Score: do samples have as many holes as the data, and do these live as long?"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.sets import score_features
from ganbench.metrics.subsets import of_real, subset
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import component

POINTS = 5000  # the sample size that the authors' γ belongs to; it grows in proportion


def living_times(intervals: Tensor, end: float, most: int) -> Tensor:
    """Return the shares [most] of [0, end] during which exactly 0, 1, … of the intervals [k, 2] are alive.

    Khrulkov and Oseledets 2018, arXiv 1802.02664, eqs. 2 and 3: the relative living times of k holes.
    """
    clipped = intervals.clamp(0.0, end)
    turns = torch.cat([clipped.flatten(), torch.tensor([0.0, end], dtype=torch.float64)]).sort().values
    middles, lengths = (turns[1:] + turns[:-1]) / 2.0, turns.diff()
    alive = ((clipped[:, :1] <= middles) & (middles < clipped[:, 1:])).sum(0)
    shares = torch.zeros(len(intervals) + 1, dtype=torch.float64).index_add(0, alive, lengths) / end
    return torch.cat([shares, shares.new_zeros(most)])[:most]


def holes(distances: Tensor, end: float) -> Tensor:
    """Return the intervals [k, 2] over which one-dimensional holes live in the witness complex up to α = end.

    Distances [n, l] lead from witnesses to landmarks. A simplex of at most three landmarks is decided, for a
    witness, by its fourth-nearest landmark: those farther than that by more than α can be left out.
    """
    import gudhi  # noqa: PLC0415  (an extra)

    near, landmark = distances.sort(1)
    fourth = min(3, near.shape[1] - 1)
    kept = (near <= near[:, fourth : fourth + 1] + end).sum(1).tolist()
    most = max(kept)
    rows = zip(landmark[:, :most].tolist(), near[:, :most].tolist(), kept, strict=True)
    table = [list(zip(which[:k], far[:k], strict=True)) for which, far, k in rows]
    tree = gudhi.WitnessComplex(table).create_simplex_tree(max_alpha_square=end, limit_dimension=2)
    tree.compute_persistence(homology_coeff_field=2)
    found = tree.persistence_intervals_in_dimension(1)
    return torch.as_tensor(found, dtype=torch.float64).reshape(-1, 2)


def mean_living_times(
    points: Tensor, rng: Rng, *, landmarks: int, draws: int, gamma: float, most: int
) -> Tensor:
    """Return the mean relative living times [most] of the holes of points [n, F] over draws of landmarks.

    α ends at γ · n / 5000 · the largest distance between a point and a landmark. arXiv 1802.02664, algorithm 1,
    but for landmarks drawn without repetition. Points that are all one have no hole.
    """
    x = points.to("cpu", torch.float64)
    x = x - x[0]  # distances by products are exact enough only near the origin
    if not bool(x.any()):
        return living_times(torch.zeros(0, 2, dtype=torch.float64), 1.0, most)
    times = []
    for draw in range(draws):
        chosen = rng.fold(torch.tensor(draw)).permutation("landmarks", len(x))[:landmarks]
        distances = torch.cdist(x[chosen], x).T
        end = gamma * len(x) / POINTS * distances.max().item()
        times.append(living_times(holes(distances, end), end, most))
    return torch.stack(times).mean(0)


@component(batched=False)
class GeometryScore:
    """Squared distance of the mean relative living times of holes, real against fake; smaller is better.

    Khrulkov and Oseledets 2018, arXiv 1802.02664, algorithm 2; Betti numbers in dimension one over the field of
    two elements. Blind to where the samples lie and how large they are: only their shape counts. Takes the first
    `n_real` and `n_fake` samples, as many of one side as of the other; `landmarks` of them a draw, `draws` draws,
    addressed by `seed`; up to `holes` − 1 simultaneous holes are told apart. Raises `ConfigError` without gudhi.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str
    n_real: int
    n_fake: int
    landmarks: int
    draws: int
    gamma: float
    holes: int
    seed: int

    def __post_init__(self) -> None:
        if find_spec("gudhi") is None:
            raise ConfigError("the geometry score needs gudhi: pip install 'ganbench[geometry]'")
        if (
            min(self.n_real, self.n_fake, self.landmarks) < 2
            or min(self.draws, self.holes) < 1
            or self.gamma <= 0.0
        ):
            raise ConfigError(
                "the geometry score needs two points and landmarks, a draw, a hole and gamma > 0"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score features [n, F] against features [m, F]."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            x, y = x[: self.n_real], y[: self.n_fake]
            n = min(len(x), len(y))
            reference = of_real(self, real, n, lambda: self._times(x, n))
            return {"geometry": (reference - self._times(y, n)).square().sum().item()}

        return score_features(self, real, fake, score)

    def _times(self, features: Tensor, n: int) -> Tensor:
        rng = Rng.of(self.seed, "geometry")
        return mean_living_times(
            subset(features, n, rng),
            rng,
            landmarks=self.landmarks,
            draws=self.draws,
            gamma=self.gamma,
            most=self.holes,
        )
