"""Tables of results that a benchmark writes row by row: what is measured again replaces its row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path


def keep(
    path: Path, new: Mapping[str, object], *, key: tuple[str, ...] = ("case",), order: Iterable[str] = ()
) -> None:
    """Put a row in the place of the one with its key, or at the end; with ``order``, rows stand as it names cases.

    Rows of cases that ``order`` does not name are dropped. The row's names are the columns.
    """
    rows: dict[tuple[str, ...], Mapping[str, object]] = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = {tuple(row[name] for name in key): row for row in csv.DictReader(file)}
    rows[tuple(str(new[name]) for name in key)] = new
    if names := list(order):
        rows = {(name,): rows[name,] for name in names if (name,) in rows}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(new))
        writer.writeheader()
        writer.writerows(rows.values())
