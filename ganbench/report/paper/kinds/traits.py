"""Several metrics of the same runs side by side: what a score rewards, or punishes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.analysis.results import FLOOR, Metric
from ganbench.analysis.traits import traits
from ganbench.errors import ConfigError
from ganbench.report import cells, words
from ganbench.report.pairs import interval
from ganbench.report.paper.drawing import (
    WIDTH,
    absent,
    intervals_down,
    narrow,
    nothing,
    stamp,
    variants_of,
    wrapped,
)
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    blocks,
    places_of,
    scored_by,
    stacked,
    stamps_of,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING
from ganbench.report.style import GREY, Look, headline, log_scale, looks, panels, spread
from ganbench.report.tables import baselines_of

LETTERS = 20  # in a line below a panel of five
SAID = (
    "Means over the seeds of each model's chosen setting with Student's 95 % intervals, all at one checkpoint of each"
    " run: its best by the metric that selects. Runs without all of these scores are left out; n counts those that"
    " have them. The metric that selects is read where it is best, which flatters it; the others are not. Dashed: real"
    " against real."
)


@dataclass(frozen=True)
class Settings:
    """The sweeps and the keys of the metrics, one column each; `text` is the caption."""

    sweeps: list[str]
    metrics: list[str]
    text: str = "Scores of the same runs"

    def __post_init__(self) -> None:
        if not self.metrics:
            raise ConfigError("`metrics` must name at least one metric, such as fd_lenet28")


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure with a panel a metric and a row a sweep, and one table."""
    boards = scored_by(shelf.boards(settings.sweeps), settings.metrics)
    frames = {
        id(b): traits(b.results, b.ready.outcomes, b.dataset, settings.metrics) for b in boards if b.summary
    }

    def block(board: Board) -> Block:
        frame, places = frames[id(board)], places_of(board, settings.metrics)
        at = cells.keyed(frame, "variant", "metric")
        rows = [
            _row(variant, {key: at.get((variant, key)) for key in places}, places)
            for variant in board.results.variants
        ]
        below = baselines_of(board.ready, board.dataset, places)
        return Block(board, board.label, rows, below, frame=frame)

    ready = next((board for board in boards if board.summary), None)
    titles = [words.metric_name(m) for m in _metrics(ready, settings)] if ready else settings.metrics
    table = stacked(name, settings.text, ("model", "n", *titles), blocks(boards, block), [SAID])
    figure = _figure(boards, frames, settings)
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(boards))


def _metrics(board: Board, settings: Settings) -> list[Metric]:
    return [board.results.metric(board.dataset, key) for key in settings.metrics]


def _row(variant: str, ours: dict[str, cells.Row | None], places: cells.Places) -> tuple[str, ...]:
    """Return a variant's cells; all of its rows have the same number of runs."""
    there = {key: row for key, row in ours.items() if row is not None}
    n = next((str(row["n"]) for row in there.values()), "0")
    shown = (
        interval(there[key], ("mean", "lower", "upper"), places[key]) if key in there else MISSING
        for key in ours
    )
    return (variant, n, *shown)


def _figure(boards: list[Board], frames: dict[int, pd.DataFrame], settings: Settings) -> Figure:
    wide = len(settings.metrics)
    figure, axes = panels(max(len(boards), 1), wide, size=(WIDTH / max(wide, 2), 2.4), sharey="row")
    look = looks(variants_of(boards))
    for place, board in enumerate(boards):
        row = axes[wide * place : wide * (place + 1)]
        if board.summary is None:
            for ax in row:
                ax.set_axis_off()
            absent(row[wide // 2], board)
            continue
        for ax, metric in zip(row, _metrics(board, settings), strict=True):
            _panel(ax, board, frames[id(board)], metric, look)
        row[0].set_title(narrow(board.label), fontsize=8)
        if board.stamp:
            stamp(row[-1], board.stamp)
    headline(figure, settings.text)
    return figure


def _panel(ax: Axes, board: Board, frame: pd.DataFrame, metric: Metric, look: dict[str, Look]) -> None:
    ours = frame[frame["metric"] == metric.key]
    if ours.empty:
        nothing(ax, "no re-run with\nall of these scores")
        return
    intervals_down(ax, ours, ("mean", "lower", "upper"), board.results.variants, look)
    floor = board.results.baseline(board.dataset, FLOOR, metric.key)
    ax.axvline(floor, color=GREY, linestyle="--", linewidth=0.8)
    seen = np.append(ours["mean"].to_numpy(dtype=float), floor)
    if spread(seen, minimize=metric.minimize):
        log_scale(ax, "x", float(np.nanmin(seen)) / 1.5, float(ours["upper"].max()) * 1.5)
    ax.set_xlabel(wrapped(words.metric_name(metric), LETTERS))
