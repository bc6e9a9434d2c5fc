"""A probe's finding as files: tables, one figure, and a JSON of everything said."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.files import replace_bytes, replace_text
from ganbench.probes.probe import Finding, Panel, Series
from ganbench.report.folder import FORMATS
from ganbench.report.render import Table
from ganbench.report.style import (
    GREY,
    Look,
    headline,
    key_columns,
    log_scale,
    looks,
    panels,
    styled,
    to_bytes,
)

WIDTH, ALONE = 3.6, 5.0  # inches: a panel, and the whole figure at least
COLUMNS = 3


def write(finding: Finding, out: Path) -> Path:
    """Write `table.*`, `figure.*` and `finding.json` and return the folder: the same finding gives the same bytes."""
    table = _table(finding)
    for kind, render in FORMATS.items():
        replace_text(out / f"table.{kind}", render(table))
    with styled():
        for kind, content in to_bytes(draw(finding)).items():
            replace_bytes(out / f"figure.{kind}", content)
    replace_text(out / "finding.json", json.dumps(_plain(summary(finding)), indent=2) + "\n")
    return out


def summary(finding: Finding) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "probe": finding.name,
        "subject": finding.subject,
        "verdict": finding.verdict,
        "notes": list(finding.notes),
        "extractors": [dict(stamp) for stamp in finding.stamps],
        "rows": finding.table.to_dict("records"),
    }


def draw(finding: Finding) -> Figure:
    """Draw a finding's panels side by side, one look for each label."""
    columns = min(COLUMNS, len(finding.panels))
    figure, axes = panels(
        math.ceil(len(finding.panels) / columns), columns, size=(max(WIDTH, ALONE / columns), 2.9)
    )
    solid = dict.fromkeys(s.label for panel in finding.panels for s in panel.series if not s.dashed)
    look = looks(list(solid))
    for ax, panel in zip(axes, finding.panels, strict=False):
        _draw(ax, panel, look)
    for ax in axes[len(finding.panels) :]:
        ax.set_axis_off()
    headline(figure, finding.title)
    seen = {label: h for ax in axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(seen.values(), seen, loc="outside lower center", ncols=key_columns(figure, list(seen)))
    return figure


def _draw(ax: Axes, panel: Panel, look: dict[str, Look]) -> None:
    for series in panel.series:
        _line(ax, series, look)
    ax.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel)
    if panel.ylim is not None:
        ax.set_ylim(*panel.ylim)
    for side in panel.log:
        shown = [s.x if side == "x" else (*s.y, *s.low, *s.high) for s in panel.series]
        values = [value for some in shown for value in some if value > 0]
        if values:
            log_scale(ax, side, min(values) / 1.2, max(values) * 1.2)


def _line(ax: Axes, series: Series, look: dict[str, Look]) -> None:
    if series.dashed:
        ax.plot(series.x, series.y, linestyle=(0, (4, 2)), color=GREY, linewidth=0.9, zorder=1)
        return
    mine = look[series.label]
    if series.low:
        ax.fill_between(series.x, series.low, series.high, color=mine.colour, alpha=0.18, linewidth=0)
    style = "-" if series.joined else "none"
    ax.plot(series.x, series.y, linestyle=style, marker=mine.marker, color=mine.colour, label=series.label)


def _table(finding: Finding) -> Table:
    rows = [tuple(_cell(value) for value in row) for row in _tuples(finding)]
    notes = (*finding.notes, *(_stamp(stamp) for stamp in finding.stamps))
    return Table(
        finding.name,
        finding.title,
        tuple(map(str, finding.table.columns)),
        tuple(rows),
        notes,
        finding.table,
        partial=False,
    )


def _tuples(finding: Finding) -> Iterator[tuple[Any, ...]]:
    return finding.table.itertuples(index=False, name=None)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _stamp(stamp: Any) -> str:
    return (
        f"{stamp['name']}: weights {stamp['weights_hash'][:12]}, {stamp['preprocessing']}, {stamp['dtype']}."
    )


def _plain(value: Any) -> Any:
    """Return strict JSON values; what is not finite is null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
