"""Panels of several sweeps: one look, and a word where a sweep is missing or partial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganbench.report.paper.shelf import Board
from ganbench.report.style import ALARM, GREY, INK, Look, headline, key_columns, list_down, looks, panels

WIDTH = 7.2  # inches of a whole figure: the text width of paper.tex
COLUMNS = 3
LETTERS = 30  # in a line of what stands in or below a panel


def variants_of(boards: Sequence[Board]) -> list[str]:
    """Return the variants of all boards in the order in which they appear."""
    found = (v for board in boards if board.summary for v in board.results.variants)
    return list(dict.fromkeys(found))


def board_panels(
    boards: Sequence[Board],
    draw: Callable[[Axes, Board, dict[str, Look]], None],
    *,
    text: str,
    height: float = 2.7,
    key: bool = True,
) -> Figure:
    """Draw one panel a board with the models' legend below."""
    columns = columns_for(len(boards))
    rows = -(-len(boards) // columns) or 1
    width = WIDTH / max(columns, 2)
    figure, axes = panels(rows, columns, size=(width, height))
    look = looks(variants_of(boards))
    for ax, board in zip(axes, boards, strict=False):
        if board.summary is None:
            absent(ax, board)
        else:
            draw(ax, board, look)
            mark(ax, board)
    for ax in axes[len(boards) :]:
        ax.set_axis_off()
    headline(figure, text)
    if key:
        legend(figure, look)
    return figure


def columns_for(n: int) -> int:
    """Return how many panels stand side by side: three, or two where that leaves no gap."""
    return 2 if n in (2, 4) else min(COLUMNS, max(n, 1))


def legend(figure: Figure, look: dict[str, Look]) -> None:
    """Write the models' legend below the panels."""
    handles = [Line2D([], [], color=k.colour, marker=k.marker, label=v) for v, k in look.items()]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=key_columns(figure, list(look)))


def mark(ax: Axes, board: Board, said: str | None = None) -> None:
    """Write over a panel what it shows and how far its sweep is."""
    ax.set_title(narrow(board.label) if said is None else said, fontsize=8)
    if board.stamp:
        stamp(ax, board.stamp)


def narrow(label: str) -> str:
    """Break a long label before its bracket."""
    return label.replace(" (", "\n(") if len(label) > 22 else label


def wrapped(label: str, letters: int = LETTERS) -> str:
    """Break an axis' label into lines, though not at the sign of δ = 0.75."""
    return fill(label.replace(" = ", "\u00a0=\u00a0"), letters)


def scatter_runs(ax: Axes, runs: pd.DataFrame, x: str, y: str, look: dict[str, Look]) -> None:
    """Draw each run as its variant's mark, at two of its columns."""
    for variant, ours in runs.groupby("variant", sort=False):
        style = look[str(variant)]
        ax.plot(ours[x], ours[y], color=style.colour, marker=style.marker, linestyle="none", markersize=3,
                alpha=0.7)  # fmt: skip


def circled(ax: Axes, runs: pd.DataFrame, x: str, y: str) -> None:
    """Draw a circle around some runs."""
    ax.plot(runs[x], runs[y], "o", markerfacecolor="none", color=INK, markersize=9, linestyle="none")


def intervals_down(
    ax: Axes, rows: pd.DataFrame, names: tuple[str, str, str], variants: Sequence[str], look: dict[str, Look]
) -> None:
    """Draw a centre with its lower and upper bound for each row of a frame, the variants listed down the panel."""
    for row in rows.to_dict("records"):
        style, y = look[str(row["variant"])], variants.index(row["variant"])
        centre, *bounds = (row[name] for name in names)
        ax.plot(bounds, [y, y], color=INK, linewidth=0.9)
        ax.plot([centre], [y], marker=style.marker, color=style.colour, linestyle="none")
    list_down(ax, variants)


def stamp(ax: Axes, text: str, *, top: bool = True) -> None:
    """Write a stamp into a panel's right corner, the upper or the lower."""
    ax.text(
        0.995, 0.99 if top else 0.01, text, transform=ax.transAxes, ha="right", va="top" if top else "bottom",
        color=ALARM, fontsize=6.5, weight="bold", zorder=9,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
    )  # fmt: skip


def absent(ax: Axes, board: Board) -> None:
    """Say in a panel why it is empty."""
    ax.set_title(narrow(board.label), fontsize=8)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    parts = board.stamp.replace("`", "").split(": ", 1)
    text = ":\n".join(fill(part, LETTERS, break_long_words=False) for part in parts)
    said = ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=ALARM, fontsize=7)
    said.set_in_layout(False)  # a long word must not squeeze its panel to nothing


def absent_figure(board: Board) -> Figure:
    """Return a figure of one panel that says why there is nothing of a board."""
    figure, axes = panels(1, 1, size=(WIDTH / 2, 1.4))
    absent(axes[0], board)
    return figure


def nothing(ax: Axes, text: str = "nothing to draw") -> None:
    """Say that a panel has no numbers."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY)
