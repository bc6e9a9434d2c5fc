"""The Fréchet distance against the number of classes that a sample holds."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ganbench.report.paper.exhibit import Drawing, Exhibit
from ganbench.report.paper.findings import Found, finding_panels, finding_table, found, stamps_of
from ganbench.report.paper.shelf import Shelf
from ganbench.report.render import MISSING
from ganbench.report.style import log_scale, looks

SAID = (
    "Fréchet distance of a subset with k classes against the other half of the data, relative to its mean with one"
    " class; lines: mean over random orders of the classes, shades: all of them."
)


@dataclass(frozen=True)
class Settings:
    """The datasets that the probe was run on."""

    subjects: list[str]


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of panels and one table."""
    findings = found(shelf, "mode-drop", settings.subjects)
    classes = sorted({int(k) for f in findings if f.content for k in f.rows["classes"]})
    header = ("extractor", *(f"k = {k}" for k in classes), "falls with each class")
    figure = finding_panels(findings, _panel, text="Mode dropping: Fréchet distance against classes present")
    table = finding_table(
        name, "Fréchet distance as classes are dropped", header, findings, lambda f: _rows(f, classes),
        [SAID, "Cells: mean distance over the orders. Falls: of the mean; in how many of the orders."],
    )  # fmt: skip
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(findings))


def _rows(finding: Found, classes: list[int]) -> list[tuple[str, ...]]:
    rows = []
    for extractor, ours in finding.rows.groupby("extractor", sort=False):
        means = ours.groupby("classes")["fd"].mean()
        verdict = (finding.content or {})["verdict"][str(extractor)]
        cells = [f"{means[k]:.3g}" if k in means.index else MISSING for k in classes]
        falls = f"{'yes' if verdict['mean_monotone'] else 'no'}; {verdict['monotone_orders']} of {verdict['orders']}"
        rows.append((str(extractor), *cells, falls))
    return rows


def _panel(ax: Axes, finding: Found) -> None:
    rows = finding.rows
    look = looks(list(dict.fromkeys(rows["extractor"])))
    lowest = 1.0
    for extractor, ours in rows.groupby("extractor", sort=False):
        style, by = look[str(extractor)], ours.groupby("classes")["fd"]
        first = float(by.mean().iloc[0])
        mean, low, high = (values / first for values in (by.mean(), by.min(), by.max()))
        ax.fill_between(mean.index, low, high, color=style.colour, alpha=0.15, linewidth=0)
        ax.plot(mean.index, mean, color=style.colour, marker=style.marker, label=str(extractor))
        lowest = min(lowest, float(low[low > 0].min()))
    log_scale(ax, "y", lowest / 1.3, 2.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("k, classes present")
    ax.set_ylabel("FD relative to one class")
