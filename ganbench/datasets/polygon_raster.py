"""Convex polygons on a pixel grid: the exact sub-pixel raster and the slope of a linear-ramp one.

Points are (row, column) in pixels; sub-pixel i of r per pixel stands at i/r. Images are white (1) outside and
black (0) inside, as in the study's data.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BLOCK = 256  # polygons rasterised at a time: the spans of a block stay in the processor's cache


def _window_start(subpixels: int) -> int:
    """Return how many sub-pixels before its position a pixel's window begins, as in scipy's `convolve`."""
    return subpixels - 1 - subpixels // 2


def _spans(vertices: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least and greatest column of polygons [B, n, 2] on rows [R]: [B, R]; inf, −inf if none."""
    start, end = vertices.unsqueeze(2), vertices.roll(-1, 1).unsqueeze(2)
    crossed = (start[..., 0] <= rows) != (end[..., 0] <= rows)
    slope = (end[..., 1] - start[..., 1]) / (end[..., 0] - start[..., 0])
    column = start[..., 1] + (rows - start[..., 0]) * slope
    return torch.where(crossed, column, math.inf).amin(1), torch.where(crossed, column, -math.inf).amax(1)


def _count(vertices: Tensor, size: int, subpixels: int) -> Tensor:
    """Count the white sub-pixels of each pixel, uint8 [B, size, size], for one block."""
    before, limit = _window_start(subpixels), size * subpixels
    rows = torch.arange(limit, dtype=vertices.dtype, device=vertices.device) - before
    low, high = _spans(vertices * subpixels, rows)
    first = low.ceil().clamp(0, limit).to(torch.int16)
    stop = (high.floor() + 1).clamp(0, limit).to(torch.int16)
    stop = torch.where((rows < 0) | (stop < first), first, stop)
    window = (torch.arange(size, device=vertices.device) * subpixels - before).to(torch.int16)
    columns = [(edge.unsqueeze(-1) - window).clamp(0, subpixels) for edge in (first, stop)]
    inside = (columns[1] - columns[0]).reshape(-1, size, subpixels, size)
    black: Tensor = inside.sum(2, dtype=torch.int16)
    return (subpixels**2 - black).to(torch.uint8)


def rasterise(vertices: Tensor, size: int, subpixels: int) -> Tensor:
    """Count the white sub-pixels of each pixel, 0…subpixels², of convex polygons [N, n, 2]: uint8 [N, S, S].

    A sub-pixel is black where its position lies inside the polygon. The window of pixel k is the study's
    convolution with r×r ones: sub-pixels rk − (r − 1 − ⌊r/2⌋) … rk + ⌊r/2⌋, white beyond the border.
    """
    return torch.cat([_count(block, size, subpixels) for block in torch.split(vertices, BLOCK)])


def _along(pixels: Tensor, vertices: Tensor, direction: Tensor) -> Tensor:
    """Return (p − a) · u for pixels p [P, 2] and each edge's start a and direction u [B, n, 2]: [B, P, n]."""
    return pixels @ direction.mT - (direction * vertices).sum(-1).unsqueeze(1)


def ramp_jacobian(vertices: Tensor, size: int, subpixels: int) -> Tensor:
    """Differentiate the raster 1 − clamp(½ + d, 0, 1) by the vertices [B, n, 2]: [B, size², 2n].

    d is a pixel's signed distance to its nearest edge line, positive inside. Moving an edge's ends by δa
    and δb moves the line by (1 − τ) δa + τ δb along its normal, with τ the pixel's foot on the edge: hence
    the closed form. Counter-clockwise polygons only.
    """
    centre = (subpixels // 2 - (subpixels - 1) / 2) / subpixels  # the middle of a pixel's window
    axis = torch.arange(size, dtype=vertices.dtype, device=vertices.device) + centre
    pixels = torch.cartesian_prod(axis, axis)
    edge = vertices.roll(-1, 1) - vertices
    length = edge.norm(dim=2, keepdim=True).clamp_min(1e-6)
    normal = torch.stack([-edge[..., 1], edge[..., 0]], -1) / length
    depth, closest = _along(pixels, vertices, normal).min(2, keepdim=True)
    foot = _along(pixels, vertices, edge / length.square()).gather(2, closest)
    index = torch.arange(vertices.shape[1], device=vertices.device)
    on_ramp = ((index == closest) & (depth.abs() < 0.5)).to(depth)
    weight = on_ramp * (1 - foot) + (on_ramp * foot).roll(1, 2)
    direction = normal.gather(1, closest.expand(-1, -1, 2))
    slope: Tensor = weight.unsqueeze(-1) * direction.unsqueeze(2)
    return slope.flatten(2)
