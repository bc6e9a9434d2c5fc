"""Whether two metrics, such as one distance with two extractors, order runs, and models, alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from matplotlib.axes import Axes

from ganbench.analysis.agreement import agreement
from ganbench.analysis.results import Metric
from ganbench.report import words
from ganbench.report.cells import Row
from ganbench.report.pairs import interval
from ganbench.report.paper.drawing import board_panels, nothing, scatter_runs
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    blocks,
    scored_by,
    stacked,
    stamps_of,
    title,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.style import Look, log_scale

HEADER = ("metrics", "unit", "n", "Spearman", "Kendall", "left out")
SAID = (
    "Rank correlation of two metrics over searched runs and over models (each model's median), positive where they"
    " agree on what is better, with percentiles that hold 95 % of 500 bootstrap samples. Runs without a finite score"
    " in both are left out."
)


@dataclass(frozen=True)
class Settings:
    """The sweeps, and the metrics that are compared: those named by `metrics`, else all with one of the bare names."""

    sweeps: list[str]
    bare: list[str] = field(default_factory=lambda: ["fd", "fid"])
    metrics: list[str] = field(default_factory=list)
    text: str = "Two extractors on the same runs"


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of runs by the first two metrics, and one table of all pairs."""
    boards = scored_by(shelf.boards(settings.sweeps), settings.metrics)
    boards = [b for b in boards if b.summary is None or len(_metrics(b, settings)) > 1]

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        metrics = _metrics(board, settings)[:2]
        rows = board.of(board.ready.outcomes)
        rows = rows[(rows["stage"] == "search") & rows["best_finite"]]
        wide = rows.pivot_table(index=["variant", "index"], columns="metric", values="best")
        keys = [metric.key for metric in metrics]
        if not set(keys) <= set(wide):
            nothing(ax)
            return
        wide = wide[keys].dropna().reset_index("variant")
        scatter_runs(ax, wide, keys[0], keys[1], look)
        for side, key in zip("xy", keys, strict=True):
            values = wide[key].to_numpy(dtype=float)
            if len(values) and values.min() > 0:
                log_scale(ax, side, values.min() / 1.3, values.max() * 1.3)
        ax.set_xlabel(title(metrics[0]))
        ax.set_ylabel(title(metrics[1]))

    def block(board: Board) -> Block:
        keys = [metric.key for metric in _metrics(board, settings)]
        frame = board.of(agreement(board.results, board.ready.outcomes, keys=keys))
        rows = [_row(board, row) for _, row in frame.iterrows()]
        return Block(board, board.label, rows, frame=frame)

    figure = board_panels(boards, panel, text=settings.text)
    table = stacked(name, f"Agreement: {settings.text}", HEADER, blocks(boards, block), [SAID])
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(boards))


def _metrics(board: Board, settings: Settings) -> list[Metric]:
    every = board.results.metrics(board.dataset)
    if settings.metrics:
        return [metric for key in settings.metrics for metric in every if metric.key == key]
    return [metric for metric in every if metric.bare in settings.bare]


def _row(board: Board, row: Row) -> tuple[str, ...]:
    names = [
        words.metric_name(board.results.metric(board.dataset, str(row[k]))) for k in ("metric_a", "metric_b")
    ]
    found = [interval(row, (name, f"{name}_lower", f"{name}_upper"), 2) for name in ("spearman", "kendall")]
    return " and ".join(names), str(row["unit"]), str(row["n"]), *found, str(row["left_out"])
