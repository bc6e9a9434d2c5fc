"""What the best trial of each model makes."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from ganbench.report import samples
from ganbench.report.paper.drawing import absent_figure
from ganbench.report.paper.exhibit import Drawing, Exhibit, figure_name, stamps_of
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.style import ALARM

SAID = "Samples of the best searched trial of each model, chosen on the samples it is scored on, and of the data."


@dataclass(frozen=True)
class Settings:
    """The sweeps."""

    sweeps: list[str]


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure for each data set of each sweep."""
    boards = shelf.boards(settings.sweeps)
    drawings = [
        Drawing(
            figure_name(name, board),
            f"{board.label}. {SAID}",
            _figure(board),
        )
        for board in boards
    ]
    return Exhibit(figures=drawings, stamps=stamps_of(boards))


def _figure(board: Board) -> Figure:
    if board.summary is not None and samples.available(board.results, board.dataset):
        figure = samples.figure(board.results, board.dataset)
        if board.stamp:
            figure.text(0.99, 0.99, board.stamp, ha="right", va="top", color=ALARM, fontsize=7, weight="bold")
        return figure
    stamp = board.stamp or "no samples are kept with this sweep"
    return absent_figure(Board(board.sweep, board.dataset, None, stamp))
