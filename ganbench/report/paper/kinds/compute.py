"""What a budget of compute buys: curves against D steps, images, network passes or seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ganbench.analysis.costs import AXES
from ganbench.errors import ConfigError
from ganbench.report import cells
from ganbench.report.figures import MEDIAN, beside, draw_bars, dress, make_room, shifts
from ganbench.report.paper.drawing import board_panels, nothing, wrapped
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    baselines_said,
    blocks,
    stacked,
    stamps_of,
    title,
    two_sided,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, decimals
from ganbench.report.style import Look, log_scale
from ganbench.report.words import power

LABELS = {
    "d_steps": "D steps",
    "images": "images the critic has seen",
    "passes": "network passes (generator and critic averaged)",
    "seconds": "training seconds (pack's ÷ lanes)",
}
SAID = (
    "Median of the best that a random search has finished for its cost, over 1000 random orders of the settings that"
    " were tried, from the 95th percentile of one trial's cost to a quarter of the total. A diverged trial is charged"
    " what it used."
)
BAND = (
    "the pointwise 95 % interval over bootstrap samples of the trials with their costs; where all trials cost the same,"
    " the simultaneous band of the budget curve, where both sides say something"
)
BARS = (
    "Bars at one trial's cost, at four times that and at the last cost known are"
    f" {BAND}. Curves stand a little apart, so that bars do not hide each other."
)


@dataclass(frozen=True)
class Settings:
    """The sweeps, an axis of compute, and the role or key of the metric."""

    sweeps: list[str]
    axis: str = "passes"
    metric: str = "curve"

    def __post_init__(self) -> None:
        if self.axis not in AXES:
            raise ConfigError(f"`axis` must be {', '.join(AXES[:-1])} or {AXES[-1]}, not {self.axis!r}")


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of panels and one table."""
    boards = shelf.boards(settings.sweeps)

    def curves_of(board: Board) -> pd.DataFrame:
        frame = board.of(board.ready.compute_curves, board.metric(settings.metric))
        return frame[frame["axis"] == settings.axis] if len(frame) else frame

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        curves, metric = curves_of(board), board.metric(settings.metric)
        drawn = _finite(_said(curves)) if len(curves) else curves
        if drawn.empty:
            nothing(ax, "cost not known,\nor too few settings")
            return
        groups = _said(curves).groupby("variant", sort=False)
        bars = _finite(pd.concat([curve.iloc[_stated(curve)] for _, curve in groups]))
        seen = pd.concat([drawn["median"], bars["lower"], bars["upper"]])
        dress(ax, metric, seen.astype(float), pd.Series([1.0]))
        low, high = float(drawn["cost"].min()), float(drawn["cost"].max())
        log_scale(ax, "x", low / 1.2, max(high, 1.5 * low) * 1.2)
        make_room(ax)
        for variant, shift in shifts(board.results.variants).items():
            style, curve = look[variant], drawn[drawn["variant"] == variant]
            ax.plot(curve["cost"], curve["median"], color=style.colour, marker=style.marker, markersize=3.0,
                    markevery=max(len(curve) // 5, 1), transform=beside(ax, shift))  # fmt: skip
            draw_bars(ax, bars[bars["variant"] == variant], "cost", MEDIAN, style, shift)
        ax.xaxis.set_major_formatter(lambda value, _: power(float(f"{value:.1g}")))
        ax.tick_params(axis="x", labelsize=6.5)
        ax.set_xlabel(wrapped(LABELS[settings.axis]))
        ax.set_ylabel(title(metric))

    def block(board: Board) -> Block:
        curves, metric = curves_of(board), board.metric(settings.metric)
        places = decimals(curves["median"].astype(float)) if len(curves) else 3
        rows = [
            _row(v, curves[curves["variant"] == v] if len(curves) else curves, places)
            for v in board.results.variants
        ]
        below = baselines_said(board, [metric], places)
        return Block(board, f"{board.label}, {title(metric)}", rows, below, frame=curves)

    figure = board_panels(boards, panel, text=f"Best of a search against {LABELS[settings.axis]}")
    header = (
        "model",
        f"one trial's {settings.axis.replace('_', ' ')}",
        "best for that",
        "for four times that",
        "for the last cost known",
    )
    table = stacked(
        name,
        f"Best of a search against {LABELS[settings.axis]}",
        header,
        blocks(boards, block),
        [SAID, f"[ ] is {BAND}."],
    )
    return Exhibit([table], [Drawing(name, f"{SAID} {BARS}", figure)], stamps_of(boards))


def _finite(curves: pd.DataFrame) -> pd.DataFrame:
    return curves[np.isfinite(curves["median"].astype(float))]


def _said(curves: pd.DataFrame) -> pd.DataFrame:
    """Return curves with the bounds that say something: all of resampled ones, those of two sides of exact ones."""
    exact = curves["method"] == "exact"
    return pd.concat([curves[~exact], two_sided(curves[exact], "finished")]).loc[curves.index]


def _stated(curve: pd.DataFrame) -> list[int]:
    """Return where a curve is at one trial's cost, at four times that if it goes so far, and at the last cost known."""
    cost = curve["cost"].to_numpy(dtype=float)
    four = int(np.searchsorted(cost, 4 * cost[0] * (1 + 1e-9), side="right")) - 1
    return [0, *([four] if cost[-1] >= 4 * cost[0] * (1 - 1e-9) else []), len(cost) - 1]


def _row(variant: str, curve: pd.DataFrame, places: int) -> tuple[str, ...]:
    if curve.empty:
        return variant, *[MISSING] * 4
    cell, known = cells.interval(MEDIAN, places), _said(curve)
    first, *four, last = (cell(known.iloc[place]) for place in _stated(curve))
    cost = curve["cost"].to_numpy(dtype=float)
    times = f"{last} ({cost[-1] / cost[0]:.3g} times)"
    return variant, f"{cost[0]:.3g}", first, *(four or [MISSING]), times
