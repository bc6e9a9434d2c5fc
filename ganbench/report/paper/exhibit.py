"""What a kind of exhibit returns, and how tables of several sweeps are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ganbench.analysis.bands import two_sided_until
from ganbench.analysis.curves import LEVEL
from ganbench.analysis.results import Metric
from ganbench.report import words
from ganbench.report.cells import Places
from ganbench.report.figures import MEDIAN
from ganbench.report.paper.shelf import Board
from ganbench.report.render import MISSING, Table, decimals, number
from ganbench.report.tables import BASELINES


@dataclass(frozen=True)
class Settings:
    """The sweeps, and the role or key of the metric: all that most kinds are told."""

    sweeps: list[str]
    metric: str = "curve"


@dataclass(frozen=True)
class Drawing:
    """A figure with its name and what stands under it."""

    name: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Exhibit:
    """Tables and figures about one question; `stamps` say what is missing."""

    tables: Sequence[Table] = ()
    figures: Sequence[Drawing] = ()
    stamps: tuple[str, ...] = ()


@dataclass
class Block:
    """A board's part of a table: a heading over all columns, rows, and rows of baselines below them."""

    board: Board
    heading: str
    rows: Sequence[tuple[str, ...]] = ()
    below: Sequence[tuple[str, ...]] = ()
    bold: Iterable[tuple[int, int]] = ()
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)


def stamps_of(boards: Sequence[Board]) -> tuple[str, ...]:
    """Return what keeps sweeps from being complete, each once."""
    found = {board.sweep: board.stamp for board in boards if board.stamp}
    return tuple(f"{sweep} {stamp}" for sweep, stamp in found.items())


def stacked(
    name: str, caption: str, header: Sequence[str], blocks: Sequence[Block], notes: Iterable[str]
) -> Table:
    """Return one table of several boards, each under its own heading."""
    rows: list[tuple[str, ...]] = []
    bold, rules = set[tuple[int, int]](), set[int]()
    for block in blocks:
        rules |= {len(rows)} if rows else set()
        rows.append((_heading(block),))
        bold |= {(len(rows) + row, column) for row, column in block.bold}
        rows += block.rows
        rules |= {len(rows)} if block.rows and block.below else set()
        rows += block.below
    boards = [block.board for block in blocks]
    stamps = stamps_of(boards)
    frames = [b.frame.assign(sweep=b.board.sweep, stamp=b.board.stamp) for b in blocks if len(b.frame)]
    return Table(
        name=name,
        caption=caption,
        header=tuple(header),
        rows=tuple(rows),
        notes=tuple(dict.fromkeys([*(n for b in boards for n in b.notes()), *filter(None, notes)])),
        frame=pd.concat(frames, ignore_index=True) if frames else _stamped(boards),
        partial=bool(stamps),
        bold=frozenset(bold),
        rules=frozenset(rules),
        stamp="; ".join(stamps),
    )


def _heading(block: Block) -> str:
    parts = [block.heading] if block.board.summary else [block.board.label]
    return ": ".join([*parts, *([block.board.stamp] if block.board.stamp else [])])


def _stamped(boards: Sequence[Board]) -> pd.DataFrame:
    return pd.DataFrame({"sweep": [b.sweep for b in boards], "stamp": [b.stamp for b in boards]})


def blocks(boards: Sequence[Board], make: Callable[[Board], Block]) -> list[Block]:
    """Return each board's part of a table; one without numbers is its heading alone."""
    return [make(board) if board.summary else Block(board, board.label) for board in boards]


def scored_by(boards: Sequence[Board], keys: Iterable[str]) -> list[Board]:
    """Return the boards; one that lacks a metric is stamped with its name and has no numbers."""
    wanted = list(keys)
    return [_checked(board, wanted) if board.summary else board for board in boards]


def _checked(board: Board, wanted: Sequence[str]) -> Board:
    known = {metric.key for metric in board.results.described(board.dataset)}
    missing = [key for key in wanted if key not in known]
    return unscored(board, ", ".join(missing)) if missing else board


def unscored(board: Board, what: str) -> Board:
    """Return a board without numbers, stamped with what it lacks."""
    return replace(board, summary=None, stamp=f"not scored by {what}")


def figure_name(name: str, board: Board) -> str:
    """Name a figure of one board."""
    return f"{name}_{board.sweep}_{board.dataset}".strip("_").replace("-", "_")


def places_of(board: Board, keys: Iterable[str]) -> Places:
    """Return the decimals of metrics, from all of a sweep's scores."""
    scores = board.results.scores
    return {key: decimals(scores.loc[scores["metric"] == key, "value"].astype(float)) for key in keys}


def title(metric: Metric) -> str:
    """Return a metric's name with the sign of its better direction."""
    return f"{words.metric_name(metric)} {words.arrow(metric)}"


def baseline_rows(board: Board, metric: Metric, places: int, width: int, at: int) -> list[tuple[str, ...]]:
    """Return a row of each stored baseline, its score in column ``at`` of ``width``."""
    rows = []
    for name, said in BASELINES.items():
        value = board.results.baseline(board.dataset, name, metric.key)
        if not np.isnan(value):
            cells = [MISSING] * width
            cells[0], cells[at] = said, number(value, places)
            rows.append(tuple(cells))
    return rows


def baselines_said(board: Board, metrics: Sequence[Metric], places: int) -> list[tuple[str, ...]]:
    """Return one row over all columns that states the baselines by one or more metrics."""
    said = []
    for name, word in BASELINES.items():
        values = [board.results.baseline(board.dataset, name, metric.key) for metric in metrics]
        if not np.isnan(values[0]):
            said.append(f"{word} {' / '.join(number(value, places) for value in values)}")
    return [(f"Baselines: {', '.join(said)}",)] if said else [("Baselines: none stored",)]


def few_notes(boards: Sequence[Board]) -> list[str]:
    """Return what the number of settings forbids to say, by board."""
    return [f"{b.label}: {words.small_n_note(b.ready, b.dataset)}" for b in boards if b.summary]


def two_sided(curves: pd.DataFrame, k: str) -> pd.DataFrame:
    """Return median curves without the bounds that say nothing on the good side; ``k`` names the budgets."""
    until = {n: two_sided_until(int(n), LEVEL) for n in set(curves["n"])}
    says = curves[k] <= curves["n"].map(until)
    return curves.assign(**{side: curves[side].where(says) for side in MEDIAN[1:]})
