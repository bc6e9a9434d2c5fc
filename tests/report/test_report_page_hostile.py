"""Text from outside cannot become part of the page: its tags are the same whatever configs, names and errors say."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from synthetic import sweep

from ganbench.analysis.results import Results
from ganbench.analysis.summary import summarise
from ganbench.report.page import Record, links_of, page
from ganbench.report.style import styled
from ganbench.report.tables import tables

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "<!--",
    "]]>{{7*7}}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;",
]


class Tags(HTMLParser):
    """A page's tags with the names of their attributes, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def html(made: Results, record: Record) -> Tags:
    summary = summarise(made, allow_partial=True)
    shown = list(tables(summary))
    with styled():
        links = links_of(Path("nowhere/report"), shown, ["budget_toy"], ("csv", "md"))
        return Tags(page(summary, shown, links, record))


def told(text: str) -> tuple[Results, Record]:
    """Return a sweep, and a record of it, in which everything that somebody may write says this."""
    made = sweep([text, "b"])
    definition: dict[str, Any] = {
        **made.definition,
        "overrides": [f"model.note={text}", text],
        "plugins": {text: text},
    }
    trials = made.trials.assign(**{"model.note": text})
    failure = {"signature": text, "message": text, "traceback": f"{text}\n{text}"}
    failure |= {"packs": 1, "trials": 2, "pack_id": text, "attempt": 1}
    return replace(made, name=text, definition=definition, trials=trials), Record(failures=(failure,))


@pytest.fixture(scope="module")
def plain() -> Tags:
    return html(*told("plain"))


@pytest.mark.parametrize("text", HOSTILE)
def test_tags_are_those_of_a_plain_page(text: str, plain: Tags) -> None:
    made = html(*told(text))
    assert made.found == plain.found
    assert not [link for link in made.links if link.lower().startswith("javascript:")]
    assert len(made.found) > 100
