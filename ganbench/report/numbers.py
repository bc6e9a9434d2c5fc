"""report.json: every number of a report as plain values, one record a line, which reads and compares well."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganbench.analysis.results import Results
from ganbench.analysis.summary import Summary
from ganbench.report.render import Table

SCHEMA = 1
REPEATED = (
    "string",
    "categorical",
    "integer",
    "boolean",
)  # kinds of columns whose values come again and again
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def report_json(summary: Summary, made: list[Table], names: list[str]) -> str:
    """Return every number as JSON; ∞ is the string "inf", what is missing is null."""
    results = summary.results
    protocols = {dataset: _encode(_protocol(results, dataset)) for dataset in results.datasets}
    content = {
        "schema": _encode(SCHEMA),
        "name": _encode(results.name),
        "partial": _encode(summary.partial),
        "missing": _encode(summary.missing),
        "protocols": _mapping(protocols),
        "counts": _list(records(summary.counts)),
        "baselines": _list(records(results.baselines)),
        "ceilings": _list(records(summary.ceilings)),
        "curves": _list(records(summary.curves)),
        "settings": _list(records(summary.settings)),
        "seeds": _list(records(summary.seeds)),
        "runs": _list(records(_runs(summary))),
        "tables": _mapping({table.name: _table(table) for table in made}),
        "figures": _list(map(_encode, names)),
    }
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {text}" for name, text in content.items()) + "\n}\n"


def records(frame: pd.DataFrame) -> list[str]:
    """Return each row of a table as a JSON object; floats keep twelve significant digits."""
    row = "{" + ", ".join(f"{_encode(str(name))}: ".replace("%", "%%") + "%s" for name in frame) + "}"
    return [row % cells for cells in zip(*(_texts(frame[name]) for name in frame), strict=True)]


def _texts(column: pd.Series) -> list[str]:
    """Return a column's values as JSON: numbers one by one, of the others each that there is once."""
    if column.dtype == np.float64:
        return _numbers(column.to_numpy())
    if pd.api.types.infer_dtype(column, skipna=True) not in REPEATED:
        return [*map(_text, column.tolist())]
    codes, values = pd.factorize(column, use_na_sentinel=False)
    texts = np.array([*map(_text, values)], dtype=object)
    found: list[str] = texts[codes].tolist()
    return found


def _numbers(values: NDArray[np.float64]) -> list[str]:
    """Return floats as JSON: twelve significant digits, ∞ as the string "inf", NaN as null."""
    told = ("%.12g " * len(values) % tuple(values.tolist())).split()  # all at once: there are many
    texts = [*map(repr, map(float, told))]
    for place in np.flatnonzero(~np.isfinite(values)).tolist():
        texts[place] = "null" if texts[place] == "nan" else f'"{texts[place]}"'
    return texts


def _text(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    return _encode(_plain(value))


def _plain(value: Any) -> Any:
    """Return a JSON value."""
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, float):
        return value if isinstance(value, bool | int | str) else None
    if math.isfinite(value):
        return float(f"{value:.12g}")
    return None if math.isnan(value) else str(value)


def _protocol(results: Results, dataset: str) -> dict[str, Any]:
    protocol = results.protocol(dataset)
    found = {name: protocol[name] for name in ("name", "headline", "curve", "select")}
    directions = {metric.key: metric.direction for metric in results.metrics(dataset)}
    return {**found, "ids": results.protocol_ids(dataset), "directions": directions}


def _runs(summary: Summary) -> pd.DataFrame:
    """Return what the distribution figures draw: every finished run's best and last score."""
    names = ["dataset", "variant", "stage", "index", "seed", "is_default", "trial_id", "metric"]
    names += ["best", "best_step", "last", "best_finite", "last_finite", "divergence"]
    results = summary.results
    shown = [(dataset, metric.key) for dataset in results.datasets for metric in results.shown(dataset)]
    here = pd.MultiIndex.from_frame(summary.outcomes[["dataset", "metric"]]).isin(shown)
    return summary.outcomes.loc[here, names]


def _table(table: Table) -> str:
    said = {
        "title": table.title,
        "header": list(table.header),
        "rows": [list(row) for row in table.rows],
        "notes": list(table.notes),
    }
    return f'{_encode(said)[:-1]}, "numbers": [{", ".join(records(table.frame))}]}}'


def _list(lines: Iterable[str]) -> str:
    text = ",\n  ".join(lines)
    return f"[\n  {text}\n]" if text else "[]"


def _mapping(lines: dict[str, str]) -> str:
    text = ",\n  ".join(f"{json.dumps(name)}: {line}" for name, line in lines.items())
    return f"{{\n  {text}\n}}" if text else "{}"
