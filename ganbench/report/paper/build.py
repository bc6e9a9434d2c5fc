"""Write a paper: every exhibit's tables and figures, paper.tex and paper.md; the same scores give the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ganbench.analysis.draws import StatisticsError
from ganbench.files import replace_text
from ganbench.report.folder import settle, write_figure, write_table
from ganbench.report.paper.document import Page, as_markdown, as_tex
from ganbench.report.paper.exhibit import Exhibit
from ganbench.report.paper.plan import Entry, Paper, Section
from ganbench.report.paper.shelf import Shelf
from ganbench.report.render import Table
from ganbench.report.style import styled, to_bytes
from ganbench.report.threads import one_thread


@one_thread()
def write_paper(
    paper: Paper, shelf: Shelf, out: Path, *, progress: Callable[[str], None] | None = None
) -> list[Page]:
    """Write `tables/*`, `figures/*`, `paper.tex` and `paper.md` and return what was written, section by section.

    A sweep or probe that is missing or partial leaves no gap: its exhibits are stamped so. ``progress`` is told
    what is being made. Raises `UserError` for results that cannot be read, before anything is written.
    """
    say = progress or (lambda _: None)
    with styled():
        pages = [
            _page(section, entries, shelf, say)
            for section, entries in zip(paper.sections, paper.entries, strict=True)
        ]
        for page in pages:
            for exhibit in page.exhibits:
                say(f"writing {page.title}")
                _write(exhibit, out)
    exhibits = [exhibit for page in pages for exhibit in page.exhibits]
    settle(
        out,
        [table.name for exhibit in exhibits for table in exhibit.tables],
        [drawing.name for exhibit in exhibits for drawing in exhibit.figures],
    )
    replace_text(out / "paper.tex", as_tex(paper, pages))
    replace_text(out / "paper.md", as_markdown(paper, pages))
    return pages


def _page(section: Section, entries: tuple[Entry, ...], shelf: Shelf, say: Callable[[str], None]) -> Page:
    page = Page(section.title, section.text)
    for entry in entries:
        say(entry.name)
        page.add(_made(entry, shelf))
    return page


def _made(entry: Entry, shelf: Shelf) -> Exhibit:
    """Return an exhibit, or where a sweep's draws cannot carry its statistic, the reason in its place."""
    try:
        made: Exhibit = entry.module.make(entry.name, entry.settings, shelf)
    except StatisticsError as error:
        reason = str(error)
        caption = entry.name.replace("_", " ").capitalize()
        table = Table(
            entry.name,
            caption,
            ("not shown",),
            ((reason,),),
            notes=(),
            partial=True,
            frame=pd.DataFrame({"not shown": [reason]}),
        )
        return Exhibit([table], stamps=(f"{entry.name} not shown: {reason}",))
    return made


def _write(exhibit: Exhibit, out: Path) -> None:
    for table in exhibit.tables:
        write_table(table, out)
    for drawing in exhibit.figures:
        write_figure(drawing.name, to_bytes(drawing.figure), out)
