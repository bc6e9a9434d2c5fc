"""Whether two choices of an axis give the same scores: differences with intervals, beside a margin named beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from ganbench.analysis.equivalence import EQUIVALENT, equivalences
from ganbench.report.cells import Row
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
from ganbench.report.render import decimals, number
from ganbench.report.style import GREY, Look


@dataclass(frozen=True)
class Settings:
    """Sweeps with an axis, the two choices of it to compare (the reference first), and the margin of each sweep.

    With `ratio` a margin is the largest ratio of means that still counts as equal, and its reciprocal the smallest.
    """

    sweeps: list[str]
    axis: str
    pair: list[str]
    margins: list[float]
    metric: str = "headline"
    ratio: bool = False


@dataclass(frozen=True)
class Form:
    """How two means are compared and how that is written."""

    name: str
    said: str
    sign: str
    equal: float
    edges: Callable[[float], tuple[float, float]]
    margin: str
    decimals: int | None


DIFFERENCE = Form(
    "difference", "Difference: {} minus {}", "−", 0.0, lambda margin: (-margin, margin), "±{1}", decimals=None
)
RATIO = Form(
    "ratio",
    "Ratio of geometric means: {} over {}",
    "/",
    1.0,
    lambda margin: (1.0 / margin, margin),
    "{} to {}",
    decimals=2,
)


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of differences and one table."""
    boards = shelf.boards(settings.sweeps)
    tested = {board.label: _tested(board, settings) for board in boards if board.summary}
    reference, other = settings.pair
    form = RATIO if settings.ratio else DIFFERENCE
    compared = (f"mean score with {settings.axis}={choice}" for choice in (other, reference))
    said = (
        f"{form.said.format(*compared)}, over equal settings and"
        " seeds, with 90 % intervals (Welch's t). Equivalent: two one-sided tests at 5 % reject a difference as large"
        " as the margin, which was chosen before the runs; different: the interval lies outside the margin."
    )

    def panel(ax: Axes, board: Board, _: dict[str, Look]) -> None:
        _panel(
            ax,
            tested[board.label],
            form,
            f"{other} {form.sign} {reference}, {title(board.metric(settings.metric))}",
        )

    def block(board: Board) -> Block:
        frame, metric = tested[board.label], board.metric(settings.metric)
        places = decimals(frame["mean_reference"]) if len(frame) else 3
        around = form.decimals or places
        good = int((frame["verdict"] == EQUIVALENT).sum())
        margin = form.margin.format(*(number(edge, around) for edge in form.edges(_margin(board, settings))))
        heading = f"{board.label}, {title(metric)}, margin {margin}: {good} of {len(frame)} equivalent"
        rows = [_cells(row, places, around) for _, row in frame.iterrows()]
        return Block(board, heading, rows, baselines_said(board, [metric], places), frame=frame)

    header = ("model", "n", reference, other, f"{form.name} [90 %]", "p", "verdict")
    caption = f"{other} against {reference}"
    table = stacked(name, caption, header, blocks(boards, block), [said])
    figure = board_panels(boards, panel, text=caption, key=False)
    return Exhibit([table], [Drawing(name, said, figure)], stamps_of(boards))


def _margin(board: Board, settings: Settings) -> float:
    return dict(zip(settings.sweeps, settings.margins, strict=True))[board.sweep]


def _tested(board: Board, settings: Settings) -> pd.DataFrame:
    reference, other = settings.pair
    return equivalences(
        board.results,
        board.ready.outcomes,
        board.ready.ceilings,
        board.metric(settings.metric),
        dataset=board.dataset,
        axis=settings.axis,
        pair=(reference, other),
        margin=_margin(board, settings),
        ratio=settings.ratio,
    )


def _cells(row: Row, places: int, around: int) -> tuple[str, ...]:
    means = [
        f"{number(row[f'mean_{of}'], places)} ± {number(row[f'sd_{of}'], places)}"
        for of in ("reference", "other")
    ]
    difference, lower, upper = (number(row[of], around) for of in ("difference", "lower", "upper"))
    p = "< 0.001" if row["p"] < 0.001 else number(row["p"], 3)
    n = f"{row['n_reference']:.0f}/{row['n_other']:.0f}"
    return (str(row["model"]), n, *means, f"{difference} [{lower}, {upper}]", p, str(row["verdict"]))


def _panel(ax: Axes, frame: pd.DataFrame, form: Form, label: str) -> None:
    if frame.empty:
        nothing(ax, "too few runs")
        return
    places = range(len(frame))
    reach = [frame["difference"] - frame["lower"], frame["upper"] - frame["difference"]]
    ax.errorbar(frame["difference"], places, xerr=reach, fmt="o", color="black", markersize=3, capsize=2)
    for edge in form.edges(float(frame["margin"].iloc[0])):
        ax.axvline(edge, color=GREY, linestyle="--", linewidth=0.8)
    ax.axvline(form.equal, color=GREY, linewidth=0.8)
    ax.set_yticks(places, frame["model"])
    ax.invert_yaxis()
    ax.set_xlabel(label)
