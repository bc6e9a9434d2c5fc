"""Tables of what may be concluded: who is better at a budget, which setting matters, what choosing promised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from ganbench.analysis.best import of_metric, wide_counts
from ganbench.analysis.comparisons import HOLM_AT
from ganbench.analysis.ranks import OVERALL
from ganbench.analysis.results import Metric
from ganbench.analysis.summary import Summary
from ganbench.report import cells, words
from ganbench.report.pairs import (
    crossing_rows,
    gap_cells,
    pair_rows,
    parameter_name,
    parameters_of,
    rank_rows,
    sensitivity_rows,
    with_verdicts,
)
from ganbench.report.render import Table, decimals

Rows = Sequence[tuple[str, ...]]
CROSSED_UP_TO = 3000  # settings a model; beyond, crossing budgets take as long as the rest of the analysis


def judgements(summary: Summary) -> Iterator[Table]:
    """Yield, per dataset, pairs, crossings, ranks and sensitivity where draws are independent, and selection gaps.

    What a sweep is too small for is left out.
    """
    results = summary.results
    every = [results.shown(dataset) for dataset in results.datasets]
    summary = replace(summary, judged=frozenset(shown[0].key for shown in every if shown))
    for dataset, shown in zip(results.datasets, every, strict=True):
        if shown and summary.iid:
            for make in (pairs_table, crossings_table, ranks_table, sensitivity_table):
                table = make(summary, dataset, shown[0])
                yield from [table] if table else []
        if shown and (summary.outcomes["stage"] == "rerun").any():
            yield gaps_table(summary, dataset, shown[0])
    if summary.iid and len(results.datasets) > 1:
        table = overall_table(summary)
        yield from [table] if table else []


def pairs_table(summary: Summary, dataset: str, metric: Metric) -> Table | None:
    """Return P(A beats B) for every pair of models; None where there is no pair to compare."""
    frame = of_metric(summary.comparisons, dataset, metric)
    if not frame["share"].notna().any():
        return None
    header = ("A", "B", "n", *(f"k = {k}" for k in HOLM_AT), "after Holm", "alike")
    sizes = frame.drop_duplicates(["a", "b"])[["n_a", "n_b"]].astype(int).itertuples(index=False, name=None)
    rows = [
        (*row[:2], f"{n_a}, {n_b}", *row[2:]) for row, (n_a, n_b) in zip(pair_rows(frame), sizes, strict=True)
    ]
    notes = [words.PAIRS, words.ALIKE, f"{words.decided_note(frame)}."]
    made = _table(
        summary, dataset, "pairs", f"P(A beats B) by {_named(metric)} on {dataset}", header, rows, notes
    )
    return replace(made, frame=frame, text_columns=2)


def crossings_table(summary: Summary, dataset: str, metric: Metric) -> Table | None:
    """Return the budgets at which worse models pass better ones; None where no pair is to be compared, or too long."""
    if int(summary.curves["n"].max()) > CROSSED_UP_TO:
        return None
    frame = of_metric(summary.crossings, dataset, metric)
    if frame.empty:
        return None
    frame = with_verdicts(frame, of_metric(summary.comparisons, dataset, metric))
    budgets = sorted(set(frame["budget"]))
    header = ("better with b", "worse", "n", *(f"b = {b}" for b in budgets))
    sizes = frame.drop_duplicates(["better", "worse"])[["n_better", "n_worse"]].astype(int)
    both = sizes.itertuples(index=False, name=None)
    rows = [(*row[:2], f"{n}, {m}", *row[2:]) for row, (n, m) in zip(crossing_rows(frame), both, strict=True)]
    caption = f"Budgets at which the worse model passes, by {_named(metric)} on {dataset}"
    made = _table(summary, dataset, "crossings", caption, header, rows, [words.CROSSINGS])
    return replace(made, frame=frame, text_columns=2)


def ranks_table(summary: Summary, dataset: str, metric: Metric) -> Table | None:
    """Return ranks at budgets with their intervals; None for a single model or too few settings."""
    frame = of_metric(summary.ranks, dataset, metric)
    return _ranks(summary, dataset, frame, f"Ranks by {_named(metric)} on {dataset}")


def overall_table(summary: Summary) -> Table | None:
    """Return average ranks over all datasets on which every model has draws; None where there is none."""
    frame = summary.ranks
    frame = frame[frame["dataset"] == OVERALL]
    made = _ranks(
        summary, summary.results.datasets[0], frame, "Average rank over datasets by their headlines"
    )
    return replace(made, name="ranks") if made else None


def _ranks(summary: Summary, dataset: str, frame: pd.DataFrame, caption: str) -> Table | None:
    if not frame["rank"].notna().any() or frame["variant"].nunique() < 2:
        return None
    budgets = sorted(set(frame["k"]))
    header = ("model", "n", *(name for k in budgets for name in (f"rank, k = {k}", f"first, k = {k}")))
    frame, rows = _counted(summary, dataset, frame, rank_rows(frame))
    made = _table(summary, dataset, "ranks", caption, header, rows, [words.RANKS])
    return replace(made, frame=frame)


def sensitivity_table(summary: Summary, dataset: str, metric: Metric) -> Table | None:
    """Return the share of the spread that each hyperparameter explains; None with too few settings."""
    frame = of_metric(summary.sensitivity, dataset, metric)
    if not frame["share"].notna().any():
        return None
    parameters = parameters_of(frame)
    header = ("model", "n", *map(parameter_name, parameters))
    frame, rows = _counted(summary, dataset, frame, sensitivity_rows(frame, parameters))
    caption = f"Which hyperparameter matters, by {_named(metric)} on {dataset}"
    made = _table(summary, dataset, "sensitivity", caption, header, rows, [words.SENSITIVITY])
    return replace(made, frame=frame)


def gaps_table(summary: Summary, dataset: str, metric: Metric) -> Table:
    """Return what the searched score of each re-run setting promised beyond its reruns."""
    frame = of_metric(summary.gaps, dataset, metric)
    frame = frame[(frame["at"] == "best") & (frame["rank"] >= 0)]
    places = decimals(frame["mean"].astype(float)) if len(frame) else 3
    header = ("model", "setting", "n seeds", "searched", "mean over seeds", "gap", "as good as searched")
    caption = f"Selection gap by {_named(metric)} on {dataset}"
    rows = [
        (str(row["variant"]), f"{row['setting']:.0f}", *gap_cells(row, places)) for _, row in frame.iterrows()
    ]
    frame = frame.merge(wide_counts(summary, dataset), on="variant", validate="many_to_one")
    made = _table(summary, dataset, "gaps", caption, header, rows, [words.SELECTION])
    return replace(made, frame=frame)


def _counted(
    summary: Summary, dataset: str, frame: pd.DataFrame, rows: Rows
) -> tuple[pd.DataFrame, list[tuple[str, ...]]]:
    """Put the counts of each model's trials into a frame, and behind the name of its row."""
    counts = wide_counts(summary, dataset)
    said = {str(row["variant"]): cells.counts("search")(row) for _, row in counts.iterrows()}
    wider = frame.merge(counts, on="variant", validate="many_to_one")
    return wider, [(row[0], said[row[0]], *row[1:]) for row in rows]


def _named(metric: Metric) -> str:
    return f"{words.metric_name(metric)} {words.arrow(metric)}"


def _table(
    summary: Summary,
    dataset: str,
    kind: str,
    caption: str,
    header: tuple[str, ...],
    rows: Rows,
    notes: Sequence[str],
) -> Table:
    return Table(
        name=f"{kind}_{words.slug(dataset)}",
        caption=caption,
        header=header,
        rows=tuple(rows),
        notes=(*words.common_notes(summary, dataset), *notes),
        frame=pd.DataFrame(),
        partial=summary.partial,
    )
