"""Nearest neighbours in feature space by brute force, in tiles: distances between two sets are never all in memory.

Squared Euclidean distances in float64 through products of the points, the columns' mean taken off first.
Rounding puts equal points a little off 0, on either side, so distances are equal that differ by less
than `SLACK` of the points' squared norms.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganbench.metrics.subsets import of_real
from ganbench.protocols import Samples

SLACK = 1e-12  # above the rounding of a sum of 4096 products, far below what tells two features apart
TILE = 2**24  # distances held at once: 128 MiB


def tiles(rows: Tensor, columns: Tensor, slack: float = 0.0) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of rows [m, F] with their squared distances [·, n] to all of the columns [n, F].

    They come out larger (smaller where it is negative) by `slack` of the squared norms.
    """
    origin = columns.mean(0, dtype=torch.float64)
    y = columns.double() - origin
    y_norms = y.square().sum(1) * (1.0 + slack)
    size = max(TILE // len(y), 1)
    for start in range(0, len(rows), size):
        x = rows[start : start + size].double() - origin
        x_norms = x.square().sum(1, keepdim=True) * (1.0 + slack)
        yield slice(start, start + len(x)), torch.addmm(y_norms, x, y.T, alpha=-2.0).add_(x_norms)


def radii(points: Tensor, k: int) -> Tensor:
    """Return each point's squared distance to its k-th nearest other point, [n]; needs more than k points."""
    nearest = [distances.topk(k + 1, largest=False).values[:, -1] for _, distances in tiles(points, points)]
    return torch.cat(nearest).clamp(min=0.0)


def reference_radii(real: Samples, features: Tensor, space: str, k: int) -> Tensor:
    """Return the radii of the reference's features, kept in the cache wherever its samples have a key."""
    found = of_real(("radii", space, k), real, len(features), lambda: radii(features, k))
    return found.to(features.device)


def balls(rows: Tensor, columns: Tensor, *, inclusive: bool) -> Iterator[tuple[slice, Tensor]]:
    """Yield squared distances in tiles; a point lies in a ball if they are at most its squared radius.

    On the edge it does so only if that is `inclusive`.
    """
    return tiles(rows, columns, slack=-SLACK if inclusive else SLACK)
