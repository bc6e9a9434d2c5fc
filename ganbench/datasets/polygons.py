"""The study's convex polygons: triangles or quadrilaterals whose manifold of images is known."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from torch import Tensor

from ganbench.datasets.polygon_distance import ITERATIONS, AnyPolygon, Family, Support, squared_distance
from ganbench.datasets.polygon_raster import rasterise
from ganbench.errors import ConfigError
from ganbench.protocols import Images
from ganbench.rng import Rng
from ganbench.tree import component

FREE = {3: "any_triangle", 4: "any_quadrilateral"}


@component(batched=False)
class Polygons:
    """Black convex polygons on white, [1, S, S], in steps of 1/subpixels² (arXiv 1711.10337).

    One vertex in each sector of a circle of diameter S · scale, at least `min_angle`/2 degrees after the
    start of the sector, so that neighbours are at least `min_angle`/2 apart; a rotation; the vertices' mean
    in the centre. `full_rotation: false` is the released data, whose rotation is at most 0.1097 rad; true
    is what was meant. The manifold is the `support` (the polygons that can be drawn) or, as in the study,
    `any_triangle` (`any_quadrilateral` for four vertices): every convex one of at least the support's
    smallest area; metrics that name a manifold take theirs, the others this one. Rows are independent: the first
    `n_train` are for training, then test, then hold-out, and a shuffle such as the study's would change
    nothing. Generated in a few seconds, hence not kept on disk.
    """

    image_shape: tuple[int, ...]
    vertices: int
    n_train: int
    n_test: int
    n_holdout: int
    min_angle: float
    scale: float
    subpixels: int
    full_rotation: bool
    manifold: str
    seed: int
    study_steps: int
    study_every: int

    def __post_init__(self) -> None:
        if self.vertices not in FREE:
            raise ConfigError(f"dataset.vertices is {self.vertices}; set it to 3 or 4")
        if self.manifold not in ("support", FREE[self.vertices]):
            raise ConfigError(
                f"dataset.manifold is {self.manifold}; set it to support or {FREE[self.vertices]}"
            )
        if not (0 <= self.min_angle <= 360 / self.vertices and 0 < self.scale <= 1):
            raise ConfigError(
                f"set dataset.min_angle to 0…{360 // self.vertices} degrees and dataset.scale to 0…1"
            )
        if (
            self.image_shape != (1, self.image_shape[-1], self.image_shape[-1])
            or not 1 <= self.subpixels <= 15
        ):
            raise ConfigError("set dataset.image_shape to [1, S, S] and dataset.subpixels to 1…15")

    def load(self) -> Images:
        """Generate train and test images, float32 in [0, 1]; a second call is quick."""
        _, white = self._drawn()
        train, test = (self._images(white[part]) for part in self._parts()[:2])
        digest = hashlib.sha256(white[: self.n_train + self.n_test].numpy().tobytes()).hexdigest()
        return Images(train=train, test=test, train_labels=None, test_labels=None, content_hash=digest)

    def holdout(self) -> Tensor:
        """Return the images kept apart from training and testing, float32 [n_holdout, 1, S, S]."""
        return self._images(self._drawn()[1][self._parts()[2]])

    def squared_distance(
        self,
        samples: Tensor,
        *,
        manifold: str | None = None,
        references: int | None = None,
        starts: int = 1,
        iterations: int = ITERATIONS,
    ) -> Tensor:
        """Return the squared distance of samples [N, 1, S, S] to the manifold, [N]; the dataset's if not named.

        Levenberg–Marquardt goes `iterations` from each of the `starts` nearest of the first `references` training
        images, of all if not said. `any_polygon` is any triangle or quadrilateral, as the data's are. Raises
        `ConfigError` for another manifold and where there are fewer training images.
        """
        n = self.n_train if references is None else references
        if not 0 < starts <= n <= self.n_train:
            raise ConfigError(
                f"{n} reference polygons were asked for and {starts} of them as starts: there are"
                f" dataset.n_train={self.n_train}; lower the metric's references or polygon_starts"
            )
        q, white = (drawn[:n] for drawn in self._drawn())
        q, family = self._family(manifold or self.manifold, q)
        return squared_distance(
            samples, white, q, family, self.subpixels, starts=starts, iterations=iterations
        )

    def _family(self, manifold: str, q: Tensor) -> tuple[Tensor, Family]:
        """Return a manifold's family and the parameters in it of polygons [M, n + 1] of the support."""
        support = self._support()
        if manifold == "support":
            return q, support
        if manifold not in ("any_polygon", FREE[self.vertices]):
            raise ConfigError(
                f"a metric's manifold is {manifold}, but the polygons have {self.vertices} vertices:"
                f" set it to any_polygon, {FREE[self.vertices]} or support"
            )
        family = AnyPolygon(size=support.size, min_area=support.min_area())
        return support.vertices(q).flatten(1), family

    def _support(self) -> Support:
        return Support(
            n=self.vertices,
            min_angle=self.min_angle,
            scale=self.scale,
            size=self.image_shape[-1],
            full_rotation=self.full_rotation,
        )

    def _drawn(self) -> tuple[Tensor, Tensor]:
        total = self.n_train + self.n_test + self.n_holdout
        return _draw(self._support(), self.subpixels, self.seed, total)

    def _parts(self) -> tuple[slice, slice, slice]:
        first, second = self.n_train, self.n_train + self.n_test
        return slice(0, first), slice(first, second), slice(second, second + self.n_holdout)

    def _images(self, white: Tensor) -> Tensor:
        return white.unsqueeze(1).float() / self.subpixels**2


@lru_cache(maxsize=4)
def _draw(support: Support, subpixels: int, seed: int, total: int) -> tuple[Tensor, Tensor]:
    """Draw parameters, float64 [N, n + 1], and count their images' white sub-pixels, uint8 [N, S, S].

    In float64, lest a sub-pixel on an edge change sides with the processor's rounding.
    """
    u = Rng.of(seed, "polygons").uniform("parameters", (total, support.n + 1)).double()
    q = support.at(u)
    return q, rasterise(support.vertices(q), support.size, subpixels)
