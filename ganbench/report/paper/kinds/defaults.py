"""What the authors' settings score, beside the median and the best setting of the search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ganbench.analysis.best import best_scores
from ganbench.report import cells, words
from ganbench.report.paper.drawing import board_panels, nothing
from ganbench.report.paper.exhibit import (
    Block,
    Drawing,
    Exhibit,
    baseline_rows,
    blocks,
    stacked,
    stamps_of,
    title,
)
from ganbench.report.paper.kinds.best import MARK
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.references import shown
from ganbench.report.render import decimals
from ganbench.report.style import GREY, INK, Look, list_down, log_scale, spread

HEADER = ("model", "n", "default", "median setting", "best setting")
SAID = (
    "The authors' default setting, the median and the best of all settings that were tried. Star: default; tick:"
    " median; circle: best. Scores without a finite value are not drawn."
)


@dataclass(frozen=True)
class Settings:
    """The sweeps, the role or key of the metric, and a published table that is named below."""

    sweeps: list[str]
    metric: str = "curve"
    published: str = ""


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of default against median and best, and one table."""
    boards = shelf.boards(settings.sweeps)

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        _panel(ax, board, settings, look)

    def block(board: Board) -> Block:
        metric = board.metric(settings.metric)
        frame = best_scores(board.ready, board.dataset, metric)
        places = decimals(frame["best"])
        columns = [cells.score(column, places) for column in ("default", "median_setting", "best")]
        rows = [
            (str(row["variant"]), cells.counts("search")(row), *(cell(row) for cell in columns))
            for _, row in frame.iterrows()
        ]
        below = baseline_rows(board, metric, places, len(HEADER), 4)
        bold = cells.best_cells(frame, {2: "default", 3: "median_setting", 4: "best"}, metric)
        return Block(board, f"{board.label}, {title(metric)}", rows, below, bold, frame)

    figure = board_panels(boards, panel, text="The authors' settings against searched ones", key=False)
    handles = [
        Line2D([], [], color=INK, marker="*", linestyle="none", markersize=7, label="the authors' default"),
        Line2D([], [], color=GREY, marker="|", linestyle="none", markersize=10, label="median setting"),
        Line2D(
            [], [], color=INK, marker="o", linestyle="none", markerfacecolor="white", label="best setting"
        ),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    notes = [words.COUNTS, words.OPTIMISM, *(words.default_note(b.results) for b in boards if b.summary)]
    table = stacked(
        name, "Default settings", HEADER, blocks(boards, block), [*notes, _published(settings, shelf)]
    )
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(boards))


def _published(settings: Settings, shelf: Shelf) -> str:
    if not settings.published:
        return ""
    source, numbers = shelf.references.table(settings.published)
    said = ", ".join(f"{row['dataset']} {shown(row)}" for row in numbers.to_dict("records"))
    tags = ", ".join(dict.fromkeys(numbers["tag"]))
    return f"{MARK} Not comparable with ours: {source.cite}: {source.says}: {said} [{tags}]."


def _panel(ax: Axes, board: Board, settings: Settings, look: dict[str, Look]) -> None:
    metric, variants = board.metric(settings.metric), board.results.variants
    frame = best_scores(board.ready, board.dataset, metric).set_index("variant")
    values = frame[["default", "median_setting", "best"]].astype(float)
    seen = values.to_numpy()[np.isfinite(values.to_numpy())]
    if not len(seen):
        nothing(ax)
        return
    for place, variant in enumerate(variants):
        default, median, best = (float(values[name][variant]) for name in values)
        known = [value for value in (default, median, best) if np.isfinite(value)]
        if known:
            ax.plot([min(known), max(known)], [place, place], color=GREY, linewidth=0.8, zorder=1)
        colour = look[variant].colour
        ax.plot([median], [place], marker="|", color=GREY, markersize=11, linestyle="none")
        (drawn,) = ax.plot([best], [place], marker="o", color=colour, linestyle="none")
        drawn.set_markerfacecolor("white")
        ax.plot([default], [place], marker="*", color=colour, markersize=8, linestyle="none")
    if spread(seen, minimize=metric.minimize):
        log_scale(ax, "x", float(seen.min()) / 1.3, float(seen.max()) * 1.3)
    list_down(ax, variants)
    ax.set_xlabel(title(metric))
