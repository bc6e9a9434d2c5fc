"""Bias and spread of the Fréchet distance between real samples, against their number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from ganbench.report import cells
from ganbench.report.paper.exhibit import Drawing, Exhibit
from ganbench.report.paper.findings import Found, finding_panels, finding_table, found, stamps_of
from ganbench.report.paper.kinds.best import MARK
from ganbench.report.paper.shelf import Shelf
from ganbench.report.references import shown
from ganbench.report.render import MISSING
from ganbench.report.style import log_scale, looks

SAID = (
    "Fréchet distance of real images against other real images, n on each side: mean ± sd over disjoint pairs; it"
    " would be 0 with infinitely many. Lines: a + c/n by least squares. Distances on different extractors have"
    " different scales."
)


@dataclass(frozen=True)
class Settings:
    """The datasets that the probe was run on, and a published table that is named below."""

    subjects: list[str]
    published: str = ""


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of panels and one table."""
    findings = found(shelf, "fid-bias", settings.subjects)
    sizes = sorted({int(n) for f in findings if f.content for n in f.rows["n"]})
    header = ("extractor", *(f"n = {n}" for n in sizes), "bias ∝ n to the", "largest sd / mean")
    figure = finding_panels(findings, _panel, text="Bias and spread of the Fréchet distance")
    notes = [SAID, _published(settings, shelf)]
    table = finding_table(
        name, "Bias and spread of the Fréchet distance", header, findings, lambda f: _rows(f, sizes), notes
    )
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(findings))


def _rows(finding: Found, sizes: list[int]) -> list[tuple[str, ...]]:
    rows = []
    for extractor, ours in finding.rows.groupby("extractor", sort=False):
        at = cells.keyed(ours, "n")
        found_cells = [_cell(at[n,]) if (n,) in at else MISSING for n in sizes]
        verdict = (finding.content or {})["verdict"][str(extractor)]
        power = f"{verdict['power_of_n']:.2f}".replace("-", "−")
        rows.append((str(extractor), *found_cells, power, f"{100 * verdict['largest_relative_sd']:.0f} %"))
    return rows


def _cell(row: cells.Row) -> str:
    return f"{row['fd_mean']:.3g} ± {row['fd_sd']:.2g}"


def _panel(ax: Axes, finding: Found) -> None:
    rows = finding.rows
    look = looks(list(dict.fromkeys(rows["extractor"])))
    for extractor, ours in rows.groupby("extractor", sort=False):
        style, verdict = look[str(extractor)], (finding.content or {})["verdict"][str(extractor)]
        ax.errorbar(ours["n"], ours["fd_mean"], yerr=ours["fd_sd"], color=style.colour, marker=style.marker,
                    linestyle="none", elinewidth=0.9, label=str(extractor))  # fmt: skip
        n = np.geomspace(float(ours["n"].min()), float(ours["n"].max()), 40)
        ax.plot(n, verdict["a"] + verdict["c"] / n, color=style.colour, linewidth=0.8, linestyle="--")
    log_scale(ax, "x", 0.8 * float(rows["n"].min()), 1.25 * float(rows["n"].max()))
    log_scale(ax, "y", 0.6 * float(rows["fd_mean"].min()), 1.7 * float(rows["fd_mean"].max()))
    ax.set_xlabel("n, images on each side")
    ax.set_ylabel("FD of real against real")


def _published(settings: Settings, shelf: Shelf) -> str:
    if not settings.published:
        return ""
    source, numbers = shelf.references.table(settings.published)
    said = ", ".join(f"{row['dataset']} {shown(row)}" for row in numbers.to_dict("records"))
    return f"{MARK} Not comparable with ours (Inception): {source.cite}: {source.says}: {said}."
