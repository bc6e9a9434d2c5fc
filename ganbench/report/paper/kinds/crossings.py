"""How much more budget the worse model needs until it passes the better one."""

from __future__ import annotations

from ganbench.analysis.comparisons import HOLM_AT
from ganbench.report import words
from ganbench.report.pairs import crossing_rows, with_verdicts
from ganbench.report.paper.exhibit import Block, Exhibit, Settings, blocks, stacked, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return one table."""
    boards = shelf.boards(settings.sweeps)

    def block(board: Board) -> Block:
        metric = board.metric(settings.metric)
        frame = with_verdicts(
            board.of(board.ready.crossings, metric), board.of(board.ready.comparisons, metric)
        )
        width = len(set(frame["budget"]))
        rows = [(*row, *[MISSING] * (len(HOLM_AT) - width)) for row in crossing_rows(frame)]
        return Block(board, f"{board.label}, {title(metric)}", rows, frame=frame)

    header = ("better with b", "worse", *(f"b = {b}" for b in HOLM_AT))
    table = stacked(
        name, "Budgets at which the worse model passes", header, blocks(boards, block), [words.CROSSINGS]
    )
    return Exhibit(tables=[table], stamps=stamps_of(boards))
