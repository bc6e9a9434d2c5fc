"""The same question along training: the best of k had every trial been stopped at a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ganbench.report import cells
from ganbench.report.figures import MEDIAN, beside, draw_bars, dress, make_room, shifts
from ganbench.report.paper.drawing import board_panels, nothing
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    baselines_said,
    blocks,
    few_notes,
    stacked,
    stamps_of,
    title,
    two_sided,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, decimals
from ganbench.report.style import Look

SAID = (
    "Median of the best of k random settings had every trial been stopped at a checkpoint; a trial's score there is"
    " its best finite one so far."
)
BAND = "opda's 95 % band, simultaneous over k at each checkpoint, where both sides say something"
BARS = f"Bars at the first, the middle and the last checkpoint are {BAND}; curves stand a little apart."


@dataclass(frozen=True)
class Settings:
    """The sweeps, the budget k, and the role or key of the metric."""

    sweeps: list[str]
    k: int = 5
    metric: str = "curve"


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of panels and one table."""
    boards = shelf.boards(settings.sweeps)

    def curves_of(board: Board) -> pd.DataFrame:
        curves = board.of(board.ready.checkpoint_curves, board.metric(settings.metric))
        return curves[curves["k"] == _budget(curves["k"].max() if len(curves) else np.nan, settings.k)]

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        metric, curves = board.metric(settings.metric), two_sided(curves_of(board), "k")
        drawn, bars = (rows[np.isfinite(rows["median"].astype(float))] for rows in (curves, _stated(curves)))
        if drawn.empty:
            nothing(ax)
            return
        seen = pd.concat([drawn["median"], bars["lower"], bars["upper"]])
        dress(ax, metric, seen.astype(float), drawn["k"])
        ax.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        ax.set_xlim(0, 1.04 * float(drawn["step"].max()))
        make_room(ax)
        for variant, shift in shifts(board.results.variants).items():
            curve, style = drawn[drawn["variant"] == variant], look[variant]
            ax.plot(curve["step"], curve["median"], color=style.colour, marker=style.marker,
                    transform=beside(ax, shift))  # fmt: skip
            draw_bars(ax, bars[bars["variant"] == variant], "step", MEDIAN, style, shift)
        ax.set_xlabel(f"D steps of each trial (k = {drawn['k'].max():.0f})")
        ax.set_ylabel(title(metric))

    def block(board: Board) -> Block:
        metric, known = board.metric(settings.metric), curves_of(board)
        places = decimals(known["median"].astype(float)) if len(known) else 3
        cell = cells.interval(MEDIAN, places)
        rows = []
        for variant in board.results.variants:
            ours = _stated(two_sided(known[known["variant"] == variant], "k"))
            said = [f"{cell(row)} @ {row['step']}" for _, row in ours.iterrows()]
            rows.append((variant, *(said or [MISSING] * 3)))
        below = baselines_said(board, [metric], places)
        return Block(board, f"{board.label}, {title(metric)}", rows, below, frame=known)

    figure = board_panels(boards, panel, text="Best of k settings, had training been stopped earlier")
    header = ("model", "first checkpoint", "middle", "last")
    notes = [SAID, f"Each cell: score @ D steps. [ ] is {BAND}.", *few_notes(boards)]
    table = stacked(name, "Best of k settings along training", header, blocks(boards, block), notes)
    return Exhibit([table], [Drawing(name, f"{SAID} {BARS}", figure)], stamps_of(boards))


def _stated(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first, the middle and the last checkpoint of each model."""
    ordered = curves.sort_values("step", kind="stable").groupby("variant", sort=False)
    picked = [ours.iloc[[0, len(ours) // 2, -1]] for _, ours in ordered]
    return pd.concat(picked) if picked else curves


def _budget(largest: float, wanted: int) -> float:
    """Return the budget that is shown: the one asked for, or the largest there is."""
    return min(float(wanted), float(largest))
