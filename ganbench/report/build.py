"""Write a sweep's report: tables, figures, a page and every number they show, the same bytes each time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.results import Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.files import replace_bytes, replace_text
from ganbench.report import samples
from ganbench.report.figures import figures
from ganbench.report.page import links_of, page, read_record
from ganbench.report.render import Table, csv, latex, markdown
from ganbench.report.style import styled, to_bytes
from ganbench.report.tables import tables

FORMATS: dict[str, Callable[[Table], str]] = {"csv": csv, "md": markdown, "tex": latex}
SCHEMA = 1


def build(
    results: Results, out: Path, *, allow_partial: bool, progress: Callable[[str], None] | None = None
) -> Path:
    """Write `tables/*`, `figures/*`, `index.html` and, last, `report.json`; returns the report's folder.

    ``progress`` is told what is being written. Raises `ReportError` where the results are unusable, or
    incomplete without ``allow_partial``, before anything is written.
    """
    say = progress or (lambda _: None)
    say("analysis")
    summary = summarise(results, allow_partial=allow_partial)
    made = list(tables(summary))
    for table in made:
        say(f"table {table.name}")
        for kind, render in FORMATS.items():
            replace_text(out / "tables" / f"{table.name}.{kind}", render(table))
    names = []
    with styled():
        for name, figure in figures(summary):
            say(f"figure {name}")
            names.append(name)
            for kind, content in to_bytes(figure).items():
                replace_bytes(out / "figures" / f"{name}.{kind}", content)
        say("page")
        record = read_record(results, out)
        links = links_of(out, made, names, tuple(FORMATS))
        replace_text(out / "index.html", page(summary, made, links, record))
    replace_text(out / "report.json", _dump(numbers(summary, made, names)))
    return out


def picture(results: Results) -> bytes | None:
    """Return a PNG of the samples of a sweep's first dataset, None where none were kept."""
    dataset = results.datasets[0]
    if not samples.available(results, dataset):
        return None
    with styled():
        return to_bytes(samples.figure(results, dataset))["png"]


def numbers(summary: Summary, made: list[Table], names: list[str]) -> dict[str, Any]:
    """Return every number of the report as plain values; ∞ is the string "inf", what is missing is null."""
    results = summary.results
    return {
        "schema": SCHEMA,
        "name": results.name,
        "partial": summary.partial,
        "missing": summary.missing,
        "protocols": {dataset: _protocol(results, dataset) for dataset in results.datasets},
        "counts": _records(summary.counts),
        "baselines": _records(results.baselines),
        "ceilings": _records(summary.ceilings),
        "curves": _records(summary.curves),
        "settings": _records(summary.settings),
        "seeds": _records(summary.seeds),
        "runs": _records(_runs(summary)),
        "tables": {table.name: _table(table) for table in made},
        "figures": names,
    }


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


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "header": list(table.header),
        "rows": [list(row) for row in table.rows],
        "notes": list(table.notes),
        "numbers": _records(table.frame),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")
    ]
    return rows


def _plain(value: Any) -> Any:
    """Return a JSON value; floats keep twelve significant digits."""
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, float):
        return value if isinstance(value, bool | int | str) else None
    if math.isfinite(value):
        return float(f"{value:.12g}")
    return None if math.isnan(value) else str(value)


def _dump(content: dict[str, Any]) -> str:
    """Return JSON with one record a line, which reads and compares well."""
    lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(value: Any) -> str:
    one = partial(json.dumps, ensure_ascii=False, allow_nan=False)
    if isinstance(value, list) and value:
        return "[\n  " + ",\n  ".join(map(one, value)) + "\n]"
    if isinstance(value, dict) and value:
        return (
            "{\n  " + ",\n  ".join(f"{json.dumps(name)}: {one(item)}" for name, item in value.items()) + "\n}"
        )
    return one(value)
