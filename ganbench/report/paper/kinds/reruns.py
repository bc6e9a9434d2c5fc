"""The rerun stage as the report has it: mean ± sd untrimmed and without outliers, median, quantiles, gap."""

from __future__ import annotations

from dataclasses import replace

from ganbench.report import words
from ganbench.report.paper.exhibit import Block, Exhibit, Settings, baseline_rows, stacked, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import decimals
from ganbench.report.tables import OF_ONE, seeds_columns, seeds_frame


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return one table of the best setting's reruns; its CSV has those of further settings too."""
    boards = shelf.boards(settings.sweeps)
    header = tuple(seeds_columns(0))
    blocks = [_block(board, settings, len(header)) for board in boards]
    rerun = [
        words.rerun_note(b.results, b.dataset)
        for b in boards
        if b.summary and b.results.definition.get("rerun")
    ]
    notes = [words.COUNTS, OF_ONE, *rerun, words.MEANS, words.OUTLIERS, words.GAP]
    notes += [_ceiling(board, settings) for board in boards if board.summary]
    table = stacked(name, "Over seeds", header, blocks, notes)
    return Exhibit(tables=[replace(table, text_columns=1)], stamps=stamps_of(boards))


def _ceiling(board: Board, settings: Settings) -> str:
    key = board.metric(settings.metric).key
    places = (
        decimals(board.of(board.ready.seeds, board.metric(settings.metric))["mean"])
        if len(board.ready.seeds)
        else 3
    )
    return f"{board.label}: {words.ceiling_note(board.ready, board.dataset, {key: places})}"


def _block(board: Board, settings: Settings, width: int) -> Block:
    if board.summary is None:
        return Block(board, board.label)
    metric = board.metric(settings.metric)
    heading = f"{board.label}, {title(metric)}"
    if not board.results.definition.get("rerun"):
        return Block(board, f"{heading}: no rerun asked for")
    frame = seeds_frame(board.summary, board.dataset, [metric])
    frame = frame[frame["at"] == board.results.chosen_at]
    places = decimals(frame["mean"])
    columns = seeds_columns(places)
    shown = frame[frame["rank"] == 0]
    rows = [tuple(cell(row) for cell in columns.values()) for _, row in shown.iterrows()]
    return Block(board, heading, rows, baseline_rows(board, metric, places, width, 3), frame=frame)
