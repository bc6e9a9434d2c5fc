"""A table as text: CSV with every digit, Markdown and LaTeX; the same table gives the same bytes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

MISSING = "—"
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "−": r"$-$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "∞": r"$\infty$",
    "δ": r"$\delta$",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
}


@dataclass(frozen=True)
class Table:
    """A table for readers, and the tidy frame with the numbers behind it.

    The first columns in ``text_columns`` are aligned left; rows from ``rule`` on stand below a line of
    their own; ``bold`` holds (row, column).
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    frame: pd.DataFrame
    partial: bool
    bold: frozenset[tuple[int, int]] = frozenset()
    rule: int | None = None
    text_columns: int = 1

    @property
    def title(self) -> str:
        """Return the caption, stamped where the sweep is incomplete."""
        return f"{self.caption} (partial)" if self.partial else self.caption


def decimals(values: pd.Series) -> int:
    """Return how many decimals show three significant digits of a typical value."""
    sizes = values[np.isfinite(values) & (values != 0)].abs()
    if sizes.empty:
        return 3
    return min(max(2 - math.floor(math.log10(float(sizes.median()))), 0), 6)


def number(value: float, places: int) -> str:
    """Format a score; infinite is diverged, NaN is missing."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "diverged"
    text = f"{value:.{places}f}".replace("-", "−")
    return text if float(text.replace("−", "-")) else text.removeprefix("−")


def csv(table: Table) -> str:
    """Return the tidy frame, floats with ten significant digits; ∞ is `inf`, missing is empty."""
    frame = table.frame.assign(partial=table.partial)
    return frame.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def markdown(table: Table) -> str:
    """Return a GitHub table, padded so that it reads well as plain text, with its notes as a list."""
    cells = [[_markdown(cell) for cell in row] for row in (table.header, *table.rows)]
    for row, column in table.bold:
        cells[row + 1][column] = f"**{cells[row + 1][column]}**"
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(table.header))]
    left = [column < table.text_columns for column in range(len(widths))]
    lines = [_line(row, widths, left) for row in cells]
    dashes = [
        ":" + "-" * (w - 1) if is_left else "-" * (w - 1) + ":"
        for w, is_left in zip(widths, left, strict=True)
    ]
    lines.insert(1, _line(dashes, widths, left))
    notes = [f"- {_markdown(note)}" for note in table.notes]
    return "\n".join([f"**{_markdown(table.title)}**", "", *lines, "", *notes, ""])


def _line(row: list[str], widths: list[int], left: list[bool]) -> str:
    padded = [
        cell.ljust(w) if is_left else cell.rjust(w)
        for cell, w, is_left in zip(row, widths, left, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def _markdown(text: str) -> str:
    escaped = re.sub(r"([\\`*|<]|\](?=\())", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)


def latex(table: Table) -> str:
    """Return a `table` environment with booktabs' rules and the notes below."""
    body = [[latex_escape(cell) for cell in row] for row in table.rows]
    for row, column in table.bold:
        body[row][column] = rf"\textbf{{{body[row][column]}}}"
    rows = [f"{' & '.join(row)} \\\\" for row in body]
    if table.rule is not None:
        rows.insert(table.rule, r"\midrule")
    align = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_escape(table.title)}}}",
            rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', table.name)}}}",
            r"\small",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            f"{' & '.join(map(latex_escape, table.header))} \\\\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            "",
            r"\medskip",
            r"\parbox{\linewidth}{\footnotesize " + " ".join(map(latex_escape, table.notes)) + "}",
            r"\end{table}",
            "",
        ]
    )


def latex_escape(text: str) -> str:
    """Return text that LaTeX sets as it reads here."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
