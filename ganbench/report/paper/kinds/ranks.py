"""Who is first at a budget, on each data set and over all of them, and how sure that is."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ganbench.analysis.comparisons import HOLM_AT
from ganbench.analysis.ranks import OVERALL
from ganbench.report import words
from ganbench.report.pairs import rank_rows
from ganbench.report.paper.drawing import board_panels, nothing
from ganbench.report.paper.exhibit import Block, Drawing, Exhibit, Settings, blocks, stacked, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING
from ganbench.report.style import GREY, INK, Look, list_down


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of ranks with intervals, and one table."""
    boards = shelf.boards(settings.sweeps)

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        metric, variants = board.metric(settings.metric), board.results.variants
        frame = board.of(board.ready.ranks, metric)
        frame = frame[frame["rank"].notna()]
        if frame.empty:
            nothing(ax, "no ranks")
            return
        budgets = sorted(set(frame["k"]))
        for place, k in enumerate(budgets):
            shift = (place - (len(budgets) - 1) / 2) * 0.24
            _draw(ax, frame[frame["k"] == k], variants, look, shift, place)
        list_down(ax, variants)
        ax.set_xlim(0.5, len(variants) + 0.5)
        ax.set_xlabel(f"rank by {title(metric)}\nat k = {', '.join(map(str, budgets))}, from above")

    figure = board_panels(boards, panel, text="Ranks with 95 % bootstrap intervals", height=2.9, key=False)
    header = ("model", *(name for k in HOLM_AT for name in (f"rank, k = {k}", f"first, k = {k}")))
    table = stacked(name, "Ranks at a budget", header, _blocks(boards, settings, len(header)), [words.RANKS])
    return Exhibit([table], [Drawing(name, words.RANKS, figure)], stamps_of(boards))


def _draw(
    ax: Axes, frame: pd.DataFrame, variants: list[str], look: dict[str, Look], shift: float, place: int
) -> None:
    for row in frame.to_dict("records"):
        y, style = variants.index(row["variant"]) + shift, look[str(row["variant"])]
        ax.plot([row["lower"], row["upper"]], [y, y], color=GREY, linewidth=1.0)
        ax.plot([row["rank"]], [y], marker=style.marker, color=style.colour, markeredgecolor=INK, markeredgewidth=0.3,
                markersize=4.5 - 0.6 * place, linestyle="none")  # fmt: skip


def _blocks(boards: list[Board], settings: Settings, width: int) -> list[Block]:
    def block(board: Board) -> Block:
        frame = board.of(board.ready.ranks, board.metric(settings.metric))
        rows = [(*row, *[MISSING] * (width - len(row))) for row in rank_rows(frame)]
        return Block(board, f"{board.label}, {title(board.metric(settings.metric))}", rows, frame=frame)

    made = blocks(boards, block)
    for board in {b.sweep: b for b in boards if b.summary and len(b.results.datasets) > 1}.values():
        over = board.ready.ranks
        over = over[over["dataset"] == OVERALL]
        rows = [(*row, *[MISSING] * (width - len(row))) for row in rank_rows(over)]
        made.append(Block(board, f"{board.sweep}, average over its data sets", rows, frame=over))
    return made
