"""Sweeps side by side, and who is better: refused where their numbers do not compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench.analysis.best import best_scores, of_metric
from ganbench.analysis.results import Metric, ReportError, refuse_mixture
from ganbench.analysis.summary import Summary
from ganbench.files import replace_text
from ganbench.report import cells, words
from ganbench.report.build import draw_figures
from ganbench.report.folder import FORMATS, settle, write_table
from ganbench.report.page import comparison_page
from ganbench.report.render import MISSING, Table, decimals
from ganbench.report.tables import BUDGETS, marked
from ganbench.report.versus import NOTHING, TESTED, figures, pairs_table, untested
from ganbench.store.definition import differences

COMPARED = ("search", "rerun", "precision", "axes")  # of a definition; the rest stands in the configs
PLACEMENT = ("root", "download")  # of a dataset's config: no part of any trial
NO_TEST = "Side by side is no test: sweeps differ by chance too."
MEDIAN = f"{words.MEDIAN} Nothing is shown beyond k = n/2."

Cell = Callable[[cells.Row], str]


def compare(summaries: Sequence[Summary]) -> list[Table]:
    """Return, per dataset that all sweeps have, the best scores and the budgets side by side, and the pairs tested.

    Raises `ReportError`, naming the sweeps, where they share no dataset or scored one under different protocols.
    """
    shared, scored = _shared(summaries), _scored(summaries)
    named = " and ".join(repr(summary.results.name) for summary in summaries)
    if not shared:
        raise ReportError(f"sweeps {named} have no dataset in common: compare sweeps on the same data")
    for dataset in shared:
        refuse_mixture(
            {i for s in summaries for i in s.results.protocol_ids(dataset)},
            f"scores of {dataset!r} in {_with_protocols(summaries, dataset)}",
        )
    if not scored:
        raise ReportError(f"sweeps {named} have no scored dataset in common: continue both first")
    return [table for dataset in scored for table in _tables(summaries, dataset)]


def _shared(summaries: Sequence[Summary]) -> list[str]:
    return [d for d in summaries[0].results.datasets if all(d in s.results.datasets for s in summaries)]


def _scored(summaries: Sequence[Summary]) -> list[str]:
    """Return the datasets of which all sweeps have scores."""
    return [d for d in _shared(summaries) if all(s.results.metrics(d) for s in summaries)]


def _tables(summaries: Sequence[Summary], dataset: str) -> Iterator[Table]:
    shown = _shown(summaries, dataset)
    reason = untested(summaries, dataset)
    pairs = None if reason else pairs_table(summaries, dataset, shown[0], _common(summaries, dataset))
    last = f"{NO_TEST} {TESTED if pairs else f'There is none here: {reason or NOTHING}.'}"
    yield _best(summaries, dataset, shown[0], last)
    yield _budget(summaries, dataset, shown, last)
    yield from [pairs] if pairs else []


def _shown(summaries: Sequence[Summary], dataset: str) -> list[Metric]:
    """Return the metrics that all sweeps show, the first's headline first; raises `ReportError` where there is none."""
    every = [summary.results.shown(dataset) for summary in summaries]
    common = [metric for metric in every[0] if all(metric in other for other in every[1:])]
    if not common:
        said = ", ".join(
            f"{s.results.name}: {' and '.join(f'{m.key} ({m.direction})' for m in shown) or 'none'}"
            for s, shown in zip(summaries, every, strict=True)
        )
        raise ReportError(f"no metric of {dataset!r} is shown by all sweeps ({said}): give them one headline")
    return common


def write_comparison(summaries: Sequence[Summary], out: Path) -> list[Table]:
    """Write `tables/*`, `figures/*` and `index.html` into a folder and return the tables; the same bytes each time."""
    made = compare(summaries)
    for table in made:
        write_table(table, out)
    drawings = {
        name: draw for d in _scored(summaries) for name, draw in figures(summaries, d, _shown(summaries, d))
    }
    draw_figures(drawings, out)
    settle(out, [table.name for table in made], drawings)
    shown = {name: (out / "figures" / f"{name}.png").read_bytes() for name in drawings}
    names = [summary.results.name for summary in summaries]
    replace_text(out / "index.html", comparison_page(names, made, tuple(FORMATS), shown))
    return made


def _with_protocols(summaries: Sequence[Summary], dataset: str) -> str:
    said = [(s.results.name, ", ".join(s.results.protocol_ids(dataset))) for s in summaries]
    return " and ".join(f"{name!r} ({ids})" for name, ids in said)


def _best(summaries: Sequence[Summary], dataset: str, metric: Metric, last: str) -> Table:
    rows = _interleaved(summaries, [best_scores(s, dataset, metric) for s in summaries])
    places = decimals(rows["best"])
    columns: cells.Columns = {
        "model": cells.text("variant"),
        "sweep": cells.text("sweep"),
        "n search": _known("search_planned", cells.counts("search")),
        "default": cells.score("default", places),
        "median setting": cells.score("median_setting", places),
        "best setting": cells.score("best", places),
    }
    notes = _each(summaries, lambda s: words.baseline_note(s.results, dataset, metric, places))
    notes += [words.OPTIMISM]
    if "rerun_planned" in rows:
        columns["n seeds"] = _known("rerun_planned", cells.counts("rerun"))
        columns["over seeds"] = marked(cells.mean_sd("", places))
        columns["gap"] = cells.score("gap", places)
        notes += _each(
            [s for s in summaries if s.results.definition.get("rerun")],
            lambda s: words.chosen_note(s.results, dataset, metric),
        )
        notes += [words.MEANS, words.GAP]
        notes += _each(summaries, lambda s: words.ceiling_note(s, dataset, {metric.key: places}))
    caption = f"{words.metric_name(metric)} {words.arrow(metric)} on {dataset}, sweep by sweep"
    return _table(summaries, dataset, "best", caption, rows, columns, [*notes, last])


def _budget(summaries: Sequence[Summary], dataset: str, metrics: Sequence[Metric], last: str) -> Table:
    drawn = pd.concat([s.curves[s.curves["line"] != "none"].assign(sweep=s.results.name) for s in summaries])
    curves = pd.concat([of_metric(drawn, dataset, metric) for metric in metrics])
    places = {m.key: decimals(of_metric(curves, dataset, m)["median"]) for m in metrics}
    every = [pd.DataFrame({"variant": s.results.variants}) for s in summaries]
    rows = pd.concat([_interleaved(summaries, every).assign(metric=metric.key) for metric in metrics])
    titles = {metric.key: f"{words.metric_name(metric)} {words.arrow(metric)}" for metric in metrics}
    columns: cells.Columns = {
        "metric": lambda row: titles[row["metric"]],
        "model": cells.text("variant"),
        "sweep": cells.text("sweep"),
    }
    for k in sorted(set(BUDGETS) & set(curves["k"])):
        columns[f"k = {k}"] = _at(curves[curves["k"] == k], cells.score("median", places))
    caption = f"Best of k settings on {dataset}, sweep by sweep"
    made = _table(summaries, dataset, "budget", caption, rows, columns, [MEDIAN, words.OPTIMISM, last])
    return replace(made, frame=curves, text_columns=3)


def _interleaved(summaries: Sequence[Summary], frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all sweeps, those of a variant together, in the order in which they first appear."""
    rows = pd.concat([f.assign(sweep=s.results.name) for s, f in zip(summaries, frames, strict=True)])
    return (
        rows.assign(place=pd.factorize(rows["variant"])[0])
        .sort_values("place", kind="stable")
        .drop(columns="place")
    )


def _known(name: str, cell: Cell) -> Cell:
    """Show a cell where its sweep has it."""
    return lambda row: MISSING if pd.isna(row[name]) else cell(row)


def _at(curves: pd.DataFrame, cell: Cell) -> Cell:
    def shown(row: cells.Row) -> str:
        same = [curves[name] == row[name] for name in ("metric", "variant", "sweep")]
        found = curves[same[0] & same[1] & same[2]]
        return MISSING if found.empty else cell(found.iloc[0])

    return shown


def _table(
    summaries: Sequence[Summary],
    dataset: str,
    kind: str,
    caption: str,
    rows: pd.DataFrame,
    columns: cells.Columns,
    notes: list[str],
) -> Table:
    name, partial = f"compare_{kind}_{words.slug(dataset)}", any(summary.partial for summary in summaries)
    said = [words.COUNTS, *_common(summaries, dataset), *notes]
    return replace(cells.table(name, caption, rows, columns, said, partial=partial), text_columns=2)


def _common(summaries: Sequence[Summary], dataset: str) -> list[str]:
    """Return what is said of every table: protocol, and what each sweep is."""
    notes = [f"Partial: {s.results.name}: {s.missing}." for s in summaries if s.partial]
    notes += _each(summaries, lambda s: words.protocol_note(s.results, dataset))
    for summary in summaries:
        name, results = summary.results.name, summary.results
        rerun = f" {words.rerun_note(results, dataset)}" if results.definition.get("rerun") else ""
        notes.append(f"{name}: {words.budget_note(results)}{rerun}")
    return notes + [note for other in summaries[1:] for note in _differences(summaries[0], other)]


def _differences(first: Summary, other: Summary) -> list[str]:
    """Say in what two sweeps differ, as definitions and in the configs of the variants that both have."""
    old, new = first.results.definition, other.results.definition
    between = f"From {first.results.name} to {other.results.name}"
    found = differences({k: old.get(k) for k in COMPARED}, {k: new.get(k) for k in COMPARED})
    said: dict[str, list[str]] = {found: ["search and axes"]} if found else {}
    configs, others = _configs(first), _configs(other)
    for label in (label for label in configs if label in others):
        changed = differences(configs[label], others[label])
        said.setdefault(changed, []).append(label)
    return [f"{between}, {', '.join(labels)}: {text}." for text, labels in said.items() if text]


def _configs(summary: Summary) -> dict[str, Any]:
    """Return each variant's config without the protocol and without where data lie."""
    found = {}
    for variant in summary.results.definition.get("variants", []):
        config = {k: v for k, v in variant["config"].items() if k != "protocol"}
        config["dataset"] = {k: v for k, v in (config.get("dataset") or {}).items() if k not in PLACEMENT}
        found[f"{summary.results.label(variant['choices'])} on {variant['choices'].get('dataset')}"] = config
    return found


def _each(summaries: Sequence[Summary], say: Callable[[Summary], str]) -> list[str]:
    """Return what is said of every sweep: once where it is the same for all, else by name."""
    said = {s.results.name: say(s) for s in summaries}
    same = len(set(said.values())) == 1
    return list(said.values())[:1] if same else [f"{name}: {text}" for name, text in said.items()]
