"""One look for every figure: colours that survive colour blindness, markers that survive a grey printer."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

# Okabe and Ito's colours without the yellow that vanishes on white, and Tol's indigo and wine.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#332288", "#882255")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h", "<", ">")
INK, GREY, PALE, ALARM = "#222222", "#767676", "#D5D5D5", "#B00020"
DPI, PDF_DPI = 160, 72
# marks of one kind in a panel: beyond, a PDF of them is slow to write and to open
WIDE = 8.0
CROWD, CROWD_DPI = 2000, 300
LETTERS_AN_INCH = 12.5  # of bold type, size 9
KEY_LETTERS = 6  # what a legend's line and margins take
RC: Any = {
    "text.parse_math": False,  # names are shown as they are
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Look:
    """How a variant is drawn, everywhere."""

    colour: str
    marker: str


def looks(variants: list[str]) -> dict[str, Look]:
    """Give each variant its colour and marker by its place; pairs repeat after 88."""
    pairs = enumerate(variants)
    return {v: Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, v in pairs}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house style; the reader's own settings neither enter nor change."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


def panels(
    rows: int, columns: int, *, size: tuple[float, float], **sharing: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows × columns axes of one size in inches, and the axes row by row."""
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, **sharing)
    return figure, [axes for row in grid for axes in row]


def list_down(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows of a panel, the first on top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)


def headline(figure: Figure, text: str) -> None:
    """Write a figure's title, wrapped to its width."""
    characters = int(figure.get_figwidth() * LETTERS_AN_INCH)
    figure.suptitle(textwrap.fill(text, characters), x=0.01, ha="left", weight="bold", fontsize=9)


def key_columns(figure: Figure, labels: list[str]) -> int:
    """Return how many entries of a legend stand side by side without being cut."""
    widest = max((len(label) for label in labels), default=1) + KEY_LETTERS
    return max(1, min(len(labels), int(figure.get_figwidth() * LETTERS_AN_INCH / widest)))


def stamp(figure: Figure, *, partial: bool) -> None:
    """Mark a figure of an incomplete sweep."""
    if partial:
        figure.text(0.995, 0.995, "partial", ha="right", va="top", color=ALARM, weight="bold", fontsize=9)


def to_bytes(figure: Figure) -> dict[str, bytes]:
    """Return a figure as PDF and PNG; without dates, so that the same figure gives the same bytes."""
    pdf, png = io.BytesIO(), io.BytesIO()
    figure.dpi = DPI
    figure.draw_without_rendering()  # lays out once; both files keep that layout
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
    figure.dpi = _rasterized(figure)
    undated = {"CreationDate": None, "Producer": None}
    FigureCanvasPdf(figure).print_pdf(pdf, metadata=undated)  # type: ignore[no-untyped-call]
    return {"pdf": pdf.getvalue(), "png": png.getvalue()}


def _rasterized(figure: Figure) -> float:
    """Have a PDF draw crowds of marks as pictures, and return the resolution of its pictures: else its own unit's."""
    lines = [line for axes in figure.axes for line in axes.get_lines() if line.get_linestyle() == "None"]
    crowds = [line for line in lines if len(np.atleast_1d(line.get_xdata())) > CROWD]
    for line in crowds:
        line.set_rasterized(True)
    return CROWD_DPI if crowds else PDF_DPI


def spread(values: NDArray[np.floating[Any]], *, minimize: bool) -> bool:
    """Return whether scores span so much that they are drawn on a logarithmic axis: to minimise, above 0 and × 8."""
    seen = values[np.isfinite(values)]
    return minimize and bool(len(seen)) and bool(0 < WIDE * seen.min() < seen.max())


def log_scale(ax: Axes, side: str, low: float, high: float) -> None:
    """Make the x or y axis logarithmic from low to high, its ticks plain numbers, fewer for more decades."""
    ax.set(**{f"{side}scale": "log", f"{side}lim": (low, high)})
    axis: Axis = {"x": ax.xaxis, "y": ax.yaxis}[side]
    subs = (1.0, 2.0, 5.0) if high < 40 * low else (1.0, 3.0) if high < 1000 * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
