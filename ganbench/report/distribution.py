"""Scores of many runs side by side: every run a mark, with median and quartiles, beside the baselines."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ganbench.analysis.best import of_metric
from ganbench.analysis.results import CEILING, FLOOR, Metric
from ganbench.analysis.summary import Summary
from ganbench.report import words
from ganbench.report.style import (
    GREY,
    INK,
    Look,
    headline,
    key_columns,
    list_down,
    log_scale,
    looks,
    panels,
    spread,
)

GOLDEN = 0.6180339887498949  # its multiples modulo 1 spread evenly, whatever the number of runs
MOST_CROSSES = 10  # a row; more would cover the panel
WORDS = {"search": "over settings", "rerun": "over seeds of the chosen setting"}


def distribution_figure(summary: Summary, dataset: str, stage: str) -> Figure:
    """Draw the best score of every run of a stage, one row a variant, one panel a metric.

    Bars are quartiles, the long tick the median; crosses at the bad edge are runs without a finite score. A
    star is the default setting (search), a hollow triangle the chosen setting's searched score (seeds).
    """
    variants = summary.results.variants
    look = looks(variants)
    metrics = summary.results.shown(dataset)
    figure, axes = panels(1, len(metrics), size=(3.6, max(0.9 + 0.3 * len(variants), 1.8)), sharey=True)
    for ax, metric in zip(axes, metrics, strict=True):
        described, runs = stage_of(summary, dataset, stage, metric)
        scale(ax, runs, metric, summary.results.baseline(dataset, FLOOR, metric.key))
        for place, variant in enumerate(variants):
            draw_runs(ax, runs[runs["variant"] == variant], look[variant], place, metric)
        _draw_boxes(ax, described)
        if stage == "rerun":
            draw_marks(ax, described["searched"], ">", "white")
        else:
            default = runs[runs["is_default"].astype(bool) & runs["best_finite"]].drop_duplicates("variant")
            draw_marks(ax, default.set_index("variant")["best"].reindex(variants), "*", INK)
        draw_baselines(ax, summary, dataset, metric)
        ax.set_xlabel(f"best {words.metric_name(metric)} {words.arrow(metric)}")
    list_down(axes[0], variants)
    headline(figure, f"{dataset}: {WORDS[stage]}")
    key = _key(stage)
    columns = key_columns(figure, [str(entry.get_label()) for entry in key])
    figure.legend(handles=key, loc="outside lower center", ncols=columns)
    return figure


def stage_of(summary: Summary, dataset: str, stage: str, metric: Metric) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a stage's description, one row a variant, and its runs; of reruns, the best setting's."""
    runs = of_metric(summary.outcomes, dataset, metric)
    runs = runs[runs["stage"] == stage].sort_values(["index", "seed"], kind="stable")
    described = of_metric(summary.seeds if stage == "rerun" else summary.settings, dataset, metric)
    described = described[described["at"] == "best"]
    if stage == "rerun":
        described = described[described["rank"] == 0]
        chosen = runs["variant"].map(described.set_index("variant")["setting"])
        runs = runs[runs["index"] == chosen]
    return described.set_index("variant").reindex(summary.results.variants), runs


def _key(stage: str) -> list[Line2D]:
    special = {
        "search": Line2D(
            [], [], color=INK, marker="*", linestyle="none", markersize=6, label="the default setting"
        ),
        "rerun": Line2D(
            [], [], color=INK, marker=">", linestyle="none", markersize=6, label="its searched score"
        ),
    }[stage]
    special.set_markerfacecolor(INK if stage == "search" else "white")
    return [
        Line2D([], [], color=GREY, marker="o", linestyle="none", markersize=3, label="one run"),
        Line2D([], [], color=INK, marker="|", markersize=9, linewidth=2.5, label="median and quartiles"),
        special,
        Line2D([], [], color=GREY, marker="x", linestyle="none", label="no finite score"),
    ]


def scale(ax: Axes, runs: pd.DataFrame, metric: Metric, floor: float) -> None:
    """Set the limits from the runs and the floor; other baselines far from any run stay outside."""
    finite = np.append(runs.loc[runs["best_finite"], "best"].to_numpy(dtype=float), floor)
    seen = finite[np.isfinite(finite)]
    if not len(seen):
        return
    low, high = float(seen.min()), float(seen.max())
    if not metric.minimize and low >= 0 and high <= 1:
        ax.set_xlim(-0.02, 1.02)
    elif spread(seen, minimize=metric.minimize):
        log_scale(ax, "x", low / 1.3, high * 1.7)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
        room = 0.08 * (high - low or abs(high) or 1.0)
        ax.set_xlim(low - room, high + room)


def draw_runs(ax: Axes, runs: pd.DataFrame, look: Look, place: int, metric: Metric) -> None:
    """Draw every run of a variant; those without a finite score as crosses at the bad edge, of many the number."""
    finite = runs["best_finite"].astype(bool)
    default = runs["is_default"].astype(bool) & (runs["stage"] == "search")
    scores = runs.loc[finite & ~default, "best"].to_numpy(dtype=float)
    jitter = ((np.arange(len(scores)) * GOLDEN) % 1.0 - 0.5) * 0.44
    ax.plot(
        scores, place + jitter, color=look.colour, marker="o", markersize=2.8, linestyle="none", alpha=0.65
    )
    _draw_lost(ax, int((~finite).sum()), place, metric)


def _draw_lost(ax: Axes, lost: int, place: int, metric: Metric) -> None:
    """Draw a cross for each run without a score, or one cross and their number where they are many."""
    crosses = lost if lost <= MOST_CROSSES else 1
    inward = 0.015 + 0.022 * np.arange(crosses)
    marks = 1.0 - inward if metric.minimize else inward
    across = ax.get_yaxis_transform()
    ax.plot(
        marks, [place] * crosses, color=GREY, marker="x", markersize=4, linestyle="none", transform=across
    )
    if lost > crosses:
        ax.text(
            0.967 if metric.minimize else 0.033, place, str(lost), transform=across, color=INK, fontsize=6.5,
            ha="right" if metric.minimize else "left", va="center", zorder=7,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
        )  # fmt: skip


def _draw_boxes(ax: Axes, described: pd.DataFrame) -> None:
    """Draw quartiles and median where they are finite."""
    for place, (low, median, high) in enumerate(described[["q25", "q50", "q75"]].to_numpy(dtype=float)):
        if np.isfinite(low) and np.isfinite(high):
            ax.plot(
                [low, high],
                [place, place],
                color=INK,
                linewidth=2.5,
                solid_capstyle="butt",
                alpha=0.85,
                zorder=4,
            )
        if np.isfinite(median):
            ax.plot([median], [place], color=INK, marker="|", markersize=13, markeredgewidth=1.8, zorder=4)


def draw_marks(ax: Axes, scores: pd.Series, marker: str, fill: str) -> None:
    """Draw one mark a row where its score is finite."""
    values = scores.to_numpy(dtype=float)
    places = np.flatnonzero(np.isfinite(values))
    (drawn,) = ax.plot(
        values[places], places, color=INK, marker=marker, linestyle="none", markersize=6, zorder=6
    )
    drawn.set_markerfacecolor(fill)


def draw_baselines(ax: Axes, summary: Summary, dataset: str, metric: Metric) -> None:
    """Draw real against real and the untrained generator as dashed lines."""
    for name, word in ((FLOOR, "real"), (CEILING, "untrained")):
        value = summary.results.baseline(dataset, name, metric.key)
        low, high = sorted(ax.get_xlim())
        if low <= value <= high:
            ax.axvline(value, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
            ax.annotate(
                word,
                (value, 1.0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                color=GREY,
                fontsize=7,
            )
