"""How much of the spread each hyperparameter explains, and the median score along each of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from ganbench.report import words
from ganbench.report.pairs import parameter_name, parameters_of, sensitivity_rows
from ganbench.report.paper.drawing import WIDTH, absent, board_panels, legend, narrow, nothing, stamp
from ganbench.report.paper.exhibit import Block, Drawing, Exhibit, Settings, blocks, stacked, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import number
from ganbench.report.style import Look, headline, log_scale, looks, panels
from ganbench.report.words import power

MARGINS = (
    "Median best score at the levels of each hyperparameter, all others drawn at random; bars: exact 95 % intervals"
    " of the median. Diverged is worst; a median that is itself diverged is not drawn."
)


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of shares, one of medians a sweep, and one table."""
    boards = shelf.boards(settings.sweeps)

    def shares(ax: Axes, board: Board, _: dict[str, Look]) -> None:
        _shares(ax, board.of(board.ready.sensitivity, board.metric(settings.metric)), board.results.variants)

    figure = board_panels(
        boards, shares, text="Share of the spread explained by each hyperparameter", key=False
    )
    drawings = [Drawing(name, words.SENSITIVITY, figure)]
    for board in boards:
        label = f"{name}_{board.sweep}_{board.dataset}" if board.dataset else f"{name}_{board.sweep}"
        drawings.append(
            Drawing(label.replace("-", "_"), f"{board.label}. {MARGINS}", _marginals(board, settings))
        )

    def block(board: Board) -> Block:
        metric = board.metric(settings.metric)
        frame = board.of(board.ready.sensitivity, metric)
        return Block(
            board, f"{board.label}, {title(metric)}", sensitivity_rows(frame, parameters), frame=frame
        )

    known = [b.of(b.ready.sensitivity, b.metric(settings.metric)) for b in boards if b.summary]
    parameters = parameters_of(pd.concat(known)) if known else []
    header = ("model", *(parameter_name(parameter) for parameter in parameters))
    table = stacked(
        name, "Sensitivity to hyperparameters", header, blocks(boards, block), [words.SENSITIVITY]
    )
    return Exhibit([table], drawings, stamps_of(boards))


def _shares(ax: Axes, frame: pd.DataFrame, variants: list[str]) -> None:
    wide = frame.pivot_table(index="parameter", columns="variant", values="share", sort=False)
    if wide.empty:
        nothing(ax, "too few settings")
        return
    wide = wide.reindex(index=parameters_of(frame), columns=variants)
    values = wide.to_numpy(dtype=float)
    ax.imshow(np.clip(values, 0.0, 1.0), cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto")
    for row, column in np.argwhere(~np.isnan(values)):
        share = values[row, column]
        ax.text(column, row, number(share, 2), ha="center", va="center", fontsize=5.5,
                color="white" if share > 0.55 else "black")  # fmt: skip
    ax.set_xticks(range(len(variants)), variants, rotation=90, fontsize=6)
    ax.set_yticks(range(len(wide)), [parameter_name(str(p)) for p in wide.index], fontsize=6)
    ax.grid(visible=False)


def _marginals(board: Board, settings: Settings) -> Figure:
    if board.summary is None:
        figure, axes = panels(1, 1, size=(WIDTH / 2, 1.6))
        absent(axes[0], board)
        return figure
    metric = board.metric(settings.metric)
    frame = board.of(board.summary.marginals, metric)
    names = list(dict.fromkeys(frame["parameter"]))
    columns = min(4, len(names)) or 1
    figure, axes = panels(-(-len(names) // columns) or 1, columns, size=(WIDTH / columns, 2.0), sharey=True)
    look = looks(board.results.variants)
    for ax, parameter in zip(axes, names, strict=False):
        _margin(ax, frame[frame["parameter"] == parameter], look)
        ax.set_title(parameter_name(parameter), fontsize=8)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    _limit(axes[0], frame[["median", "q25", "q75"]].to_numpy(dtype=float), log=metric.minimize)
    axes[0].set_ylabel(title(metric))
    if board.stamp:
        stamp(axes[0], board.stamp)
    headline(figure, f"{narrow(board.label)}: median score along each hyperparameter")
    legend(figure, look)
    return figure


def _limit(ax: Axes, values: NDArray[np.float64], *, log: bool) -> None:
    """Set the y axis to medians and quartiles; an interval may reach beyond."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return
    low, high = float(seen.min()), float(seen.max())
    if log and low > 0 and high > 8 * low:
        log_scale(ax, "y", low / 1.3, high * 1.3)
    else:
        room = 0.1 * (high - low or abs(high) or 1.0)
        ax.set_ylim(low - room, high + room)


def _margin(ax: Axes, frame: pd.DataFrame, look: dict[str, Look]) -> None:
    labels = None if _spread(frame) else [str(v) for v in sorted(set(frame["low"]))]
    log, variants = _skewed(frame), list(look)
    for variant, ours in frame.groupby("variant", sort=False):
        style, shift = look[str(variant)], variants.index(str(variant)) / max(len(variants) - 1, 1) - 0.5
        if labels is None:
            low, high = (pd.to_numeric(ours[name]).to_numpy(dtype=float) for name in ("low", "high"))
            x = np.sqrt(low * high) * 10 ** (0.12 * shift) if log else (low + high) / 2
        else:
            x = ours["low"].map(lambda value: labels.index(str(value))).to_numpy(dtype=float) + 0.3 * shift
        _line(ax, x, ours, style)
    if labels is not None:
        ax.set_xticks(range(len(labels)), labels)
    elif log:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(numticks=5))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(lambda value, _: power(value))


def _line(ax: Axes, x: NDArray[np.float64], ours: pd.DataFrame, style: Look) -> None:
    median, lower, upper = (ours[name].to_numpy(dtype=float) for name in ("median", "lower", "upper"))
    kept = np.isfinite(median)
    bars = [
        np.nan_to_num(bar, nan=0.0, posinf=0.0, neginf=0.0)[kept] for bar in (median - lower, upper - median)
    ]
    ax.errorbar(
        x[kept], median[kept], yerr=bars, color=style.colour, marker=style.marker, markersize=3.5, linewidth=0.9,
        elinewidth=0.5,
    )  # fmt: skip


def _spread(frame: pd.DataFrame) -> bool:
    """Say whether levels are ranges of numbers, not single values."""
    return bool((frame["low"] != frame["high"]).any())


def _skewed(frame: pd.DataFrame) -> bool:
    """Say whether a number's levels crowd at its lower end, as those of a log-uniform one do."""
    if not _spread(frame):
        return False
    low, high = (pd.to_numeric(frame[name]) for name in ("low", "high"))
    return bool((low > 0).all()) and float(((low + high) / 2).median()) < 0.2 * float(high.max())
