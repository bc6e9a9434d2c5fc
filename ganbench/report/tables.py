"""The tables of a report, from the summary's frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from ganbench.analysis.best import best_by_metric, best_scores, of_each_setting, of_metric, wide_counts
from ganbench.analysis.results import Metric
from ganbench.analysis.summary import Summary
from ganbench.report import cells, words
from ganbench.report.judgements import judgements
from ganbench.report.render import MISSING, Table, decimals, number

BUDGETS = (1, 2, 3, 5, 10, 20, 50, 100)
BASELINES = {
    "real": "real against real",
    "replay": "training set replayed",
    "untrained": "untrained generator",
    "blank": "blank sample",
}
OF_ONE = "Setting: its number in the search; n seeds are the runs of that setting."


def tables(summary: Summary) -> Iterator[Table]:
    """Yield every table: per dataset the best scores, all metrics, the seeds and the budgets; then the judgements."""
    for dataset in summary.results.datasets:
        if summary.results.metrics(dataset):
            yield best_table(summary, dataset)
            yield metrics_table(summary, dataset)
            if summary.results.definition.get("rerun"):
                yield seeds_table(summary, dataset)
            yield budget_table(summary, dataset)
    yield from judgements(summary)


def best_table(summary: Summary, dataset: str) -> Table:
    """Return the headline: the default, the median and the best setting, and the chosen one over seeds."""
    results = summary.results
    metric = results.shown(dataset)[0]
    frame = best_scores(summary, dataset, metric)
    places = decimals(frame["best"])
    columns: cells.Columns = {
        "model": cells.text("variant"),
        "n search": cells.counts("search"),
        "default": cells.score("default", places),
        "median setting": cells.score("median_setting", places),
        "best setting": cells.score("best", places),
    }
    ranked = {3: "median_setting", 4: "best"}
    notes = [words.baseline_note(results, dataset, metric, places), words.OPTIMISM]
    notes += [words.small_n_note(summary, dataset)]
    if results.definition.get("rerun"):
        columns |= {
            "n seeds": cells.counts("rerun"),
            "over seeds": marked(cells.mean_sd("", places)),
            "without outliers": cells.mean_sd("trimmed_", places, "stars"),
            "gap": cells.score("gap", places),
        }
        ranked[6] = "mean"
        notes += [words.rerun_note(results, dataset), words.chosen_note(results, dataset, metric)]
        notes += [words.MEANS, words.OUTLIERS, words.GAP]
        notes += [words.ceiling_note(summary, dataset, {metric.key: places})]
    caption = f"{_title(metric)} on {dataset}"
    bold = cells.best_cells(frame, ranked, metric)
    return replace(
        _table(summary, dataset, "best", caption=caption, rows=frame, columns=columns, notes=notes), bold=bold
    )


def marked(cell: Callable[[cells.Row], str]) -> Callable[[cells.Row], str]:
    """Put a dagger behind a cell about the re-run setting where another one was the best of the search."""

    def shown(row: cells.Row) -> str:
        said = cell(row)
        other = said != MISSING and bool(row["searched"] != row["best"])
        return said + (words.DAGGER if other else "")

    return shown


def metrics_table(summary: Summary, dataset: str) -> Table:
    """Return the best of the search by each metric for itself, with the baselines below."""
    frame = best_by_metric(summary, dataset)
    metrics = summary.results.metrics(dataset)
    base, bold, unranked = wide_counts(summary, dataset), set[tuple[int, int]](), []
    columns: cells.Columns = {"model": cells.text("variant"), "n": cells.counts("search")}
    places: cells.Places = {}
    for column, metric in enumerate(metrics, start=2):
        base[metric.key] = frame.loc[frame["metric"] == metric.key, "best"].to_numpy()
        places[metric.key] = decimals(base[metric.key])
        columns[_title(metric)] = cells.score(metric.key, places[metric.key])
        best = cells.best_cells(base, {column: metric.key}, metric)
        bold |= best
        unranked += [] if best else [words.metric_name(metric)]
    notes = [words.OPTIMISM, "Each metric's best is over settings and checkpoints by that metric alone."]
    notes += [f"No model is ranked by {', '.join(unranked)}: most score 0 or nothing."] if unranked else []
    table = _table(
        summary,
        dataset,
        "metrics",
        caption=f"Best of the search on {dataset}",
        rows=base,
        columns=columns,
        notes=notes,
    )
    below = baselines_of(summary, dataset, places)
    rule = len(table.rows) if below else None
    return replace(table, rows=table.rows + below, rule=rule, bold=frozenset(bold), frame=frame)


def baselines_of(summary: Summary, dataset: str, places: cells.Places) -> tuple[tuple[str, ...], ...]:
    """Return a row of each stored baseline: its name, nothing for n, and its score by each metric of ``places``."""
    rows = []
    for name, said in BASELINES.items():
        values = {key: summary.results.baseline(dataset, name, key) for key in places}
        if not all(np.isnan(value) for value in values.values()):
            rows.append((said, MISSING, *(number(value, places[key]) for key, value in values.items())))
    return tuple(rows)


def seeds_table(summary: Summary, dataset: str) -> Table:
    """Return the distribution over seeds of each re-run setting, by the headline and the curve's metric."""
    results = summary.results
    at, shown = results.chosen_at, results.shown(dataset)
    frame = seeds_frame(summary, dataset, shown)
    places = {metric.key: decimals(frame.loc[frame["metric"] == metric.key, "mean"]) for metric in shown}
    columns: cells.Columns = {"metric": _named(shown), **seeds_columns(places)}
    notes = [words.baseline_note(results, dataset, metric, places[metric.key]) for metric in shown]
    notes += [
        words.rerun_note(results, dataset),
        OF_ONE,
        f"Scores at the {at} checkpoint.",
        words.OUTLIERS,
        words.GAP,
    ]
    notes += [words.ceiling_note(summary, dataset, places)]
    notes += ["A model without numbers has no setting with a finite score, or is still to be re-run."]
    caption = f"Over seeds on {dataset}"
    table = _table(
        summary,
        dataset,
        "seeds",
        caption=caption,
        rows=frame[frame["at"] == at],
        columns=columns,
        notes=notes,
    )
    return replace(table, frame=frame, text_columns=2)


def seeds_frame(summary: Summary, dataset: str, metrics: list[Metric]) -> pd.DataFrame:
    """Return the reruns' distributions by some metrics, with their counts and those of their variants' searches."""
    frame = pd.concat([of_metric(summary.seeds, dataset, metric) for metric in metrics])
    frame = frame.merge(wide_counts(summary, dataset), on="variant", validate="many_to_one")
    return of_each_setting(frame, summary, dataset)


def seeds_columns(places: int | cells.Places) -> cells.Columns:
    """Return how a re-run setting is shown."""
    return {
        "model": cells.text("variant"),
        "setting": cells.score("setting", 0),
        "n seeds": cells.counts("rerun"),
        "mean ± sd": cells.mean_sd("", places),
        "without outliers": cells.mean_sd("trimmed_", places, "stars"),
        "median [5 %, 95 %]": cells.interval(("q50", "q05", "q95"), places),
        "left out": cells.share("failure_share"),
        "searched": cells.score("searched", places),
        "gap": cells.score("gap", places),
    }


def budget_table(summary: Summary, dataset: str) -> Table:
    """Return the median of the best of k settings, with its band where that has two sides."""
    shown = summary.results.shown(dataset)
    counts = wide_counts(summary, dataset)
    curves = summary.curves[summary.curves["dataset"] == dataset]
    places = {m.key: decimals(curves.loc[curves["metric"] == m.key, "median"]) for m in shown}
    columns: cells.Columns = {
        "metric": _named(shown),
        "model": cells.text("variant"),
        "n": cells.counts("search"),
    }
    for k in sorted(set(BUDGETS) & set(curves.loc[curves["line"] != "none", "k"])):
        columns[f"k = {k}"] = _budget_cell(curves, k, places)
    notes = [words.OPTIMISM, words.small_n_note(summary, dataset)]
    if summary.iid:
        notes += [words.MEDIAN, words.BAND]
        notes += [words.TIES] if any(_ties(summary, dataset, metric) for metric in shown) else []
    rows = pd.concat([counts.assign(metric=metric.key) for metric in shown])
    table = _table(
        summary,
        dataset,
        "budget",
        caption=f"Best of k settings on {dataset}",
        rows=rows,
        columns=columns,
        notes=notes,
    )
    return replace(table, frame=curves.merge(counts, on="variant", validate="many_to_one"), text_columns=2)


def _budget_cell(curves: pd.DataFrame, k: int, places: cells.Places) -> Callable[[cells.Row], str]:
    median, band = cells.score("median", places), cells.interval(("median", "lower", "upper"), places)
    at = curves[(curves["k"] == k) & (curves["line"] != "none")]

    def cell(row: cells.Row) -> str:
        found = at[(at["metric"] == row["metric"]) & (at["variant"] == row["variant"])]
        if found.empty:
            return MISSING
        return (band if found["band"].iloc[0] == "two-sided" else median)(found.iloc[0])

    return cell


def _ties(summary: Summary, dataset: str, metric: Metric) -> bool:
    rows = of_metric(summary.outcomes, dataset, metric)
    drawn = rows[(rows["stage"] == "search") & ~rows["is_default"].astype(bool)]
    return bool(drawn.duplicated(["variant", "best"]).any())


def _title(metric: Metric) -> str:
    return f"{words.metric_name(metric)} {words.arrow(metric)}"


def _named(metrics: list[Metric]) -> Callable[[cells.Row], str]:
    titles = {metric.key: _title(metric) for metric in metrics}
    return lambda row: titles[row["metric"]]


def _table(
    summary: Summary,
    dataset: str,
    kind: str,
    *,
    caption: str,
    rows: pd.DataFrame,
    columns: cells.Columns,
    notes: list[str],
) -> Table:
    said = [*words.common_notes(summary, dataset), *notes]
    return cells.table(f"{kind}_{words.slug(dataset)}", caption, rows, columns, said, partial=summary.partial)
