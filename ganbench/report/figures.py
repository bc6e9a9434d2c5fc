"""The figures of a report: budget curves and distributions, from the summary's frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation, Transform

from ganbench.analysis.best import of_metric
from ganbench.analysis.comparisons import HOLM_AT
from ganbench.analysis.results import Metric
from ganbench.analysis.summary import Summary
from ganbench.report import samples, words
from ganbench.report.distribution import distribution_figure
from ganbench.report.style import (
    GREY,
    PALE,
    Look,
    headline,
    key_columns,
    log_scale,
    looks,
    panels,
    spread,
    stamp,
)

Drawing: TypeAlias = Callable[[], Figure]

STUDY_SHARE = 0.7  # the study drew its curves to k = 70 of 100
BAND_COLUMNS = 4
BAND_KEY = "[filled: both sides; dashed: bad side only; dotted: beyond n/4]"
BESIDE = 10.0  # points from the first model's bar to the last's, where all stand at one place
MEDIAN = ("median", "lower", "upper")
TITLES = {
    "median": "median of the best of k settings",
    "best_so_far": "best so far of one search, k settings",
    "study_mean": "mean ± sd of the best of k settings, the study's bootstrap, not winsorised",
}


def figures(summary: Summary) -> Iterator[tuple[str, Drawing]]:
    """Yield the name of every figure and what draws it; a dataset without scores or samples has fewer."""
    results = summary.results
    for dataset in results.datasets:
        metrics = results.shown(dataset)
        if metrics:
            for kind, draw in (("budget", budget_figure), ("study", study_figure)):
                yield f"{kind}_{words.slug(dataset)}", _stamped(summary, draw, dataset)
            for metric in metrics if summary.iid else []:
                name = f"bands_{words.slug(dataset)}_{words.slug(metric.key)}"
                yield name, _stamped(summary, bands_figure, dataset, metric)
            for stage, kind in (("search", "settings"), ("rerun", "seeds")):
                if (summary.outcomes["stage"] == stage).any():
                    yield (
                        f"{kind}_{words.slug(dataset)}",
                        _stamped(summary, distribution_figure, dataset, stage),
                    )
        if samples.available(results, dataset):
            yield f"samples_{words.slug(dataset)}", _stamped(summary, _samples_figure, dataset)


def _stamped(summary: Summary, draw: Callable[..., Figure], *what: Any) -> Drawing:
    def drawn() -> Figure:
        figure = draw(summary, *what)
        stamp(figure, partial=summary.partial)
        return figure

    return drawn


def _samples_figure(summary: Summary, dataset: str) -> Figure:
    return samples.figure(summary.results, dataset)


def budget_figure(summary: Summary, dataset: str) -> Figure:
    """Draw the median best of k for all variants: solid up to N/4, dotted up to N/2.

    Where the sampler's draws are not independent it is the best so far, in the order of the search.
    """
    if not summary.iid:
        return _curves_figure(summary, dataset, "best_so_far", draw_running)
    return _curves_figure(summary, dataset, "median", draw_median)


def study_figure(summary: Summary, dataset: str) -> Figure:
    """Draw the study's form: mean ± sd of the best of k over 5000 resamples, the default counted in."""
    return _curves_figure(summary, dataset, "study_mean", draw_study)


def _curves_figure(
    summary: Summary, dataset: str, column: str, draw: Callable[[Axes, pd.DataFrame, Look, float], None]
) -> Figure:
    variants = summary.results.variants
    look = looks(variants)
    metrics = summary.results.shown(dataset)
    figure, axes = panels(1, len(metrics), size=(3.6, 3.1))
    for ax, metric in zip(axes, metrics, strict=True):
        curves = of_metric(summary.curves, dataset, metric)
        for variant, shift in shifts(variants).items():
            draw(ax, curves[curves["variant"] == variant], look[variant], shift)
        shown = drawn_part(curves, column)
        dress(ax, metric, shown[column].astype(float), shown["k"])
        ax.set_xlabel("k, settings tried" + (" (dotted beyond n/4)" if column == "median" else ""))
        ax.set_ylabel(f"{words.metric_name(metric)} {words.arrow(metric)}")
    headline(figure, f"{dataset}: {TITLES[column]}{_steps(summary)}")
    handles = [Line2D([], [], color=look[v].colour, marker=look[v].marker, label=v) for v in variants]
    figure.legend(handles=handles, loc="outside lower center", ncols=key_columns(figure, variants))
    return figure


def drawn_part(curves: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the part of the curves that is drawn."""
    if column == "median":
        return curves[curves["line"] != "none"]
    reach = STUDY_SHARE if column == "study_mean" else 1.0
    return curves[curves["k"] <= np.maximum(reach * curves["n_study"], 1)]


def shifts(variants: Sequence[str]) -> dict[str, float]:
    """Return where each variant stands beside the others, from −½ to ½; two or three stand nearer to their place."""
    last = len(variants) - 1
    return {variant: (place - last / 2) / max(last, 3) for place, variant in enumerate(variants)}


def beside(ax: Axes, shift: float) -> Transform:
    """Return the transform that moves a curve sideways by a few points, so that bars do not hide each other."""
    return ax.transData + ScaledTranslation(BESIDE * shift / 72, 0.0, ax.figure.dpi_scale_trans)


def draw_median(ax: Axes, curve: pd.DataFrame, look: Look, _: float) -> None:
    """Draw a median curve: solid up to n/4, dotted to n/2."""
    _draw_median(ax, curve, look, ax.transData)


def draw_median_bars(ax: Axes, curve: pd.DataFrame, look: Look, shift: float) -> None:
    """Draw a median curve with its band at k = 1, 5 and 10, where that has two sides."""
    _draw_median(ax, curve, look, beside(ax, shift))
    draw_bars(ax, barred(curve), "k", MEDIAN, look, shift)


def barred(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the part of median curves that has bars: a band of two sides at k = 1, 5 and 10."""
    return curves[(curves["band"] == "two-sided") & curves["k"].isin(HOLM_AT)]


def _draw_median(ax: Axes, curve: pd.DataFrame, look: Look, where: Transform) -> None:
    solid = curve[curve["line"] == "solid"]
    drawn = drawn_part(curve, "median")
    tail = drawn[drawn["k"] >= solid["k"].max()] if len(solid) else drawn
    ax.plot(solid["k"], solid["median"], color=look.colour, transform=where)
    ax.plot(tail["k"], tail["median"], color=look.colour, linestyle=":", transform=where)
    marked = drawn.iloc[_few(len(drawn))]
    ax.plot(marked["k"], marked["median"], color=look.colour, marker=look.marker, linestyle="none",
            transform=where)  # fmt: skip


def draw_bars(
    ax: Axes, rows: pd.DataFrame, x: str, names: tuple[str, str, str], look: Look, shift: float
) -> None:
    """Draw a centre with a bar from its lower to its upper bound for each row; an open side ends with the panel.

    The panel must have its limits. A bound that is missing leaves the bar out.
    """
    centre, where = names[0], beside(ax, shift)
    known = rows.dropna(subset=list(names[1:]))
    lower, upper = (known[name].astype(float).clip(*ax.get_ylim()) for name in names[1:])
    ax.vlines(known[x], lower, upper, color=look.colour, linewidth=0.9, transform=where)
    ax.plot(rows[x], rows[centre], color=look.colour, marker=look.marker, linestyle="none", transform=where)


def make_room(ax: Axes) -> None:
    """Widen a panel by what bars beside its first and last place take."""
    scale = ax.xaxis.get_transform()
    low, high = scale.transform(ax.get_xlim())
    room = 0.04 * (high - low)
    ax.set_xlim(*scale.inverted().transform([low - room, high + room]))


def draw_running(ax: Axes, curve: pd.DataFrame, look: Look, _: float) -> None:
    """Draw the best so far of one search."""
    ax.step(curve["k"], curve["best_so_far"], where="post", color=look.colour)
    marked = curve.iloc[_few(len(curve))]
    ax.plot(marked["k"], marked["best_so_far"], color=look.colour, marker=look.marker, linestyle="none")


def draw_study(ax: Axes, curve: pd.DataFrame, look: Look, shift: float) -> None:
    """Draw a mean curve with bars of one sd."""
    drawn = drawn_part(curve, "study_mean")
    drawn = drawn.assign(k=drawn["k"] * (1 + 0.12 * shift))  # so that bars stand beside each other
    marked = drawn.iloc[_few(len(drawn))]
    ax.plot(drawn["k"], drawn["study_mean"], color=look.colour, linewidth=1.0)
    ax.errorbar(
        marked["k"],
        marked["study_mean"],
        yerr=marked["study_sd"],
        color=look.colour,
        marker=look.marker,
        linestyle="none",
        elinewidth=0.8,
        alpha=0.9,
    )


def _few(n: int, at_most: int = 6) -> list[int]:
    """Return places for markers, evenly spread in log k, both ends among them."""
    if n == 0:
        return []
    return sorted({round(float(k)) - 1 for k in np.geomspace(1, n, min(n, at_most))})


def bands_figure(summary: Summary, dataset: str, metric: Metric) -> Figure:
    """Draw one panel a variant: its median curve with the simultaneous band, the others pale behind it.

    Filled while the band has two sides; then a thin line for the side that is left.
    """
    variants = summary.results.variants
    look = looks(variants)
    title = f"{dataset}: median of the best of k with its 95 % band, simultaneous over k"
    figure, axes = band_panels(variants, metric)
    figure.supxlabel(f"k, settings tried{_steps(summary)}    {BAND_KEY}", fontsize=8)
    headline(figure, title)
    curves = of_metric(summary.curves, dataset, metric)
    for ax, variant in zip(axes, variants, strict=False):
        for other, curve in drawn_part(curves, "median").groupby("variant"):
            if other != variant:
                ax.plot(curve["k"], curve["median"], color=PALE, linewidth=0.9, zorder=1)
        draw_band(ax, curves[curves["variant"] == variant], look[variant], metric)
        ax.set_title(variant, color=look[variant].colour)
    fit_bands(axes[0], metric, curves)
    return figure


def band_panels(variants: Sequence[str], metric: Metric) -> tuple[Figure, list[Axes]]:
    """Return a figure of a panel a variant, all of one scale, and the panels."""
    columns = min(BAND_COLUMNS, len(variants))
    rows = -(-len(variants) // columns)
    figure, axes = panels(rows, columns, size=(7.6 / columns, 1.75), sharex=True, sharey=True)
    for ax in axes[len(variants) :]:
        ax.set_axis_off()
    for ax in lowest(axes, len(variants)) if len(axes) > len(variants) else []:
        ax.tick_params(labelbottom=True)  # the panel below it is off
    figure.supylabel(f"{words.metric_name(metric)} {words.arrow(metric)}", fontsize=8)
    return figure, axes


def lowest(axes: Sequence[Axes], n: int) -> Sequence[Axes]:
    """Return the lowest of the first n panels in each column of `band_panels`."""
    return axes[max(n - BAND_COLUMNS, 0) : n]


def fit_bands(ax: Axes, metric: Metric, curves: pd.DataFrame, *, iid: bool = True) -> None:
    """Scale panels to the medians of curves and the sides of their bands, or to the best so far."""
    drawn = drawn_part(curves, "median" if iid else "best_so_far")
    bad = "upper" if metric.minimize else "lower"
    two, one = drawn[drawn["band"] == "two-sided"], drawn[drawn["band"] == "one-sided"]
    sides = [drawn["median"], two["lower"], two["upper"], one[bad]] if iid else [drawn["best_so_far"]]
    dress(ax, metric, pd.concat(sides).astype(float), drawn["k"])


def draw_band(ax: Axes, curve: pd.DataFrame, look: Look, metric: Metric) -> None:
    """Draw a median curve with what its band says."""
    two = curve[curve["band"] == "two-sided"]
    bad = "upper" if metric.minimize else "lower"
    one = curve[curve["band"] != "none"]
    one = one[one["k"] >= two["k"].max()] if len(two) else one
    lower, upper = two["lower"].clip(lower=-1e300), two["upper"].clip(upper=1e300)
    ax.fill_between(two["k"], lower, upper, color=look.colour, alpha=0.22, linewidth=0)
    for side in ("lower", "upper"):
        ax.plot(two["k"], two[side], color=look.colour, linewidth=0.7, alpha=0.8, marker="_", markersize=5)
    ax.plot(one["k"], one[bad], color=look.colour, linewidth=0.8, alpha=0.8, linestyle="--")
    draw_median(ax, curve, look, 0.0)


def _steps(summary: Summary) -> str:
    """Say what one setting costs."""
    steps = summary.results.definition.get("budget", {}).get("steps")
    return f" (each {steps} D steps)" if steps else ""


def dress(ax: Axes, metric: Metric, seen: pd.Series, ks: pd.Series) -> None:
    """Scale a budget panel to the finite scores seen; logarithmic where they span much."""
    scores = seen[np.isfinite(seen)]
    if scores.empty:
        ax.set(xticks=[], yticks=[])
        ax.text(0.5, 0.5, "nothing to draw", transform=ax.transAxes, ha="center", color=GREY)
        return
    low, high = float(scores.min()), float(scores.max())
    if not metric.minimize and low >= 0 and high <= 1:
        ax.set_ylim(0, 1)
    elif spread(scores.to_numpy(), minimize=metric.minimize):
        log_scale(ax, "y", low / 1.25, high * 1.25)
    else:
        room = 0.06 * (high - low or abs(high) or 1.0)
        ax.set_ylim(low - room, high + room)
    if ks.max() > 12:
        log_scale(ax, "x", 0.9, 1.15 * float(ks.max()))
    else:
        ax.set_xlim(0.6, 1.07 * float(ks.max()) + 0.4)  # curves of the study's form stand a little apart
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
