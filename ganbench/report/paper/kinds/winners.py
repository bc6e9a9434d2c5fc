"""Each model's best run by one score, seen by others: what a score does not see."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes

from ganbench.analysis.winners import candidates, winners
from ganbench.errors import ConfigError
from ganbench.report import words
from ganbench.report.cells import Places, Row
from ganbench.report.paper.drawing import board_panels, circled, nothing, scatter_runs
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    blocks,
    places_of,
    scored_by,
    stacked,
    stamps_of,
    title,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import number
from ganbench.report.style import Look, log_scale
from ganbench.report.tables import baselines_of

SAID = (
    "The best searched run of each model by the metric that is named, every score at the one checkpoint of the run that"
    " this metric chooses. Best of all settings of a search, chosen on the samples it is reported on: optimistic."
)
DRAWN = "Dots: all searched runs, at each run's best checkpoint by {}. Circles: each model's best by it."


@dataclass(frozen=True)
class Settings:
    """The sweeps, the keys of two metrics that choose, and of all that are shown; `text` is the caption."""

    sweeps: list[str]
    by: list[str]
    metrics: list[str]
    text: str = "The best run by one score, seen by another"

    def __post_init__(self) -> None:
        if len(self.by) != 2 or not set(self.by) <= set(self.metrics):
            raise ConfigError(f"`by` must be two of `metrics`, not {', '.join(self.by) or 'none'}")


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of the runs by both metrics that choose, and a table of what they choose."""
    boards = scored_by(shelf.boards(settings.sweeps), settings.metrics)

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        x, y = settings.by
        runs = candidates(board.results, board.ready.outcomes, board.dataset, x, settings.metrics)
        if runs.empty:
            nothing(ax)
            return
        scatter_runs(ax, runs, x, y, look)
        circled(ax, runs.drop_duplicates("variant"), x, y)
        if runs[y].min() > 0:
            log_scale(ax, "y", runs[y].min() / 1.5, runs[y].max() * 1.5)
        chosen, other = (board.results.metric(board.dataset, key) for key in settings.by)
        ax.set(xlabel=title(chosen), ylabel=title(other))

    def block(board: Board) -> Block:
        frame = winners(board.results, board.ready.outcomes, board.dataset, settings.by, settings.metrics)
        places = places_of(board, settings.metrics)
        rows = [_row(board, row, places) for _, row in frame.iterrows()]
        return Block(board, board.label, rows, baselines_of(board.ready, board.dataset, places), frame=frame)

    ready = next((board for board in boards if board.summary), None)
    metrics = [ready.results.metric(ready.dataset, key) for key in settings.metrics] if ready else []
    titles = [title(metric) for metric in metrics] or settings.metrics
    table = stacked(name, settings.text, ("model", "best run by", *titles), blocks(boards, block), [SAID])
    first = next((words.metric_name(m) for m in metrics if m.key == settings.by[0]), settings.by[0])
    figure = board_panels(boards, panel, text=settings.text)
    return Exhibit([table], [Drawing(name, DRAWN.format(first), figure)], stamps_of(boards))


def _row(board: Board, row: Row, places: Places) -> tuple[str, ...]:
    by = words.metric_name(board.results.metric(board.dataset, str(row["by"])))
    values = (number(float(row[key]), digits) for key, digits in places.items())
    return str(row["variant"]), f"{by}, setting {row['index']}", *values
