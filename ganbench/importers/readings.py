"""What a format gives: scores as other code wrote them, one row each, and what the file says of how they were made."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench.errors import DataError

RUN = ("trial_id", "run", "stage", "model", "dataset", "index", "seed", "is_default")  # of the run
SCORE = ("step", "images_seen", "seconds", "status", "protocol")  # of one of its checkpoints
FACTS = (*RUN, *SCORE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_FINITE = frozenset({"nan", "inf", "infinity"})


@dataclass(frozen=True)
class Readings:
    """Scores of one file.

    `rows` has the columns `metric` (its key), `value` (NaN or infinite: diverged), `place` (where it stands in the
    file) and any of `FACTS`, axes named in `axes`, and hyperparameters, whose names have a dot. `protocol` is what
    the file says of how scores were made; `unit` what a step counts; `ignored` names what was left out.
    """

    rows: pd.DataFrame
    protocol: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, tuple[str, str, str]] = field(
        default_factory=dict
    )  # key → (bare name, space, direction)
    unit: str = "steps"
    axes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV as text, cell by cell. Raises `DataError` where it is none, is empty, or repeats a column."""
    text = read_text(path)
    try:
        names = pd.read_csv(_lines(text), header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
        found = pd.read_csv(_lines(text), dtype=str, keep_default_na=False, index_col=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, IndexError) as error:
        raise DataError(f"{path} is not a CSV file with a header ({_one_line(error)})") from None
    twice = names[names.duplicated()]
    if len(twice):
        raise DataError(f"{path} has two columns {twice.iloc[0]!r}: rename one of them")
    if found.empty:
        raise DataError(f"{path} holds no row below its header")
    return found


def read_text(path: Path) -> str:
    """Return a file's text. Raises `DataError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path} ({_one_line(error)}): it is not a text file") from None


def read_json(path: Path, text: str, line: int | None = None) -> Any:
    """Return JSON; NaN and Infinity, which Python's writer leaves in it, are numbers. Raises `DataError`."""
    try:
        return json.loads(text)
    except ValueError as error:
        where = path if line is None else f"{path}, line {line},"
        raise DataError(f"{where} is not JSON ({_one_line(error)})") from None


def numbers(cells: Iterable[str], path: Path, column: str) -> list[float | None]:
    """Return cells as scores: NaN and ±inf are as they are, an empty cell is None, a score that was not computed.

    Raises `DataError` naming the first row that is none of these.
    """
    return [_number(cell.strip(), path, column, place) for place, cell in enumerate(cells, start=2)]


def _number(cell: str, path: Path, column: str, line: int) -> float | None:
    if not cell:
        return None
    if _NUMBER.fullmatch(cell) or cell.lower().lstrip("+-") in _NOT_FINITE:
        return float(cell)
    raise DataError(f"{path}, line {line}: {column} is {cell!r}, which is no number")


def plain(cell: str) -> Any:
    """Return what a cell of a hyperparameter means: a number, true or false, a text, or None where it is empty."""
    cell = cell.strip()
    if not cell:
        return None
    if cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    if re.fullmatch(r"[+-]?\d+", cell):
        return int(cell)
    return float(cell) if _NUMBER.fullmatch(cell) else cell


def need(table: pd.DataFrame, columns: Iterable[str], path: Path, fix: str) -> None:
    """Raise `DataError` for the first column that a table lacks."""
    for column in columns:
        if column not in table:
            there = ", ".join(map(str, table.columns[:12])) + (" …" if len(table.columns) > 12 else "")
            raise DataError(f"{path} has no column {column!r} (it has {there}): {fix}")


def melted(facts: pd.DataFrame, scores: Mapping[str, list[float | None]]) -> pd.DataFrame:
    """Return one row per row and score of a table, without scores that were not computed."""
    facts = facts.assign(place=[f"line {n}" for n in range(2, len(facts) + 2)])
    parts = [
        facts.assign(metric=key, value=pd.Series(values, dtype=object)) for key, values in scores.items()
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[[value is not None for value in rows["value"]]]
    return rows.astype({"value": "float64"}).reset_index(drop=True)


def _lines(text: str) -> Any:
    return io.StringIO(text)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
