"""Exhibits from stored findings of probes: panels side by side and one table, stamped where a probe was not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.report.paper.drawing import WIDTH, absent, columns_for
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.render import Table
from ganbench.report.style import headline, panels


@dataclass(frozen=True)
class Found:
    """A probe's finding on one subject; without content it was not run, and `stamp` says so."""

    subject: str
    content: dict[str, Any] | None
    stamp: str

    @property
    def rows(self) -> pd.DataFrame:
        """Return the finding's tidy table."""
        return pd.DataFrame((self.content or {}).get("rows", []))

    @property
    def notes(self) -> list[str]:
        """Return what the probe says under its numbers, and which extractors it used."""
        if self.content is None:
            return [f"{self.subject}: {self.stamp}."]
        said = [
            f"{stamp['name']}: weights {stamp['weights_hash'][:12]}" for stamp in self.content["extractors"]
        ]
        return [
            f"{self.subject}: {' '.join(self.content['notes'])}",
            *([f"{', '.join(said)}."] if said else []),
        ]


def found(shelf: Shelf, probe: str, subjects: Sequence[str]) -> list[Found]:
    """Return a probe's findings in order."""
    contents = [(subject, shelf.finding(probe, subject)) for subject in subjects]
    missing = f"not run: `ganbench probe {probe}"
    return [Found(s, c, "" if c else f"{missing} dataset={s}`") for s, c in contents]


def finding_panels(findings: Sequence[Found], draw: Callable[[Axes, Found], None], *, text: str) -> Figure:
    """Draw one panel a finding with a common legend below."""
    columns = columns_for(len(findings))
    figure, axes = panels(-(-len(findings) // columns), columns, size=(WIDTH / max(columns, 2), 2.7))
    for ax, finding in zip(axes, findings, strict=False):
        if finding.content is None:
            absent(ax, Board(finding.subject, "", None, finding.stamp))
        else:
            draw(ax, finding)
            ax.set_title(finding.subject, fontsize=8)
    for ax in axes[len(findings) :]:
        ax.set_axis_off()
    headline(figure, text)
    seen = {label: h for ax in axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if seen:
        figure.legend(seen.values(), seen, loc="outside lower center", ncols=min(len(seen), 4))
    return figure


def finding_table(
    name: str,
    caption: str,
    header: Sequence[str],
    findings: Sequence[Found],
    rows_of: Callable[[Found], Sequence[tuple[str, ...]]],
    notes: Sequence[str],
) -> Table:
    """Return one table of several findings, each under its own heading."""
    rows: list[tuple[str, ...]] = []
    rules: set[int] = set()
    for finding in findings:
        rules |= {len(rows)} if rows else set()
        rows.append((f"{finding.subject}: {finding.stamp}" if finding.stamp else finding.subject,))
        rows += rows_of(finding) if finding.content else []
    stamps = stamps_of(findings)
    frames = [f.rows.assign(subject=f.subject) for f in findings if f.content]
    frame = (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame({"subject": [f.subject for f in findings]})
    )
    said = dict.fromkeys([*(note for f in findings for note in f.notes), *filter(None, notes)])
    return Table(
        name, caption, tuple(header), tuple(rows), tuple(said), frame,
        partial=bool(stamps), rules=frozenset(rules), stamp="; ".join(stamps),
    )  # fmt: skip


def stamps_of(findings: Sequence[Found]) -> tuple[str, ...]:
    """Return what was not run."""
    return tuple(f"{finding.subject} {finding.stamp}" for finding in findings if finding.stamp)
