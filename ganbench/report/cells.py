"""How rows of numbers become the cells of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ganbench.analysis.draws import mostly_nothing
from ganbench.analysis.results import Metric
from ganbench.report.render import MISSING, Table, number

Row: TypeAlias = "pd.Series[Any]"
Columns: TypeAlias = dict[str, Callable[[Row], str]]
Places: TypeAlias = dict[str, int]  # metric key → decimals


def table(
    name: str, caption: str, rows: pd.DataFrame, columns: Columns, notes: Sequence[str], *, partial: bool
) -> Table:
    """Return a table with a row of cells for each row of a frame."""
    shown = tuple(tuple(cell(row) for cell in columns.values()) for _, row in rows.iterrows())
    return Table(name, caption, tuple(columns), shown, tuple(notes), frame=rows, partial=partial)


def text(name: str) -> Callable[[Row], str]:
    """Show a word."""
    return lambda row: str(row[name])


def score(name: str, places: int | Places) -> Callable[[Row], str]:
    """Show a score."""
    return lambda row: number(float(row[name]), _digits(row, places))


def counts(stage: str) -> Callable[[Row], str]:
    """Show planned/done/diverged/failed."""
    names = [f"{stage}_{name}" for name in ("planned", "done", "diverged", "failed")]
    return lambda row: "/".join(str(int(row[name])) for name in names)


def mean_sd(prefix: str, places: int | Places, mark: str = "") -> Callable[[Row], str]:
    """Show mean ± sd, with the stars of the column ``mark`` if there is one."""

    def cell(row: Row) -> str:
        mean, sd = (number(float(row[f"{prefix}{name}"]), _digits(row, places)) for name in ("mean", "sd"))
        return mean + ("" if sd == MISSING else f" ± {sd}") + (str(row[mark]) if mark else "")

    return cell


def interval(names: tuple[str, str, str], places: int | Places) -> Callable[[Row], str]:
    """Show a centre with a lower and an upper bound."""

    def cell(row: Row) -> str:
        centre, low, high = (number(float(row[name]), _digits(row, places)) for name in names)
        return (
            centre if MISSING in (low, high) else f"{centre} [{low}, {high}]".replace(", diverged]", ", ∞]")
        )

    return cell


def share(name: str) -> Callable[[Row], str]:
    """Show a share in per cent."""
    return lambda row: MISSING if np.isnan(row[name]) else f"{100 * row[name]:.0f} %"


def keyed(frame: pd.DataFrame, *names: str) -> dict[tuple[Any, ...], Row]:
    """Return a frame's rows by the values of some columns."""
    return {tuple(row[name] for name in names): row for _, row in frame.iterrows()}


def _digits(row: Row, places: int | Places) -> int:
    return places if isinstance(places, int) else places[row["metric"]]


def best_cells(frame: pd.DataFrame, columns: dict[int, str], metric: Metric) -> frozenset[tuple[int, int]]:
    """Return the cells that hold a column's best; none where more than half of the models score 0."""
    cells: set[tuple[int, int]] = set()
    for column, name in columns.items():
        values = frame[name].where(np.isfinite(frame[name]))
        if values.isna().all() or mostly_nothing(values.to_numpy(dtype=float), minimize=metric.minimize):
            continue
        top = values.min() if metric.minimize else values.max()
        cells |= {(row, column) for row in np.flatnonzero(values == top).tolist()}
    return frozenset(cells)
