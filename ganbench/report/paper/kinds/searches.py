"""Two searches of the same space with other draws: what a search of k settings owes to its own luck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ganbench.analysis.anytime import over_searches
from ganbench.analysis.repeats import repeats
from ganbench.report import words
from ganbench.report.cells import Row
from ganbench.report.figures import dress
from ganbench.report.paper.drawing import board_panels, nothing
from ganbench.report.paper.exhibit import Block, Drawing, Exhibit, baselines_said, stacked, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, Table, decimals, number
from ganbench.report.style import Look

AT = (1, 5, 10, 50, 100)
SAID = (
    "Best so far of each of several independent searches after k settings, in the order in which they were drawn:"
    " lines their median, shades from the best to the worst of them. Between the two of them the median of all such"
    " searches lies with probability 1 − 2^(1 − searches)."
)


REPEATS = (
    "metric",
    "k",
    "pairs",
    "decided",
    "in the other",
    "both, same way",
    "reversed",
    "one side of ½",
    "mean distance",
)
REPEATED = (
    "Pairs of models that both searches could compare: decided after Holm's correction in the first, in the second, the"
    " same way in both, and the other way round; on one side of ½: P(A beats B) is; mean distance of the two P."
)


@dataclass(frozen=True)
class Settings:
    """Sweeps that differ in nothing but the search's seed."""

    sweeps: list[str]
    metric: str = "curve"


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return one figure and one table, with what there is of the searches."""
    boards = shelf.boards(settings.sweeps)
    ready = [board for board in boards if board.summary]
    curves = over_searches([board.ready.curves for board in ready]) if ready else pd.DataFrame()

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        metric = board.metric(settings.metric)
        here = board.of(curves, metric)
        here = here[here["searches"] == len(ready)] if len(here) else here
        if here.empty:
            nothing(ax)
            return
        for variant, curve in here.groupby("variant", sort=False):
            style = look[str(variant)]
            ax.plot(curve["k"], curve["median"], color=style.colour, marker=style.marker, markevery=0.25)
            ax.fill_between(
                curve["k"], curve["lower"], curve["upper"], color=style.colour, alpha=0.15, linewidth=0
            )
        seen = pd.concat([here["median"], here["lower"], here["upper"]]).astype(float)
        dress(ax, metric, seen, here["k"])
        ax.set_xlabel("k, settings tried")
        ax.set_ylabel(title(metric))

    shown = [*ready[:1], *(board for board in boards if board.summary is None)]
    figure = board_panels(
        shown, panel, text=f"Best so far of {len(ready)} of {len(settings.sweeps)} searches"
    )
    blocks = [_block(board, settings) for board in boards]
    header = ("model", *(f"k = {k}" for k in AT))
    table = stacked(name, "Best so far, search by search", header, blocks, [SAID])
    tables = [table, _verdicts(name, boards)] if len(settings.sweeps) > 1 and boards else [table]
    return Exhibit(tables, [Drawing(name, SAID, figure)], stamps_of(boards))


def _verdicts(name: str, boards: list[Board]) -> Table:
    """Return what the further searches say beside the first one of their data set."""
    firsts = [board for board in boards if board.sweep == boards[0].sweep]
    others = [board for board in boards if board.sweep != boards[0].sweep]
    blocks = []
    for first in firsts:
        blocks.append(Block(first, f"{first.label}: the first search"))
        blocks += [_repeats(first, board) for board in others if board.dataset in ("", first.dataset)]
    blocks += [Block(board, board.label) for board in others if not any(board is b.board for b in blocks)]
    return stacked(f"{name}_repeats", "Verdicts of two searches", REPEATS, blocks, [REPEATED])


def _repeats(first: Board, board: Board) -> Block:
    """Return what another search says beside the first; a heading alone where there is nothing to compare."""
    if first.summary is None or board.summary is None:
        return Block(board, board.label)
    if not (first.summary.iid and board.summary.iid):
        return Block(board, f"{board.label}: the draws are not independent, no verdicts")
    frame = board.of(repeats(first.summary.comparisons, board.summary.comparisons))
    rows = [_repeated(board, row) for _, row in frame.iterrows()]
    return Block(board, f"{board.label}: another search", rows, frame=frame)


def _repeated(board: Board, row: Row) -> tuple[str, ...]:
    counts = [str(row[name]) for name in ("k", "pairs", "first", "second", "same", "reversed", "side")]
    return (
        words.metric_name(board.results.metric(board.dataset, row["metric"])),
        *counts,
        number(row["distance"], 2),
    )


def _block(board: Board, settings: Settings) -> Block:
    if board.summary is None:
        return Block(board, board.label)
    metric = board.metric(settings.metric)
    curves = board.of(board.summary.curves, metric)
    at = curves.set_index(["variant", "k"])["best_so_far"].astype(float)
    places = decimals(at) if np.isfinite(at).any() else 3
    rows = [
        (v, *(number(float(at[v, k]), places) if (v, k) in at.index else MISSING for k in AT))
        for v in board.results.variants
    ]
    below = baselines_said(board, [metric], places)
    return Block(board, f"{board.sweep}, {title(metric)}", rows, below, frame=curves[curves["k"].isin(AT)])
