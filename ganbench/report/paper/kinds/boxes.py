"""Scores of many runs as boxes with every run a point: wide search, narrow search, seeds of the best setting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ganbench.analysis.results import FLOOR, Metric
from ganbench.report import cells
from ganbench.report.distribution import MOST_CROSSES, draw_baselines, draw_marks, draw_runs, scale, stage_of
from ganbench.report.paper.drawing import (
    WIDTH,
    absent,
    columns_for,
    nothing,
    stamp,
    variants_of,
    wrapped,
)
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    baseline_rows,
    scored_by,
    stacked,
    stamps_of,
    title,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, decimals, number
from ganbench.report.style import INK, Look, headline, list_down, looks, panels

HEADER = ("model", "n", "best", "25 %", "median", "75 %", "95 %", "no score")
KEY = (
    "Dots: runs. Boxes: quartiles with the median, whiskers from 5 to 95 %, cut at the panel's edge. Crosses at the"
    f" bad edge: runs without a finite score; more than {MOST_CROSSES} are one cross and their number. Stars: the"
    " default setting. Hollow triangles: what the re-run setting had scored in the search."
)


@dataclass(frozen=True)
class Panel:
    """One column of the figure: a stage (search or rerun) of a sweep, by a metric of its own or the exhibit's."""

    title: str
    sweep: str
    stage: str = "search"
    metric: str = ""


@dataclass(frozen=True)
class Settings:
    """The panels, the role or key of the metric of those that name none, and the caption."""

    panels: list[Panel]
    metric: str = "curve"
    text: str = "Distributions of scores"


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure with a panel for each stage and dataset, and one table."""
    found = [
        (replace(panel, metric=panel.metric or settings.metric), board)
        for panel in settings.panels
        for board in scored_by(shelf.boards([panel.sweep]), [panel.metric] if panel.metric else [])
    ]
    boards = [board for _, board in found]
    figure = _figure(found, settings)
    blocks = [_block(panel, board) for panel, board in found]
    notes = [
        "Quantiles of the best checkpoint's score; diverged is worst. No score: runs without a finite one."
    ]
    table = stacked(name, settings.text, HEADER, blocks, notes)
    return Exhibit([table], [Drawing(name, f"Every run. {KEY}", figure)], stamps_of(boards))


def _figure(found: list[tuple[Panel, Board]], settings: Settings) -> Figure:
    columns = columns_for(len(found))
    variants = variants_of([board for _, board in found])
    size = (WIDTH / columns, 1.0 + 0.24 * max(len(variants), 4))
    figure, axes = panels(-(-len(found) // columns) or 1, columns, size=size)
    look = looks(variants)
    for ax, (panel, board) in zip(axes, found, strict=False):
        if board.summary is None:
            absent(ax, board)
        else:
            _panel(ax, board, panel.stage, board.metric(panel.metric), look)
            if board.stamp:
                ax.set_ylim(ax.get_ylim()[0] + 0.7, ax.get_ylim()[1])
                stamp(ax, board.stamp, top=False)
        ax.set_title(f"{panel.title}\n{board.label}", fontsize=8, pad=11)
    for ax in axes[len(found) :]:
        ax.set_axis_off()
    headline(figure, settings.text)
    return figure


def _panel(ax: Axes, board: Board, stage: str, metric: Metric, look: dict[str, Look]) -> None:
    described, runs = stage_of(board.ready, board.dataset, stage, metric)
    variants = board.results.variants
    if runs.empty:
        nothing(ax, "no run yet")
        return
    scale(ax, runs, metric, board.results.baseline(board.dataset, FLOOR, metric.key))
    for place, variant in enumerate(variants):
        draw_runs(ax, runs[runs["variant"] == variant], look[variant], place, metric)
    _boxes(ax, described[["q05", "q25", "q50", "q75", "q95"]].to_numpy(dtype=float))
    if stage == "rerun":
        draw_marks(ax, described["searched"], ">", "white")
    else:
        default = runs[runs["is_default"].astype(bool) & runs["best_finite"]].drop_duplicates("variant")
        draw_marks(ax, default.set_index("variant")["best"].reindex(variants), "*", INK)
    draw_baselines(ax, board.ready, board.dataset, metric)
    ax.set_xlabel(wrapped(title(metric)))
    list_down(ax, variants)


def _boxes(ax: Axes, quantiles: np.ndarray) -> None:
    """Draw a box with median and whiskers for each row of five quantiles; what is infinite ends at the edge."""
    low, high = sorted(ax.get_xlim())
    for place, row in enumerate(quantiles):
        if np.isnan(row).any():
            continue
        q05, q25, q50, q75, q95 = np.clip(row, low, high)
        ax.plot([q05, q95], [place, place], color=INK, linewidth=0.8, zorder=3)
        box = Rectangle(
            (q25, place - 0.28), q75 - q25, 0.56, fill=False, edgecolor=INK, linewidth=1.0, zorder=4
        )
        ax.add_patch(box)
        if np.isfinite(row[2]):
            ax.plot([q50, q50], [place - 0.28, place + 0.28], color=INK, linewidth=1.8, zorder=4)


def _block(panel: Panel, board: Board) -> Block:
    if board.summary is None:
        return Block(board, f"{panel.title}: {board.label}")
    metric = board.metric(panel.metric)
    described, runs = stage_of(board.summary, board.dataset, panel.stage, metric)
    finite = runs[runs["best_finite"]].groupby("variant")["best"]
    best = (finite.min() if metric.minimize else finite.max()).reindex(described.index)
    frame = described.assign(
        top=best, stage=panel.stage, dataset=board.dataset, metric=metric.key
    ).reset_index()
    places = decimals(pd.concat([frame["top"], frame["q50"]]).astype(float))
    quantiles = ("q25", "q50", "q75", "q95") if metric.minimize else ("q75", "q50", "q25", "q05")
    rows = [
        (
            str(row["variant"]),
            *_counts(row),
            *(number(float(row[q]), places) for q in ("top", *quantiles)),
            _lost(row),
        )
        for _, row in frame.iterrows()
    ]
    below = baseline_rows(board, metric, places, len(HEADER), 2)
    heading = f"{panel.title}: {board.label}, {title(metric)}"
    return Block(board, heading, rows, below, frame=frame)


def _counts(row: cells.Row) -> tuple[str]:
    return (MISSING if pd.isna(row["n"]) else f"{row['n']:.0f}",)


def _lost(row: cells.Row) -> str:
    return MISSING if pd.isna(row["no_score"]) else f"{row['no_score']:.0f}"
