"""What high and low precision and recall look like: the runs in the corners of their plane."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.analysis.corners import AXES, HIGH, LOW, axes_of, corners, spread
from ganbench.report import samples, words
from ganbench.report.cells import Row, keyed
from ganbench.report.paper.drawing import (
    WIDTH,
    absent_figure,
    circled,
    legend,
    narrow,
    nothing,
    scatter_runs,
    stamp,
)
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    Settings,
    baselines_said,
    blocks,
    figure_name,
    stacked,
    stamps_of,
    title,
    unscored,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import number
from ganbench.report.style import headline, looks, panels

HEADER = ("precision is", "recall is", "model", "setting", "seed", "step", "precision", "recall")
SAID = (
    "All searched runs by precision and recall at the checkpoint that the selecting metric chooses, and samples of the"
    " run nearest to each corner, both axes scaled to the range of the runs. Chosen for being extreme: an illustration,"
    " not a comparison of models."
)


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of six panels a data set and one table."""
    boards = [_with_axes(board) for board in shelf.boards(settings.sweeps)]
    runs = {id(b): spread(b.results, b.ready.outcomes, b.dataset) for b in boards if b.summary}
    found = {board: corners(frame) for board, frame in runs.items()}

    def block(board: Board) -> Block:
        frame, axes = found[id(board)], axes_of(board.results, board.dataset) or ()
        heading = f"{board.label}, {' and '.join(words.metric_name(metric) for metric in axes)}"
        rows = [_row(row) for _, row in frame.iterrows()]
        return Block(board, heading, rows, baselines_said(board, axes, 2), frame=frame)

    drawings = [
        Drawing(
            figure_name(name, board),
            f"{board.label}. {SAID}",
            _figure(board, runs[id(board)], found[id(board)]) if board.summary else absent_figure(board),
        )
        for board in boards
    ]
    table = stacked(name, "High and low precision and recall", HEADER, blocks(boards, block), [SAID])
    return Exhibit([table], drawings, stamps_of(boards))


def _with_axes(board: Board) -> Board:
    if board.summary is None or axes_of(board.results, board.dataset):
        return board
    return unscored(board, "precision and recall")


def _row(row: Row) -> tuple[str, ...]:
    ends = [str(row[f"{axis}_end"]) for axis in AXES]
    values = [number(float(row[axis]), 2) for axis in AXES]
    return (*ends, str(row["variant"]), str(row["index"]), str(row["seed"]), f"{row['step']:.0f}", *values)


def _figure(board: Board, runs: pd.DataFrame, found: pd.DataFrame) -> Figure:
    figure, axes = panels(2, 3, size=(WIDTH / 3, WIDTH / 3))
    plane, *above = axes[:3]
    data, *below = axes[3:]
    _plane(plane, board, runs, found)
    _picture(data, board, samples.REAL, "data")
    at = keyed(found, *(f"{axis}_end" for axis in AXES))
    for ends, ax in zip(((HIGH, LOW), (HIGH, HIGH), (LOW, LOW), (LOW, HIGH)), (*above, *below), strict=True):
        if ends not in at:
            nothing(ax, "precision or recall\ndoes not vary")
            continue
        row = at[ends]
        said = (
            f"{row['variant']}: precision {number(row['precision'], 2)},\nrecall {number(row['recall'], 2)}"
        )
        _picture(ax, board, str(row["trial_id"]), said)
    legend(figure, looks(board.results.variants))
    headline(figure, f"{board.label}: high and low precision and recall")
    return figure


def _plane(ax: Axes, board: Board, runs: pd.DataFrame, found: pd.DataFrame) -> None:
    scatter_runs(ax, runs, "recall", "precision", looks(board.results.variants))
    circled(ax, found, "recall", "precision")
    for side, metric in zip("yx", axes_of(board.results, board.dataset) or (), strict=False):
        ax.set(**{f"{side}label": title(metric).replace(" (", "\n(")})
    ax.set_title(narrow(board.label), fontsize=8)
    if board.stamp:
        stamp(ax, board.stamp, top=False)


def _picture(ax: Axes, board: Board, name: str, said: str) -> None:
    array = board.results.samples.get((name, board.dataset))
    ax.set_title(said, fontsize=7)
    if array is None:
        nothing(ax, "no samples are kept\nwith this sweep")
        return
    samples.picture(ax, array, board.results.samples.get((samples.REAL, board.dataset)))
