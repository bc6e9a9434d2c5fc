"""F1, precision and recall of the best of k settings, where the best is chosen by one of the three."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.analysis.means import joint_curves
from ganbench.analysis.results import Metric
from ganbench.analysis.runs import PARTS
from ganbench.errors import ConfigError
from ganbench.report import cells, words
from ganbench.report.figures import beside, draw_bars, make_room, shifts
from ganbench.report.paper.drawing import WIDTH, absent, legend, narrow, nothing, stamp, variants_of
from ganbench.report.paper.exhibit import Block, Drawing, Exhibit, baselines_said, blocks, stacked, stamps_of
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, Table
from ganbench.report.style import Look, headline, log_scale, looks, panels

AT = (1, 2, 5, 10, 20, 30, 50)
SHOWN = "Each cell: F1 (precision / recall) at one checkpoint, the run's best by the metric that chooses."
BAND = (
    "the pointwise 95 % interval over 500 bootstrap samples of the settings, up to k = n/4, where it holds less often"
    " than it says"
)


@dataclass(frozen=True)
class Settings:
    """`by` is f1, precision or recall."""

    sweeps: list[str]
    by: str = "f1"

    def __post_init__(self) -> None:
        if self.by not in PARTS:
            raise ConfigError(f"`by` must be f1, precision or recall, not {self.by!r}")


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure with three panels a sweep and one table; sweeps without F1 have none."""
    boards = [b for b in shelf.boards(settings.sweeps) if b.summary is None or _headline(b) is not None]

    @cache
    def curves(place: int) -> pd.DataFrame:
        board = boards[place]
        found = joint_curves(board.results, board.ready.outcomes, by=settings.by)
        metric = _headline(board)
        here = (found["dataset"] == board.dataset) & (found["threshold"] == (metric.at if metric else ""))
        return found[here]

    frames = [curves(place) if board.summary else pd.DataFrame() for place, board in enumerate(boards)]
    figure = _figure(boards, frames, settings.by)
    by = words.part_name(settings.by)
    caption = (
        f"Means over the best of k random settings, chosen by {by}, without replacement, up to n/2; the default is"
        " not one of them. Diverged runs count 0. Recall on polygons is a lower bound, and so is F1. Bars are"
        f" {BAND}; curves stand a little apart, so that bars do not hide each other."
    )
    table = _table(name, settings.by, boards, frames)
    return Exhibit([table], [Drawing(name, caption, figure)], stamps_of(boards))


def _headline(board: Board) -> Metric | None:
    """Return the F1 of the sweep's threshold: the headline, else the first there is."""
    found = [m for m in board.results.metrics(board.dataset) if m.bare == "f1"]
    return found[0] if found else None


def _figure(boards: list[Board], frames: list[pd.DataFrame], by: str) -> Figure:
    figure, axes = panels(max(len(boards), 1), 3, size=(WIDTH / 3, 2.2))
    look = looks(variants_of(boards))
    for row, (board, curves) in enumerate(zip(boards, frames, strict=True)):
        for part, ax in zip(PARTS, axes[3 * row : 3 * row + 3], strict=True):
            if board.summary is None:
                absent(ax, board)
                continue
            _panel(ax, board, curves, part, look)
            if board.stamp:
                stamp(ax, board.stamp, top=False)
    headline(figure, f"Best of k settings by {words.part_name(by)}: mean F1, precision and recall")
    legend(figure, look)
    return figure


def _panel(ax: Axes, board: Board, curves: pd.DataFrame, part: str, look: dict[str, Look]) -> None:
    metric = _headline(board)
    at = f", δ = {metric.at}" if metric and metric.at else ""
    bound = ", lower bound" if metric and part != "precision" and metric.space == "polygons" else ""
    ax.set_title(narrow(f"{board.label}{at}"), fontsize=8)
    if curves.empty:
        nothing(ax)
        return
    ax.set_ylim(-0.02, 1.02)
    largest = float(curves["k"].max())
    if largest > 12:
        log_scale(ax, "x", 0.9, 1.15 * largest)
    else:
        ax.set_xlim(0.8, largest + 0.2)
    make_room(ax)
    apart = shifts(board.results.variants)
    for variant, curve in curves.groupby("variant", sort=False):
        style, shift = look[str(variant)], apart[str(variant)]
        ax.plot(curve["k"], curve[part], color=style.colour, linewidth=1.2, transform=beside(ax, shift))
        marked = curve[curve["k"].isin(AT)]
        draw_bars(ax, marked, "k", (part, f"{part}_lower", f"{part}_upper"), style, shift)
    ax.set_ylabel(f"{words.part_name(part)}{bound} ↑")
    ax.set_xlabel("k, settings tried")


def _table(name: str, by: str, boards: list[Board], frames: list[pd.DataFrame]) -> Table:
    known = {id(board): frame for board, frame in zip(boards, frames, strict=True)}
    budgets = [k for k in AT if any((frame["k"] == k).any() for frame in frames if len(frame))]

    def block(board: Board) -> Block:
        curves, metric = known[id(board)], _headline(board)
        at = cells.keyed(curves, "variant", "k")
        rows = [
            (v, *(_cell(at[v, k], by) if (v, k) in at else MISSING for k in budgets))
            for v in board.results.variants
        ]
        keys = {(m.bare, m.at): m for m in board.results.metrics(board.dataset)}
        parts = [keys[part, metric.at] for part in PARTS if metric and (part, metric.at) in keys]
        heading = f"{board.label}, {' / '.join(words.metric_name(m) for m in parts)} ↑"
        return Block(board, heading, rows, baselines_said(board, parts, 2), frame=curves)

    header = ("model", *(f"k = {k}" for k in budgets))
    caption = f"F1, precision and recall of the best of k by {words.part_name(by)}"
    notes = [SHOWN, f"Means of k random settings, up to n/2. [ ] is {BAND}."]
    return stacked(name, caption, header, blocks(boards, block), notes)


def _cell(row: cells.Row, by: str) -> str:
    """Show the three, the one that chooses with its interval."""
    shown = {part: cells.score(part, 2) for part in PARTS}
    shown[by] = cells.interval((by, f"{by}_lower", f"{by}_upper"), 2)
    f1, precision, recall = (cell(row) for cell in shown.values())
    return f"{f1} ({precision} / {recall})"
