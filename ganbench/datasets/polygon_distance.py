"""How far an image is from the images of polygons: the nearest reference, then Levenberg–Marquardt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench.datasets.polygon_raster import ramp_jacobian, rasterise

ITERATIONS = (
    4  # of the cheap search; what more of them and more starts find: benchmarks/polygon_convergence.py
)
DAMPING, DAMPING_MIN = 0.01, 1e-4  # a tenth after a step that helps, tenfold after one that does not
SAMPLES, REFERENCES = 1024, 4096  # sizes of one matrix product
BLOCK = 128  # samples refined at a time


class Family(Protocol):
    """A parametrised set of convex polygons; vertices run counter-clockwise in (row, column)."""

    def vertices(self, q: Tensor) -> Tensor:
        """Map parameters [B, P] to vertices [B, n, 2] in pixels."""
        ...

    def jacobian(self, q: Tensor) -> Tensor:
        """Differentiate the vertices by the parameters, [B, 2n, P]."""
        ...

    def project(self, q: Tensor) -> Tensor:
        """Clamp parameters to their bounds."""
        ...

    def contains(self, vertices: Tensor) -> Tensor:
        """Say which polygons [B, n, 2] belong to the family, bool [B]."""
        ...


@dataclass(frozen=True)
class Support:
    """The polygons the study draws: vertices on a circle, one to a sector, rotated, their mean in the centre.

    Parameters q = (angles α₁ … αₙ, rotation θ) in radians, uniform in a box: αᵢ in 360/n · (i − 1) + [m/2,
    360/n) degrees with m = `min_angle`; θ in [0, 2π) radians, or, with `full_rotation` false, in [0, 2π)
    *degrees*, the slip of the released code. With φ = α − θ and w = (cos φ, sin φ), vertex i is size/2 +
    size · scale/2 · (wᵢ − mean w), row first.
    """

    n: int
    min_angle: float
    scale: float
    size: int
    full_rotation: bool

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the box's lower and upper corner, float64 [n + 1]."""
        sector = 2 * math.pi / self.n
        starts = torch.arange(self.n + 1, dtype=torch.float64) * sector
        lower, upper = starts + math.radians(self.min_angle) / 2, starts + sector
        lower[-1], upper[-1] = 0.0, 2 * math.pi if self.full_rotation else math.radians(2 * math.pi)
        return lower, upper

    def at(self, u: Tensor) -> Tensor:
        """Map points u of the unit cube, float64 [B, n + 1], to parameters."""
        lower, upper = self.bounds()
        return lower + u * (upper - lower)

    def vertices(self, q: Tensor) -> Tensor:
        """Map parameters [B, n + 1] to vertices [B, n, 2] in pixels."""
        phi = q[:, :-1] - q[:, -1:]
        w = torch.stack([phi.cos(), phi.sin()], -1)
        return self.size / 2 + self.size * self.scale / 2 * (w - w.mean(1, keepdim=True))

    def jacobian(self, q: Tensor) -> Tensor:
        """Differentiate the vertices by the parameters, [B, 2n, n + 1]."""
        phi = q[:, :-1] - q[:, -1:]
        tangent = torch.stack([-phi.sin(), phi.cos()], 1)  # [B, 2, n]
        centring = torch.eye(self.n, dtype=q.dtype, device=q.device) - 1 / self.n
        by_angle = self.size * self.scale / 2 * (centring[:, None, :] * tangent[:, None]).flatten(1, 2)
        return torch.cat([by_angle, -by_angle.sum(2, keepdim=True)], 2)

    def project(self, q: Tensor) -> Tensor:
        """Clamp parameters to the box; of the rotations that leave φ as it is, take the middle one."""
        lower, upper = (bound.to(q) for bound in self.bounds())
        phi = q[:, :-1] - q[:, -1:]
        turn = ((lower[:-1] - phi).amax(1, keepdim=True) + (upper[:-1] - phi).amin(1, keepdim=True)) / 2
        if not self.full_rotation:  # a full turn has no ends
            turn = turn.clamp(lower[-1], upper[-1])
        return torch.cat([(phi + turn).clamp(lower[:-1], upper[:-1]), turn], 1)

    def contains(self, vertices: Tensor) -> Tensor:
        """Say that the polygons of all parameters in the box belong."""
        return torch.ones(len(vertices), dtype=torch.bool, device=vertices.device)

    def min_area(self) -> float:
        """Return the smallest area in the support, in square pixels.

        Given its neighbours, a vertex adds 2 sin(G/2) cos(x) to Σ sin(gap), with G their gap and |x| ≤ π its
        distance from the middle: the least area is at a corner of the box.
        """
        lower, upper = self.bounds()
        corners = torch.cartesian_prod(*torch.stack([lower, upper], 1))
        return float(area(self.vertices(corners)).min())


@dataclass(frozen=True)
class AnyPolygon:
    """Any convex polygon of n vertices in the frame [0, size]², of at least `min_area` square pixels.

    Without the bound a polygon could shrink to nothing, and the blank image would lie on the manifold.
    """

    size: int
    min_area: float

    def vertices(self, q: Tensor) -> Tensor:
        """Map parameters [B, 2n], the coordinates themselves, to vertices [B, n, 2]."""
        return q.reshape(len(q), -1, 2)

    def jacobian(self, q: Tensor) -> Tensor:
        """Return the identity, [B, 2n, 2n]."""
        return torch.eye(q.shape[1], dtype=q.dtype, device=q.device).expand(len(q), -1, -1)

    def project(self, q: Tensor) -> Tensor:
        """Clamp the coordinates to the frame."""
        return q.clamp(0, self.size)

    def contains(self, vertices: Tensor) -> Tensor:
        """Say which polygons turn left at every vertex and are large enough."""
        edge = vertices.roll(-1, 1) - vertices
        turns = _cross(edge, edge.roll(-1, 1))
        return (turns > 0).all(1) & (area(vertices) >= self.min_area)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def area(vertices: Tensor) -> Tensor:
    """Return the areas of polygons [B, n, 2] by the shoelace formula, positive if counter-clockwise."""
    return _cross(vertices, vertices.roll(-1, 1)).sum(1) / 2


def nearest(samples: Tensor, white: Tensor, levels: int, k: int = 1) -> Tensor:
    """Return the indices of the k references nearest to each sample, nearest first: int64 [N, k].

    `samples` are float [N, P], the references uint8 [M, P] counts of white among `levels`. Compares
    ‖b‖² − 2⟨a, b⟩ of the *ink* 1 − image, whose small norm keeps float32's digits.
    """
    ink = 1 - samples
    best = torch.full((len(ink), k), math.inf, device=ink.device)
    index = torch.zeros(len(ink), k, dtype=torch.int64, device=ink.device)
    for start in range(0, len(white), REFERENCES):
        reference = 1 - white[start : start + REFERENCES].to(ink) / levels
        value, at = _least(torch.addmm(reference.square().sum(1), ink, reference.mT, alpha=-2), k)
        best, order = torch.cat([best, value], 1).sort(dim=1, stable=True)
        best, index = best[:, :k], torch.cat([index, at + start], 1).gather(1, order[:, :k])
    return index


def _least(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return each row's k least values and where they are; of equal ones the first, if k is 1."""
    return values.topk(min(k, values.shape[1]), 1, largest=False) if k > 1 else values.min(1, keepdim=True)


def refine(images: Tensor, q: Tensor, family: Family, subpixels: int, iterations: int = ITERATIONS) -> Tensor:
    """Fit a polygon of the family to each image [B, S, S], from parameters [B, P]; squared distances [B].

    Levenberg–Marquardt with the exact raster's residuals and the ramp raster's slopes:
    (JᵀJ + λ diag JᵀJ) δ = Jᵀr. Only steps that stay in the family and lower the exact distance are kept.
    """
    size = images.shape[-1]

    def residual(q: Tensor) -> Tensor:
        return (rasterise(family.vertices(q), size, subpixels).to(images) / subpixels**2 - images).flatten(1)

    r = residual(q)
    best = r.square().sum(1)
    damping = torch.full_like(best, DAMPING)
    for _ in range(iterations):
        slope = ramp_jacobian(family.vertices(q), size, subpixels) @ family.jacobian(q)
        trial = family.project(q - _damped_step(slope, r, damping))
        trial_r = residual(trial)
        distance = trial_r.square().sum(1)
        better = (distance < best) & family.contains(family.vertices(trial))
        q = torch.where(better.unsqueeze(1), trial, q)
        r = torch.where(better.unsqueeze(1), trial_r, r)
        best = torch.where(better, distance, best)
        damping = torch.where(better, damping / 10, damping * 10).clamp_min(DAMPING_MIN)
    return best


def _damped_step(slope: Tensor, r: Tensor, damping: Tensor) -> Tensor:
    """Return the steps δ [B, P]; where there is none it is not finite, lowers nothing and is not kept."""
    normal = slope.mT @ slope
    scale = normal.diagonal(dim1=1, dim2=2) + 1e-3  # a parameter that moves no pixel still needs a pivot
    damped = normal + torch.diag_embed(scale * damping.unsqueeze(1))
    step: Tensor = torch.linalg.solve_ex(damped, slope.mT @ r.unsqueeze(2)).result
    return step.squeeze(2)


def squared_distance(
    samples: Tensor,
    white: Tensor,
    q: Tensor,
    family: Family,
    subpixels: int,
    *,
    starts: int = 1,
    iterations: int = ITERATIONS,
) -> Tensor:
    """Return each sample's squared distance to the images of a family's polygons, [N].

    `samples` are float [N, 1, S, S]; `white` uint8 [M, S, S] and `q` [M, P] are the references and their
    parameters. An upper bound: the least distance that refinement reaches from the `starts` nearest
    references, or the nearest one's own where that is smaller.
    """
    images, references = samples.squeeze(1), white.flatten(1)
    parts = [part.flatten(1) for part in torch.split(images, SAMPLES)]
    near = torch.cat([nearest(part, references, subpixels**2, starts) for part in parts])
    found = [
        _refined(images, q[index.to(q.device)], family, subpixels, iterations) for index in near.unbind(1)
    ]
    return torch.stack(found).amin(0)


def _refined(images: Tensor, start: Tensor, family: Family, subpixels: int, iterations: int) -> Tensor:
    blocks = zip(torch.split(images, BLOCK), torch.split(start.to(images), BLOCK), strict=True)
    return torch.cat([refine(image, q, family, subpixels, iterations) for image, q in blocks])
