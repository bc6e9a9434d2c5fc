"""Precision, recall and F1 against the polygons, searched until they stand: the form that is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.manifold import curve, harmonic, log_area, share_within
from ganbench.metrics.manifold_inversion import search
from ganbench.protocols import Samples
from ganbench.tree import component

MANIFOLDS = ("any_polygon", "any_triangle", "any_quadrilateral", "support")


def check_manifold(manifold: str) -> None:
    """Raise `ConfigError` for a word that no dataset knows."""
    if manifold not in MANIFOLDS:
        raise ConfigError(f"a metric's manifold is one of {', '.join(MANIFOLDS)}, not {manifold!r}")


def check_area(area: tuple[float, ...]) -> None:
    """Raise `ConfigError` unless these are the two ends of a range of δ."""
    if len(area) != 2 or not 0 < area[0] < area[1]:
        raise ConfigError(f"a metric's area is a range of δ such as [0.75, 6.0], not {list(area)}")


def to_polygons(metric: ManifoldPrecision | ManifoldF1, real: Samples, fake: Samples) -> Tensor:
    """Return the squared distances [n] of a metric's fakes to its manifold."""
    distances: Tensor = real.manifold.squared_distance(
        fake.images[: metric.n_fake],
        manifold=metric.manifold,
        references=metric.references,
        starts=metric.polygon_starts,
        iterations=metric.iterations,
    )
    return distances


@component(batched=False)
class ManifoldPrecision:
    """Median squared distance of fakes to a manifold, the share within each δ, and its mean over ln δ.

    arXiv 1711.10337, whose n is 1024 and δ 0.75. Distances are squared Euclidean over all pixels, to
    the images of the polygons that `manifold` names: `support` (those the data are drawn from), `any_triangle`,
    `any_quadrilateral`, or `any_polygon`, which of these two has the data's number of vertices. Each is the
    least that Levenberg–Marquardt found in `iterations` from the `polygon_starts` nearest of `references`
    training images: an upper bound. `precision_area` is the mean over the range `area` (`manifold.log_area`).
    Takes the first `n_fake` fakes, all where there are fewer.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"manifold"})
    space: str
    directions: Mapping[str, str]
    at: str
    manifold: str
    references: int
    polygon_starts: int
    iterations: int
    n_fake: int
    deltas: tuple[float, ...]
    area: tuple[float, ...]

    def __post_init__(self) -> None:
        check_manifold(self.manifold)
        check_area(self.area)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives: `distance`, `precision@δ` and `precision_area`."""
        return ("distance", *(f"precision@{delta:g}" for delta in self.deltas), "precision_area")

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score images [N, C, H, W] by `real.manifold`."""
        distances = to_polygons(self, real, fake)
        over = curve(distances, distances)
        values = [distances.double().quantile(0.5).item(), *(share_within(distances, d) for d in self.deltas)]
        area = log_area(over.deltas, over.precision, *self.area)
        return dict(zip(self.names, [*values, area], strict=True))


@component(batched=False)
class ManifoldF1:
    """Recall by inverting the generator and F1, with what recall still gains by searching twice as long.

    arXiv 1711.10337. Precision's distances are those of `ManifoldPrecision`. A real image x is recalled at δ
    if min_z ‖x − G(z)‖² ≤ δ as far as `manifold_inversion.search` finds it in `steps` steps (with `slope` also in
    half as many, and the better counts). **Recall and F1 are lower bounds**; `recall_slope@δ` is recall
    minus what half the steps found, the gain of the last doubling. `recall_area` and `f1_area` are means over
    ln δ in the range `area`. Takes the first `n_real` real images and `n_fake` fakes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"generator", "manifold"})
    unranked: ClassVar[frozenset[str]] = frozenset({"recall_slope"})  # qualifies recall, ranks nothing
    space: str
    directions: Mapping[str, str]
    at: str
    manifold: str
    references: int
    polygon_starts: int
    iterations: int
    n_real: int
    n_fake: int
    pool: int
    starts: int
    steps: int
    lr: float
    slope: bool
    deltas: tuple[float, ...]
    area: tuple[float, ...]

    def __post_init__(self) -> None:
        check_manifold(self.manifold)
        check_area(self.area)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives: `recall@δ`, `f1@δ`, `recall_slope@δ` if asked for, and both areas."""
        bare = ("recall", "f1", "recall_slope") if self.slope else ("recall", "f1")
        return (*(f"{name}@{delta:g}" for delta in self.deltas for name in bare), "recall_area", "f1_area")

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score `fake.generator` against real images [N, C, H, W] and fakes by `real.manifold`."""
        to_manifold = to_polygons(self, real, fake)
        found = self.inversion(real.images[: self.n_real], fake)
        values = [value for delta in self.deltas for value in self._at(delta, to_manifold, found)]
        over = curve(to_manifold, found[-1])
        areas = [log_area(over.deltas, line, *self.area) for line in (over.recall, over.f1)]
        return dict(zip(self.names, [*values, *areas], strict=True))

    def _at(self, delta: float, to_manifold: Tensor, found: Tensor) -> list[float]:
        """Return recall, F1 and, if asked for, recall's slope at one δ."""
        recalls = [share_within(distances, delta) for distances in found]
        f1 = harmonic(share_within(to_manifold, delta), recalls[-1])
        return [recalls[-1], f1, *(recalls[-1] - recall for recall in recalls[:-1])]

    def inversion(self, targets: Tensor, fake: Samples) -> Tensor:
        """Return the squared distances [1 or 2, n] of targets [n, C, H, W], found in half the steps and in all."""
        lengths = (self.steps // 2, self.steps) if self.slope else (self.steps,)
        return search(targets, fake, pool=self.pool, starts=self.starts, lengths=lengths, lr=self.lr)
