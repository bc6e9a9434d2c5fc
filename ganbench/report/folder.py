"""A report's folder: its tables and figures in every format, and nothing left of an earlier run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ganbench.files import replace_bytes, replace_text
from ganbench.report.render import Table, csv, latex, markdown

FORMATS: dict[str, Callable[[Table], str]] = {"csv": csv, "md": markdown, "tex": latex}
FIGURE_KINDS = ("png", "pdf")
WRITTEN = "written.txt"
_OURS = re.compile(r"(tables|figures)/[^/\x00]+")


def write_table(table: Table, out: Path) -> None:
    """Write `tables/<name>.*`."""
    for kind, render in FORMATS.items():
        replace_text(out / "tables" / f"{table.name}.{kind}", render(table))


def write_figure(name: str, contents: Mapping[str, bytes], out: Path) -> None:
    """Write `figures/<name>.*`."""
    for kind, content in contents.items():
        replace_bytes(out / "figures" / f"{name}.{kind}", content)


def settle(out: Path, tables: Iterable[str], figures: Iterable[str]) -> None:
    """List in `written.txt` the files of these tables and figures; what it listed before and does no more is removed.

    Files that no run has written stay.
    """
    now = {f"tables/{name}.{kind}" for name in tables for kind in FORMATS}
    now |= {f"figures/{name}.{kind}" for name in figures for kind in FIGURE_KINDS}
    for path in _listed(out) - now:
        (out / path).unlink(missing_ok=True)
    replace_text(out / WRITTEN, "".join(f"{path}\n" for path in sorted(now)))


def _listed(out: Path) -> set[str]:
    try:
        lines = (out / WRITTEN).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {line for line in lines if _OURS.fullmatch(line)}
