"""The same question along training: the best of k had every trial been stopped at a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ganbench.report.figures import dress
from ganbench.report.paper.drawing import board_panels, nothing
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    baselines_said,
    blocks,
    stacked,
    stamps_of,
    title,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, decimals, number
from ganbench.report.style import Look

SAID = (
    "Median of the best of k random settings had every trial been stopped at a checkpoint; a trial's score there is"
    " its best finite one so far."
)


@dataclass(frozen=True)
class Settings:
    """The sweeps, the budget k, and the role or key of the metric."""

    sweeps: list[str]
    k: int = 5
    metric: str = "curve"


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of panels and one table."""
    boards = shelf.boards(settings.sweeps)

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        metric = board.metric(settings.metric)
        curves = board.of(board.ready.checkpoint_curves, metric)
        k = _budget(curves["k"].max() if len(curves) else np.nan, settings.k)
        drawn = (
            curves[(curves["k"] == k) & np.isfinite(curves["median"].astype(float))]
            if len(curves)
            else curves
        )
        if drawn.empty:
            nothing(ax)
            return
        for variant, curve in drawn.groupby("variant", sort=False):
            style = look[str(variant)]
            ax.plot(curve["step"], curve["median"], color=style.colour, marker=style.marker)
        dress(ax, metric, drawn["median"].astype(float), drawn["k"])
        ax.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        ax.set_xlim(0, 1.04 * float(drawn["step"].max()))
        ax.set_xlabel(f"D steps of each trial (k = {k:.0f})")
        ax.set_ylabel(title(metric))

    def block(board: Board) -> Block:
        metric = board.metric(settings.metric)
        curves = board.of(board.ready.checkpoint_curves, metric)
        known = curves[curves["k"] == _budget(curves["k"].max() if len(curves) else np.nan, settings.k)]
        places = decimals(known["median"].astype(float)) if len(known) else 3
        rows = []
        for variant in board.results.variants:
            ours = known[known["variant"] == variant].sort_values("step")
            cells = [
                f"{number(float(v), places)} @ {s}" for s, v in zip(ours["step"], ours["median"], strict=True)
            ]
            picked = [cells[0], cells[len(cells) // 2], cells[-1]] if cells else [MISSING] * 3
            rows.append((variant, *picked))
        below = baselines_said(board, [metric], places)
        return Block(board, f"{board.label}, {title(metric)}", rows, below, frame=known)

    figure = board_panels(boards, panel, text="Best of k settings, had training been stopped earlier")
    header = ("model", "first checkpoint", "middle", "last")
    notes = [SAID, "Each cell: score @ D steps."]
    table = stacked(name, "Best of k settings along training", header, blocks(boards, block), notes)
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(boards))


def _budget(largest: float, wanted: int) -> float:
    """Return the budget that is shown: the one asked for, or the largest there is."""
    return min(float(wanted), float(largest))
