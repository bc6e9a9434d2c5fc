"""A table with a header: a row a checkpoint with a column a metric, or a row a score as `ganbench export NAME csv`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ganbench.errors import DataError
from ganbench.importers.metrics import is_known
from ganbench.importers.readings import FACTS, Readings, melted, need, numbers, plain, read_table

SAYS = "any table: --columns model=arch,step=iter,fid=my_fid,model.lr=rate; the export of a sweep needs none"
LONG = ("metric", "value")
OWN = ("sweep", "pack_id", "attempt", "compile_seconds", "score_seconds")  # of the sweep that was exported


def read(path: Path, columns: Mapping[str, str]) -> Readings:
    """Read a table; `columns` maps our name (a fact, a metric's key, a hyperparameter with a dot) to the file's.

    Without it the file's names are ours. Raises `DataError`.
    """
    table = read_table(path)
    need(table, columns.values(), path, "correct --columns ours=theirs")
    named = pd.DataFrame({ours: table[theirs] for ours, theirs in columns.items()}) if columns else table
    ignored = [str(name) for name in table if columns and name not in columns.values()]
    if set(LONG) <= set(named):
        return _long(named, path, ignored)
    return _wide(named, path, ignored, every=bool(columns))


def _long(table: pd.DataFrame, path: Path, ignored: list[str]) -> Readings:
    axes = _axes([str(name) for name in table])
    facts = _facts(table, axes).assign(metric=table["metric"], place=_places(len(table)))
    values = numbers(table["value"], path, "value")
    status = facts["status"] if "status" in facts else pd.Series("ok", index=facts.index)
    measured = [value is not None or word == "diverged" for value, word in zip(values, status, strict=True)]
    rows = facts.assign(value=pd.Series(values, dtype="float64"))[measured]
    dropped = [str(n) for n in table if n not in rows and n not in (*LONG, *OWN)]
    return Readings(rows.reset_index(drop=True), axes=axes, ignored=(*ignored, *dropped))


def _wide(table: pd.DataFrame, path: Path, ignored: list[str], *, every: bool) -> Readings:
    names = [str(name) for name in table if name not in FACTS and "." not in str(name)]
    keys = names if every else [name for name in names if is_known(name)]
    if not keys:
        raise DataError(
            f"{path} names no metric: say which columns hold scores with --columns, such as fid_inception=FID"
        )
    rows = melted(_facts(table, ()), {key: numbers(table[key], path, key) for key in keys})
    return Readings(rows, ignored=(*ignored, *(name for name in names if name not in keys)))


def _facts(table: pd.DataFrame, axes: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns that say what was run, hyperparameters as values."""
    kept = table[[name for name in table if name in (*FACTS, *axes) or "." in str(name)]]
    return kept.assign(
        **{str(n): pd.Series([plain(c) for c in kept[n]], dtype=object) for n in kept if "." in str(n)}
    )


def _axes(names: list[str]) -> tuple[str, ...]:
    """Return the further axes of an exported sweep, which stand between stage and index."""
    if names[:3] != ["trial_id", "sweep", "stage"] or "index" not in names:
        return ()
    return tuple(name for name in names[3 : names.index("index")] if name not in FACTS)


def _places(n: int) -> list[str]:
    return [f"line {number}" for number in range(2, n + 2)]
