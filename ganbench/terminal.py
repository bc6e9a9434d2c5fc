"""What a person sees in the terminal: one-line messages, progress bars and tables. Torch-free."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from ganbench.store import Store

STATES = ("planned", "running", "done", "lost", "diverged", "failed")
FINISHED = ("done", "diverged", "failed")
PIPED_WIDTH = 140
_MARKS = ("†", "*")
_TABLES = '\n"tables": '  # begins a line of report.json, near its end


def _stdout(*, quiet: bool = False) -> RichConsole:
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return RichConsole(highlight=False, markup=False, quiet=quiet, width=width)


class Console:
    """Messages on stderr, results on stdout, so that scripts can pipe the latter."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._out = _stdout(quiet=quiet)
        self._err = RichConsole(stderr=True, highlight=False, quiet=quiet)

    def say(self, text: str) -> None:
        """Print one line."""
        self._err.print(text, markup=False, soft_wrap=True)

    def print(self, text: str) -> None:
        """Print text on stdout as it is."""
        self._out.print(text, soft_wrap=True)

    @contextmanager
    def bar(self, label: str, total: float | None) -> Iterator[Callable[[float], None]]:
        """Show a progress bar where a person looks on; the function given sets how far it is."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._err, disable=not self._err.is_terminal) as progress:
            task = progress.add_task(label, total=total)
            yield lambda done: progress.update(task, completed=done)

    @contextmanager
    def watch(self, store: Store, stage: str) -> Iterator[Callable[[Mapping[str, int]], None]]:
        """Follow a stage's trials; the function given takes the counts of states."""
        counts = store.counts()
        total = sum(counts[state] for state in STATES)
        with self.bar(f"{store.name} {stage}", total) as update:

            def on_progress(counts: Mapping[str, int]) -> None:
                update(sum(counts[state] for state in FINISHED))

            on_progress(counts)
            yield on_progress

    @contextmanager
    def working(self, label: str) -> Iterator[Callable[[str], None]]:
        """Show a spinner where a person looks on; the function given says what is under way."""
        if not self._err.is_terminal:
            yield lambda _: None
            return
        with self._err.status(label) as status:
            yield lambda what: status.update(f"{label}: {what}")

    def table(self, report: Path) -> None:
        """Print the tables of best scores that lie in a report's folder."""
        path = report / "report.json"
        if not path.exists():
            return
        for name, table in _tables(path.read_text(encoding="utf-8")).items():
            if name.startswith("best_"):
                self.rows(table["header"], table["rows"], title=table["title"])
                for note in _explained(table):
                    self._out.print(note, markup=False, soft_wrap=True)

    def rows(self, header: list[str], rows: list[list[Any]], title: str | None = None) -> None:
        """Print a table on stdout."""
        table = Table(*header, box=None, header_style="bold", title=title, title_justify="left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self._out.print(table)


def _explained(table: Mapping[str, Any]) -> list[str]:
    """Return the notes that say what marks in the cells mean."""
    shown = "".join(str(cell) for row in table["rows"] for cell in row)
    marks = [mark for mark in _MARKS if mark in shown]
    return [note for note in table["notes"] if any(mark in note for mark in marks)]


def _tables(report: str) -> dict[str, Any]:
    """Return the tables of a report.json; a million numbers before them are not parsed."""
    before, _, after = report.rpartition(_TABLES)
    found: dict[str, Any]
    if before:
        found, _ = json.JSONDecoder().raw_decode(after)
    else:
        found = json.loads(report)["tables"]
    return found


def show_plan(summary: dict[str, Any]) -> None:
    """Print what a sweep will do."""
    out = _stdout()
    out.print(
        f"{summary['name']}: {summary['variants']} variants × {summary['settings']} settings"
        f" + {summary['reruns']} reruns, up to {summary['steps']} steps each = {summary['trial_steps']:,} trial-steps",
        soft_wrap=True,
    )
    if summary["adaptive"]:
        out.print("settings are chosen while the search runs: its sampler learns from scores, pack by pack")
    out.print(f"planned now: {summary['planned']} trials in {summary['packs']} packs ({summary['new']} new)")
    for chosen in summary["choices"]:
        out.print(chosen["said"], soft_wrap=True, markup=False)
    out.print(f"scored under: {', '.join(summary['protocols'])}", soft_wrap=True)
