"""What choosing promised too much: the selection gap, and the optimism of the best checkpoint."""

from __future__ import annotations

import pandas as pd

from ganbench.report import words
from ganbench.report.cells import Row
from ganbench.report.pairs import gap_cells, interval
from ganbench.report.paper.exhibit import (
    Block,
    Exhibit,
    Settings,
    baselines_said,
    blocks,
    stacked,
    stamps_of,
    title,
)
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import MISSING, decimals, number

GAP_HEADER = ("model", "seeds", "searched", "mean over seeds", "gap", "as good as searched")
OPTIMISM_HEADER = (
    "model",
    "runs",
    "checkpoints",
    "optimism",
    "chosen where it is scored",
    "elsewhere",
    "optimism, scaled",
    "bound from noise",
)
OPTIMISM = (
    "Optimism of the best checkpoint: how much worse the score is on the half of the test set on which the checkpoint"
    " was not chosen; scaled: on the log of what is minimised, the logit of shares. Where scores on halves are not"
    " stored there is only a bound, on that scale: what noise between neighbouring checkpoints alone could do."
)


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a table of selection gaps and one of checkpoint optimism."""
    boards = shelf.boards(settings.sweeps)

    def gap(board: Board) -> Block:
        metric = board.metric(settings.metric)
        frame = board.of(board.ready.gaps, metric)
        frame = frame[(frame["at"] == "best") & (frame["rank"] == 0)] if len(frame) else frame
        places = decimals(frame["mean"].astype(float)) if len(frame) else 3
        rows = [(str(row["variant"]), *gap_cells(row, places)) for _, row in frame.iterrows()]
        heading = f"{board.label}, {title(metric)}" + ("" if rows else ": no rerun yet")
        return Block(board, heading, rows, baselines_said(board, [metric], places), frame=frame)

    def optimism(board: Board) -> Block:
        metric = board.metric(settings.metric)
        frame = board.of(board.ready.optimism, metric)
        rows = [_optimism(row) for _, row in frame.iterrows()]
        return Block(board, f"{board.label}, {title(metric)}", rows, frame=frame)

    tables = [
        stacked(
            name, "Selection gap of the chosen setting", GAP_HEADER, blocks(boards, gap), [words.SELECTION]
        ),
        stacked(
            f"{name}_optimism",
            "Optimism of the best checkpoint",
            OPTIMISM_HEADER,
            blocks(boards, optimism),
            [OPTIMISM],
        ),
    ]
    return Exhibit(tables=tables, stamps=stamps_of(boards))


def _optimism(row: Row) -> tuple[str, ...]:
    names = ("optimism", "lower", "upper")
    places = decimals(pd.Series([row["same"], row["other"]], dtype=float))
    finer = decimals(pd.Series([row[name] for name in names], dtype=float))
    scaled = interval(row, ("scaled", "scaled_lower", "scaled_upper"), 3)
    return (
        str(row["variant"]),
        number(float(row["n"]), 0),
        number(float(row["checkpoints"]), 0),
        interval(row, names, finer),
        number(float(row["same"]), places),
        number(float(row["other"]), places),
        MISSING if scaled == MISSING else f"{scaled} ({row['scale']})",
        MISSING if pd.isna(row["bound"]) else f"{row['bound']:.2f} ({row['scale']})",
    )
