"""P(A beats B) at a budget for every pair of models: a matrix of shares, and which survive Holm's correction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.analysis.comparisons import HOLM_AT
from ganbench.report import words
from ganbench.report.pairs import matrix, pair_rows
from ganbench.report.paper.drawing import WIDTH, absent, narrow, nothing, stamp
from ganbench.report.paper.exhibit import Block, Drawing, Exhibit, Settings, blocks, stacked, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.style import headline, panels

FRAME = {"boxstyle": "square,pad=0.15", "facecolor": "none", "edgecolor": "#D55E00", "linewidth": 0.9}


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure with a matrix for each budget, and one table."""
    boards = shelf.boards(settings.sweeps)
    figure = _figure(boards, settings)

    def block(board: Board) -> Block:
        metric = board.metric(settings.metric)
        frame = board.of(board.ready.comparisons, metric)
        heading = f"{board.label}, {title(metric)}: {words.decided_note(frame)}"
        return Block(board, heading, pair_rows(frame), frame=frame)

    header = ("A", "B", *(f"k = {k}" for k in HOLM_AT), "decided after Holm", "alike")
    notes = [
        words.PAIRS,
        words.ALIKE,
        "[ ] is the 95 % interval; none beyond n/4, where every pair is undecided.",
    ]
    table = stacked(name, "P(A beats B) at a budget of k settings", header, blocks(boards, block), notes)
    drawings = [Drawing(name, words.PAIRS, figure)]
    return Exhibit([table], drawings, stamps_of(boards))


def _figure(boards: list[Board], settings: Settings) -> Figure:
    figure, axes = panels(max(len(boards), 1), len(HOLM_AT), size=(WIDTH / len(HOLM_AT), 2.5))
    for row, board in enumerate(boards):
        for k, ax in zip(HOLM_AT, axes[len(HOLM_AT) * row :], strict=False):
            if board.summary is None:
                absent(ax, board)
                continue
            metric = board.metric(settings.metric)
            frame = board.of(board.summary.comparisons, metric)
            draw_matrix(ax, frame[frame["k"] == k], board.results.variants)
            ax.set_title(f"{narrow(board.label)}, k = {k}", fontsize=8)
            if board.stamp:
                stamp(ax, board.stamp)
    headline(figure, "P(row beats column) with k settings each")
    return figure


def draw_matrix(ax: Axes, frame: pd.DataFrame, variants: list[str]) -> None:
    """Draw one budget's shares, dark where the row wins; decided pairs are framed."""
    shares, decided = matrix(frame, variants)
    if np.isnan(shares).all():
        nothing(ax, "too few settings")
        return
    ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for row, column in np.argwhere(~np.isnan(shares)):
        share = shares[row, column]
        text = ax.text(column, row, f"{share:.2f}".removeprefix("0"), ha="center", va="center", fontsize=5.5)
        text.set_color("white" if share > 0.6 else "black")
        if decided[row, column]:
            text.set(weight="bold", bbox=FRAME)
    ax.set_xticks(range(len(variants)), variants, rotation=90, fontsize=6)
    ax.set_yticks(range(len(variants)), variants, fontsize=6)
    ax.grid(visible=False)
