"""What the best of k settings is worth: the median, or the study's mean, a panel for each sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from ganbench.errors import ConfigError
from ganbench.report import cells, words
from ganbench.report.figures import (
    MEDIAN,
    TITLES,
    barred,
    draw_median_bars,
    draw_study,
    drawn_part,
    dress,
    make_room,
    shifts,
)
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
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, decimals
from ganbench.report.style import Look

COLUMNS = {"median": "median", "study": "study_mean"}
DRAW = {"median": draw_median_bars, "study": draw_study}
AT = (1, 2, 5, 10, 20, 50, 70)
STUDY = (
    "The study's form: mean ± sd of the best of k over 5000 resamples, the default setting counted in and the ceiling"
    " standing in for diverged. Not winsorised, unlike other means here: a finite score worse than the ceiling counts"
    " as it is. The sd is that of the best of k, not of its mean."
)
BARS = (
    "Bars are that band at k = 1, 5 and 10, and end with the panel where they are open; curves stand a little apart, so"
    " that bars do not hide each other."
)
SAID = {"median": f"{words.MEDIAN} {words.BAND}", "study": STUDY}


@dataclass(frozen=True)
class Settings:
    """`form` is median or study, `metric` a role of the protocol (curve or headline) or a metric's key."""

    sweeps: list[str]
    form: str = "median"
    metric: str = "curve"

    def __post_init__(self) -> None:
        if self.form not in COLUMNS:
            raise ConfigError(f"`form` must be median or study, not {self.form!r}")


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of panels and one table."""
    boards, column = shelf.boards(settings.sweeps), COLUMNS[settings.form]

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        metric = board.metric(settings.metric)
        curves = board.of(board.ready.curves, metric)
        shown = drawn_part(curves, column)
        if shown.empty:
            nothing(ax)
            return
        dress(ax, metric, _seen(shown, settings.form), shown["k"])
        if settings.form == "median":
            make_room(ax)
        for variant, shift in shifts(board.results.variants).items():
            DRAW[settings.form](ax, curves[curves["variant"] == variant], look[variant], shift)
        ax.set_xlabel("k, settings tried")
        ax.set_ylabel(title(metric))

    figure = board_panels(boards, panel, text=f"Budget curves: {TITLES[column]}")
    caption = f"Budget curves by sweep. {SAID[settings.form]} {BARS} Dotted beyond n/4, absent beyond n/2."
    caption = caption if settings.form == "median" else f"Budget curves by sweep. {STUDY}"
    table = stacked(name, f"The {TITLES[column]}", *_rows(boards, settings), _notes(boards, settings))
    return Exhibit([table], [Drawing(name, caption, figure)], stamps_of(boards))


def _seen(shown: pd.DataFrame, form: str) -> pd.Series:
    """Return all scores that a panel shows: a curve's and those at the ends of bars."""
    if form == "study":
        return shown[COLUMNS[form]].astype(float)
    bars = barred(shown)
    seen: pd.Series = pd.concat([shown["median"], bars["lower"], bars["upper"]]).astype(float)
    return seen


def _notes(boards: list[Board], settings: Settings) -> list[str]:
    few = few_notes(boards) if settings.form == "median" else []
    return [words.OPTIMISM, SAID[settings.form], *few]


def _rows(boards: list[Board], settings: Settings) -> tuple[tuple[str, ...], list[Block]]:
    column = COLUMNS[settings.form]

    def curves_of(board: Board) -> pd.DataFrame:
        curves = drawn_part(board.of(board.ready.curves, board.metric(settings.metric)), column)
        return curves[curves[column].notna()]

    seen = {k for board in boards if board.summary for k in curves_of(board)["k"]}
    budgets = [k for k in AT if k in seen]

    def block(board: Board) -> Block:
        metric, curves = board.metric(settings.metric), curves_of(board)
        places = decimals(curves[column].astype(float)) if len(curves) else 3
        cell = _cell(settings.form, places)
        at = cells.keyed(curves, "variant", "k")
        rows = [
            (v, *(cell(at[v, k]) if (v, k) in at else MISSING for k in budgets))
            for v in board.results.variants
        ]
        below = baselines_said(board, [metric], places)
        return Block(board, f"{board.label}, {title(metric)}", rows, below, frame=curves)

    return ("model", *(f"k = {k}" for k in budgets)), blocks(boards, block)


def _cell(form: str, places: int) -> Callable[[cells.Row], str]:
    if form == "study":
        return cells.mean_sd("study_", places)
    plain, band = cells.score("median", places), cells.interval(MEDIAN, places)
    return lambda row: (band if row["band"] == "two-sided" else plain)(row)
