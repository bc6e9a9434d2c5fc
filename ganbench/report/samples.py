"""What the models make: scatter plots of vectors, grids of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganbench.analysis.results import Results
from ganbench.report.style import GREY, PALE, headline, looks, panels

SIDE = 6  # images a row and a column
GAP = 1  # white pixels between them
REAL = "real"


def available(results: Results, dataset: str) -> bool:
    """Return whether any variant has samples to show."""
    return any((variant, dataset) in results.samples for variant in results.variants)


def figure(results: Results, dataset: str) -> Figure:
    """Draw a panel of real samples and one a variant."""
    names = [n for n in (REAL, *results.variants) if (n, dataset) in results.samples]
    look = looks(results.variants)
    columns = min(5 if len(names) > 8 else 4, len(names))
    rows = math.ceil(len(names) / columns)
    drawn, axes = panels(rows, columns, size=(1.7, 1.85))
    real = results.samples.get((REAL, dataset))
    for ax, name in zip(axes, names, strict=False):
        picture(ax, results.samples[name, dataset], real, look[name].colour if name in look else GREY)
        ax.set_title(name)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    headline(drawn, f"{dataset}: samples")
    return drawn


def picture(ax: Axes, samples: NDArray[Any], real: NDArray[Any] | None, colour: str = GREY) -> None:
    """Draw samples: vectors as points over the real ones, images as tiles."""
    if samples.ndim == 2:
        scatter(ax, samples, real, colour)
    else:
        _mosaic(ax, samples)


def scatter(ax: Axes, samples: NDArray[Any], real: NDArray[Any] | None, colour: str) -> None:
    """Draw the first two coordinates over the real ones; says how many lie outside their window."""
    window = samples if real is None else real
    window = window[np.isfinite(window).all(axis=1)]
    centre = window[:, :2].mean(axis=0)
    reach = 1.25 * float(np.abs(window[:, :2] - centre).max(initial=0.0)) or 1.0
    if real is not None:
        ax.plot(real[:, 0], real[:, 1], ".", color=PALE, markersize=2.5, zorder=1)
    ax.plot(samples[:, 0], samples[:, 1], ".", color=colour, markersize=2.0, alpha=0.6, zorder=2)
    ax.set_xlim(centre[0] - reach, centre[0] + reach)
    ax.set_ylim(centre[1] - reach, centre[1] + reach)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set(visible=True, color=PALE)
    inside = np.all(np.abs(samples[:, :2] - centre) <= reach, axis=1)
    if not inside.all():
        share = 100 * (1 - inside.mean())
        said = f"{share:.0f} % outside" if share >= 1 else "< 1 % outside"
        ax.text(0.02, 0.02, said, transform=ax.transAxes, fontsize=6.5, color=GREY)


def _mosaic(ax: Axes, images: NDArray[Any]) -> None:
    """Draw images as tiles."""
    tiles = mosaic(images)
    ax.imshow(
        tiles,
        cmap="gray" if tiles.ndim == 2 else None,
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    ax.set_axis_off()


def mosaic(images: NDArray[Any]) -> NDArray[Any]:
    """Return up to 36 images [N, C, H, W] as one [H', W'] or [H', W', 3]; what is not finite is grey."""
    side = min(SIDE, math.isqrt(len(images)) or 1)
    shown = np.nan_to_num(images[: side * side].astype(float), nan=0.5, posinf=0.5, neginf=0.5).clip(0, 1)
    shown = np.pad(shown, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=1.0)
    _, channels, height, width = shown.shape
    tiles = shown.reshape(side, side, channels, height, width).transpose(0, 3, 1, 4, 2)
    joined = tiles.reshape(side * height, side * width, channels)
    return joined[..., 0] if channels == 1 else joined
