"""Settings that somebody else drew, read from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from ganbench.errors import ConfigError
from ganbench.shipped import builtin

Value: TypeAlias = bool | int | float | str


def find(path: str) -> Path:
    """Return the file: a bare name lies in the project's conf/data, anything else is a path."""
    return builtin("conf") / "data" / path if Path(path).name == path else Path(path)


def parse(cell: str) -> Value:
    """Read a cell as true or false, an integer, a number or else a text."""
    if cell.lower() in {"true", "false"}:
        return cell.lower() == "true"
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def read_draws(
    path: str, *, rows: tuple[str, str], index_column: str, columns: Mapping[str, str]
) -> dict[int, dict[str, Value]]:
    """Return index → setting name → value of the rows whose column `rows[0]` says `rows[1]`.

    `columns` maps setting names to columns. Raises `ConfigError` for a file that cannot be read, a column it
    lacks, an empty cell, and an index that is no integer or stands twice.
    """
    draws: dict[int, dict[str, Value]] = {}
    for line, row in _rows(path, [rows[0], index_column, *columns.values()]):
        if row[rows[0]] != rows[1]:
            continue
        index = parse(row[index_column])
        if type(index) is not int or index in draws:
            raise ConfigError(f"{path}, line {line}: `{index_column}` must be an integer that stands once")
        draws[index] = {name: _cell(path, line, row, column) for name, column in columns.items()}
    return draws


def _rows(path: str, needed: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and row; the header is line 1."""
    try:
        with find(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for column in needed:
                if column not in (names := reader.fieldnames or ()):
                    raise ConfigError(f"{path} has no column `{column}`; there are {', '.join(names)}")
            yield from enumerate(reader, start=2)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"sampler.path = {path} cannot be read: {error}") from error


def _cell(path: str, line: int, row: dict[str, str], column: str) -> Value:
    if not row[column]:
        raise ConfigError(f"{path}, line {line}: `{column}` is empty, but the space searches it")
    return parse(row[column])
