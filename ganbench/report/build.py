"""Write a sweep's report: tables, figures, a page and every number they show, the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ganbench.analysis.results import Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.files import replace_text
from ganbench.report import samples
from ganbench.report.beside import beside
from ganbench.report.figures import Drawing, figures
from ganbench.report.folder import FORMATS, settle, write_figure, write_table
from ganbench.report.numbers import report_json
from ganbench.report.page import Record, links_of, page, read_record, write_record
from ganbench.report.render import Table
from ganbench.report.style import styled, to_bytes
from ganbench.report.tables import tables
from ganbench.report.threads import one_thread


@one_thread()
def build(
    results: Results, out: Path, *, allow_partial: bool, progress: Callable[[str], None] | None = None
) -> Path:
    """Write `tables/*`, `figures/*`, `index.html` and, last, `report.json`; returns the report's folder.

    ``progress`` is told what is being written. Raises `ReportError` where the results are unusable, or
    incomplete without ``allow_partial``, before anything is written.
    """
    say = progress or (lambda _: None)
    say("analysis")
    with beside(partial(read_record, results, out)) as record:
        summary = summarise(results, allow_partial=allow_partial)
        drawings = dict(figures(summary))
        with beside(partial(draw_figures, drawings, out)) as drawn:
            made = list(tables(summary))
            for table in made:
                say(f"table {table.name}")
                write_table(table, out)
            numbers = report_json(summary, made, [*drawings])
            say("page")
            _write_page(summary, made, [*drawings], record(), out)
            say("figures")
            drawn()
    settle(out, [table.name for table in made], drawings)
    replace_text(out / "report.json", numbers)
    return out


def draw_figures(drawings: Mapping[str, Drawing], out: Path) -> None:
    """Draw into `figures/*` of a folder, as PDF and PNG."""
    with styled():
        for name, draw in drawings.items():
            write_figure(name, to_bytes(draw()), out)


def _write_page(summary: Summary, made: list[Table], names: list[str], record: Record, out: Path) -> None:
    write_record(record, out)
    links = links_of(out, made, names, tuple(FORMATS))
    with styled():
        replace_text(out / "index.html", page(summary, made, links, record))


def picture(results: Results) -> bytes | None:
    """Return a PNG of the samples of a sweep's first dataset, None where none were kept."""
    dataset = results.datasets[0]
    if not samples.available(results, dataset):
        return None
    with styled():
        return to_bytes(samples.figure(results, dataset))["png"]
