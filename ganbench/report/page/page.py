"""The page itself: what the template shows, and the one string it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from ganbench.analysis.results import Results
from ganbench.analysis.summary import Summary
from ganbench.report import words
from ganbench.report.folder import FIGURE_KINDS
from ganbench.report.page.data import packed, payload
from ganbench.report.page.pictures import Picture, data_uri, pictures
from ganbench.report.page.record import Record
from ganbench.report.render import Table, decimals, number
from ganbench.report.tables import BASELINES

HERE = Path(__file__).parent
SCRIPTS = (
    "base.js",
    "curves.js",
    "runs.js",
    "trials.js",
    "grid.js",
    "app.js",
)  # in the order they need each other
STORE_FILES = ("sweep.yaml", "trials.jsonl", "scores.parquet", "baselines.jsonl")
OUTCOMES = ("planned", "done", "diverged", "never_finite", "failed", "pending")


@dataclass(frozen=True)
class Links:
    """Files beside the page, by path relative to it; tables and figures without their suffixes."""

    tables: tuple[str, ...]
    table_kinds: tuple[str, ...]
    figures: tuple[str, ...]
    figure_kinds: tuple[str, ...]
    files: tuple[str, ...]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["path"] = lambda path: quote(str(path))
    environment.filters["plain"] = plain_json
    return environment


def plain_json(value: Any) -> str:
    """Return JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def page(summary: Summary, made: list[Table], links: Links, record: Record) -> str:
    """Return index.html: readable without scripts, explored with them; the same summary gives the same bytes."""
    results = summary.results
    context = {
        "name": _title(results),
        "missing": summary.missing,
        "tiles": tiles(summary),
        "facts": facts(results),
        "datasets": [_dataset(summary, made, dataset) for dataset in results.datasets],
        "others": [table for table in made if _dataset_of(table) not in results.datasets],
        "outcomes": OUTCOMES,
        "bad": ("diverged", "never_finite", "failed"),
        "failed": int(summary.counts["failed"].sum()),
        "links": links,
        "record": record,
        "payload": packed(payload(summary)),
        "style": _asset("page.css"),
        "plotly": get_plotlyjs(),
        "script": "\n".join(map(_asset, SCRIPTS)),
    }
    return _environment().get_template("page.html").render(context)


def _title(results: Results) -> str:
    """Return the sweep's name, and the protocol's where it is not the sweep's own."""
    return (
        f"{results.name} under {results.protocol(results.datasets[0])['name']}"
        if results.own
        else results.name
    )


def comparison_page(
    names: Sequence[str], made: Sequence[Table], kinds: tuple[str, ...], figures: Mapping[str, bytes]
) -> str:
    """Return the page of sweeps side by side: their tables and figures (PNG), with links to the files beside it."""
    context = {
        "names": names,
        "tables": made,
        "suffixes": kinds,
        "figures": {name: data_uri(png) for name, png in figures.items()},
        "figure_kinds": FIGURE_KINDS,
        "style": _asset("page.css"),
    }
    return _environment().get_template("compare.html").render(context)


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def links_of(out: Path, made: list[Table], figures: list[str], kinds: tuple[str, ...]) -> Links:
    """Return what lies beside the page: tables and figures just written, and the sweep's own files if any."""
    here = ("provenance.json", *(f"../{name}" for name in STORE_FILES))
    return Links(
        tables=tuple(f"tables/{table.name}" for table in made),
        table_kinds=kinds,
        figures=tuple(f"figures/{name}" for name in figures),
        figure_kinds=FIGURE_KINDS,
        files=("report.json", *(name for name in here if (out / name).is_file())),
    )


def tiles(summary: Summary) -> list[tuple[str, str, str]]:
    """Return the summary's numbers: label, value and what it is made of."""
    found = []
    for stage, rows in summary.counts.groupby("stage", sort=False):
        total = {name: int(rows[name].sum()) for name in OUTCOMES}
        parts = [f"{total[name]} {name}" for name in ("done", "diverged", "failed", "pending") if total[name]]
        found.append((f"{stage} trials", f"{total['planned']}", ", ".join(parts)))
    results = summary.results
    scores = results.history.scores
    if "seconds" in scores:
        hours = float(scores.groupby("trial_id")["seconds"].max().sum()) / 3600
        said = [("training", f"{hours:.1f} h", "over all trials, without scoring")]
        found += said if hours > 0 else []  # scores made elsewhere may come without times
    steps = results.definition.get("budget", {}).get("steps")
    return found + ([("a trial", f"{steps}", "D steps")] if steps else [])


def facts(results: Results) -> list[tuple[str, str]]:
    """Return what was run, in words."""
    rerun = results.definition.get("rerun")
    said = [("Models", ", ".join(results.variants)), ("Datasets", ", ".join(results.datasets))]
    said += [("Training", words.budget_note(results))]
    said += [("Re-runs", words.rerun_note(results, d)) for d in results.datasets[:1] if rerun]
    changed = [str(override) for override in results.definition.get("overrides") or []]
    said += [("Changed from the defaults", ", ".join(changed))] if changed else []
    return said + [("Default settings", note) for note in [words.default_note(results)] if note]


def _dataset(summary: Summary, made: list[Table], dataset: str) -> dict[str, Any]:
    """Return what the template shows of one dataset."""
    results = summary.results
    ours = [table for table in made if _dataset_of(table) == dataset]
    rows = summary.counts[summary.counts["dataset"] == dataset]
    return {
        "name": dataset,
        "tables": ours,
        "pictures": [_shown(picture) for picture in pictures(summary, dataset)],
        "counts": rows.to_dict("records"),
        "divergence": words.divergence_note(summary, dataset),
        "width": words.width_note(results, dataset),
        "note": words.protocol_note(results, dataset),
        "ids": results.protocol_ids(dataset),
        "metrics": [_metric(summary, dataset, metric.key) for metric in results.metrics(dataset)],
        "protocol": results.protocol(dataset),
    }


def _dataset_of(table: Table) -> str:
    """Return the one dataset that a table is about; empty where it is about several."""
    found = set(table.frame.get("dataset", ()))
    return str(found.pop()) if len(found) == 1 else ""


def _shown(picture: Picture) -> Mapping[str, Any]:
    return vars(picture)


def _metric(summary: Summary, dataset: str, key: str) -> dict[str, Any]:
    """Return a metric's meaning: its protocol's roles, its direction and its baselines."""
    results = summary.results
    metric, protocol = results.metric(dataset, key), results.protocol(dataset)
    shown = ("headline", "curve") if results.later(dataset) else ("headline", "curve", "select")
    roles = [role for role in shown if protocol[role] == key]
    levels = {name: results.baseline(dataset, name, key) for name in BASELINES}
    seen = summary.outcomes[(summary.outcomes["dataset"] == dataset) & (summary.outcomes["metric"] == key)][
        "best"
    ]
    places = decimals(seen)
    return {
        "key": key,
        "name": words.metric_name(metric),
        "arrow": words.arrow(metric),
        "space": metric.space,
        "roles": ", ".join(roles),
        "baselines": [number(level, places) for level in levels.values()],
    }
