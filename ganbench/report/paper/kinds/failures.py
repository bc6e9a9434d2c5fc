"""Which share of trials diverged, by model and stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ganbench.report import cells
from ganbench.report.paper.drawing import board_panels, nothing
from ganbench.report.paper.exhibit import Block, Drawing, Exhibit, blocks, stacked, stamps_of
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING
from ganbench.report.style import INK, Look, list_down

SAID = (
    "Diverged: state, logs or samples held NaN or infinity at some checkpoint; never finite: at every one. Shares of"
    " the trials that came to an end, with Clopper and Pearson's 95 % intervals. Failed trials raised an error: no"
    " result, and in no share."
)
KINDS = ("diverged", "never_finite")
HEADER = ("model", "trials", "diverged", "never finite", "reruns", "diverged", "never finite", "failed")


@dataclass(frozen=True)
class Settings:
    """The sweeps."""

    sweeps: list[str]


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of shares with intervals, and one table."""
    boards = shelf.boards(settings.sweeps)

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        frame = board.of(board.ready.failures)
        frame = frame[(frame["stage"] == "search") & (frame["n"] > 0)]
        variants = board.results.variants
        if frame.empty:
            nothing(ax)
            return
        for row in frame.to_dict("records"):
            solid = row["kind"] == "diverged"
            style, y = look[str(row["variant"])], variants.index(row["variant"]) + (-0.12 if solid else 0.14)
            ax.plot([100 * row["lower"], 100 * row["upper"]], [y, y], color=INK, linewidth=0.8)
            ax.plot([100 * row["share"]], [y], marker=style.marker, color=style.colour, linestyle="none",
                    markersize=4.5, markerfacecolor=style.colour if solid else "white")  # fmt: skip
        list_down(ax, variants)
        ax.set_xlim(left=-1.0)
        ax.set_xlabel("trials of the search, %\nfilled: diverged; hollow: never finite")

    def block(board: Board) -> Block:
        frame = board.of(board.ready.failures)
        rows = [_row(variant, frame[frame["variant"] == variant]) for variant in board.results.variants]
        return Block(board, board.label, rows, frame=frame)

    figure = board_panels(boards, panel, text="Share of diverged trials with 95 % intervals", key=False)
    table = stacked(name, "Diverged and failed trials", HEADER, blocks(boards, block), [SAID])
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(boards))


def _row(variant: str, frame: pd.DataFrame) -> tuple[str, ...]:
    at = cells.keyed(frame, "stage", "kind")
    found: list[str] = []
    for stage in ("search", "rerun"):
        there = (stage, "diverged") in at
        found += [str(int(at[stage, "diverged"]["n"])) if there else MISSING]
        found += [_share(at[stage, kind]) if there else MISSING for kind in KINDS]
    failed = int(frame.drop_duplicates("stage")["failed"].sum())
    return variant, *found, str(failed)


def _share(row: cells.Row) -> str:
    if np.isnan(float(row["share"])):
        return MISSING
    return f"{100 * row['share']:.0f} % [{100 * row['lower']:.0f}, {100 * row['upper']:.0f}]"
