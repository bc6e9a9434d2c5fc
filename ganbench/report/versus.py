"""Sweeps against each other: who is better at a budget, and their curves in one panel a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganbench.analysis.across import across
from ganbench.analysis.best import of_metric
from ganbench.analysis.comparisons import HOLM_AT
from ganbench.analysis.curves import sampler_name
from ganbench.analysis.results import Metric
from ganbench.analysis.summary import Summary
from ganbench.report import words
from ganbench.report.figures import (
    BAND_KEY,
    TITLES,
    Drawing,
    band_panels,
    draw_band,
    draw_running,
    fit_bands,
    lowest,
)
from ganbench.report.pairs import pair_rows
from ganbench.report.render import Table
from ganbench.report.style import Look, headline, key_columns, looks, stamp

TESTED = "The table of pairs is one."
NOTHING = "too few random settings, or the same runs"
PAIRS = (
    "P(A beats B): the share of draws in which the best of k settings of A is better than the best of k of B, ties"
    " counted half, with its 95 % interval; no interval beyond a quarter of the settings. n: the random settings of A"
    " and of B that are compared. After Holm: different from ½ after Holm's correction over all pairs and budgets of"
    " this table that could be tested. A model meets itself in the other sweep, and one that only one sweep has meets"
    " every model of the other."
)
DRAWN = (
    "Settings drawn together come from the same random numbers, as in two sweeps with one sampler seed, whatever their"
    " ranges: those of the numbers that both have are compared, and the error takes the two of a number together. The"
    " same runs are not compared."
)


def untested(summaries: Sequence[Summary], dataset: str) -> str:
    """Return why sweeps cannot be tested against each other; nothing where they can."""
    for results in (summary.results for summary in summaries if not summary.iid):
        return f"sampler {sampler_name(results)} of {results.name} does not draw independently"
    late = [summary.results.name for summary in summaries if summary.results.later(dataset)]
    if 0 < len(late) < len(summaries):
        return f"{' and '.join(late)} scored after training, at fewer checkpoints"
    return ""


def pairs_table(
    summaries: Sequence[Summary], dataset: str, metric: Metric, notes: Sequence[str]
) -> Table | None:
    """Return P(A beats B) between sweeps; None where nothing can be compared."""
    frame = across([(s.results, s.outcomes) for s in summaries], dataset, metric)
    if not frame["share"].notna().any():
        return None
    header = ("A", "B", "n", "settings drawn", *(f"k = {k}" for k in HOLM_AT), "after Holm", "alike")
    facts = frame.drop_duplicates(["a", "b"])[["n_a", "n_b", "drawn"]].itertuples(index=False, name=None)
    rows = [
        (*row[:2], f"{n_a:.0f}, {n_b:.0f}", drawn, *row[2:])
        for row, (n_a, n_b, drawn) in zip(pair_rows(_lettered(frame)), facts, strict=True)
    ]
    return Table(
        name=f"compare_pairs_{words.slug(dataset)}",
        caption=f"P(A beats B) by {words.metric_name(metric)} {words.arrow(metric)} on {dataset}, between sweeps",
        header=header,
        rows=tuple(rows),
        notes=(*notes, PAIRS, DRAWN, words.ALIKE, f"{words.decided_note(frame)}."),
        frame=frame,
        partial=any(summary.partial for summary in summaries),
        text_columns=2,
    )


def _lettered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return pairs whose verdicts name a column, since names of models with their sweeps are long."""
    won = frame["verdict"].mask(frame["verdict"] == frame["a"], "A").mask(frame["verdict"] == frame["b"], "B")
    return frame.assign(verdict=won)


def figures(
    summaries: Sequence[Summary], dataset: str, metrics: Sequence[Metric]
) -> Iterator[tuple[str, Drawing]]:
    """Yield a name and what draws it for each metric: the sweeps' curves, one panel a model."""
    for metric in metrics:
        name = f"compare_bands_{words.slug(dataset)}_{words.slug(metric.key)}"
        yield name, partial(curves_figure, summaries, dataset, metric)


def curves_figure(summaries: Sequence[Summary], dataset: str, metric: Metric) -> Figure:
    """Draw one panel a model, in each the median best of k of every sweep with its band.

    Best so far of each search instead where the draws of one are not independent.
    """
    iid = all(summary.iid for summary in summaries)
    curves = {s.results.name: of_metric(s.curves, dataset, metric) for s in summaries}
    variants = list(dict.fromkeys(v for s in summaries for v in s.results.variants))
    look = looks([*curves])
    title = f"median of the best of k with its 95 % band {BAND_KEY}" if iid else TITLES["best_so_far"]
    figure, axes = band_panels(variants, metric)
    headline(figure, f"{dataset}, sweep by sweep: {title}")
    for ax, variant in zip(axes, variants, strict=False):
        for name, curve in curves.items():
            _draw(ax, curve[curve["variant"] == variant], look[name], metric, iid=iid)
        ax.set_title(variant)
    for ax in lowest(axes, len(variants)):
        ax.set_xlabel("k, settings tried")
    fit_bands(axes[0], metric, pd.concat(curves.values()), iid=iid)
    handles = [Line2D([], [], color=one.colour, marker=one.marker, label=name) for name, one in look.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=key_columns(figure, [*curves]))
    stamp(figure, partial=any(summary.partial for summary in summaries))
    return figure


def _draw(ax: Axes, curve: pd.DataFrame, look: Look, metric: Metric, *, iid: bool) -> None:
    if iid:
        draw_band(ax, curve, look, metric)
    else:
        draw_running(ax, curve, look, 0.0)
