"""A table as text: CSV with every digit, Markdown and LaTeX; the same table gives the same bytes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

MISSING = "—"
PAGE_ROWS = 44  # of a table in LaTeX; the notes need the rest of the page
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
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "−": r"$-$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "∞": r"$\infty$",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
    "·": r"$\cdot$",
    "½": r"$\frac12$",
    "≈": r"$\approx$",
    "√": r"$\surd$",
    "‖": r"$\|$",
    "∇": r"$\nabla$",
    "←": r"$\leftarrow$",
    "→": r"$\rightarrow$",
    "∈": r"$\in$",
    "∝": r"$\propto$",
    "σ": r"$\sigma$",
    "μ": r"$\mu$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "ε": r"$\varepsilon$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "λ": r"$\lambda$",
    "χ": r"$\chi$",
    "ρ": r"$\rho$",
    "τ": r"$\tau$",
    "Σ": r"$\Sigma$",
    "²": r"$^2$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "\u0303": "",  # a tilde above the letter before it
}
_LATIN = 0x17F  # the last letter that T1 fonts have


@dataclass(frozen=True)
class Table:
    """A table for readers, and the tidy frame with the numbers behind it.

    The first columns in ``text_columns`` are aligned left; the rows ``rule`` and ``rules`` stand below a line
    of their own; ``bold`` holds (row, column). A row of one cell spans all columns. ``stamp`` says how far
    an incomplete sweep is; columns in ``formulas`` are set as mathematics where that can be.
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
    rules: frozenset[int] = frozenset()
    stamp: str = "partial"
    formulas: frozenset[int] = frozenset()

    @property
    def title(self) -> str:
        """Return the caption, stamped where the sweep is incomplete."""
        return f"{self.caption} ({self.stamp})" if self.partial else self.caption

    @property
    def ruled(self) -> frozenset[int]:
        """Return the rows that stand below a line of their own."""
        return self.rules if self.rule is None else self.rules | {self.rule}


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
    width = len(table.header)
    cells = [[_markdown(cell) for cell in row] for row in (table.header, *table.rows)]
    for row, column in table.bold:
        cells[row + 1][column] = f"**{cells[row + 1][column]}**"
    cells = [[*row, *[""] * (width - len(row))] for row in cells]
    measured = [row for row, given in zip(cells[1:], table.rows, strict=True) if len(given) == width]
    widths = [max(3, *(len(row[column]) for row in [cells[0], *measured])) for column in range(width)]
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
    """Return `table` environments with booktabs' rules and the notes below the last; a long table is continued."""
    body = [
        [latex_formula(c) if i in table.formulas else latex_escape(c) for i, c in enumerate(row)]
        for row in table.rows
    ]
    for row, column in table.bold:
        body[row][column] = rf"\textbf{{{body[row][column]}}}"
    rows = [_latex_row(row, len(table.header)) for row in body]
    parts = _parts(table)
    lines = [r"% needs \usepackage{booktabs}"]
    for start, end in parts:
        ruled = [
            [r"\midrule", row] if n in table.ruled and n > start else [row] for n, row in enumerate(rows)
        ]
        lines += _latex_part(table, [line for some in ruled[start:end] for line in some], first=start == 0)
        notes = (
            " ".join(map(latex_escape, table.notes)) if end == len(rows) else "Continued on the next page."
        )
        lines += ["", r"\medskip", r"\parbox{\linewidth}{\footnotesize " + notes + "}", r"\end{table}"]
    return "\n".join([*lines, ""])


def _parts(table: Table) -> list[tuple[int, int]]:
    """Return where a table is cut so that each part fits a page: before a heading if there is one."""
    total, parts, start = len(table.rows), list[tuple[int, int]](), 0
    while total - start > PAGE_ROWS:
        heads = [
            n for n in range(start + 1, start + PAGE_ROWS) if len(table.rows[n]) == 1 and n in table.ruled
        ]
        heads = [n for n in heads if n + 1 < total and len(table.rows[n + 1]) > 1]
        end = heads[-1] if heads else start + PAGE_ROWS
        parts.append((start, end))
        start = end
    return [*parts, (start, total)]


def _latex_part(table: Table, rows: list[str], *, first: bool) -> list[str]:
    align = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)
    label = rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', table.name)}}}"
    caption = latex_escape(table.title if first else f"{table.caption}, continued")
    return [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{caption}}}",
        *([label] if first else []),
        r"\small",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        f"{' & '.join(map(_latex_head, table.header))} \\\\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _latex_head(text: str) -> str:
    lines = [latex_escape(line) for line in text.split("\n")]
    return lines[0] if len(lines) == 1 else r"\shortstack[r]{" + r" \\ ".join(lines) + "}"


def _latex_row(row: list[str], width: int) -> str:
    if (
        len(row) == 1 and width > 1
    ):  # as wide as the page, and without a width of its own: it widens no column
        spanned = rf"\makebox[0pt][l]{{\parbox[t]{{\linewidth}}{{\raggedright {row[0]}}}}}"
        return rf"\multicolumn{{{width}}}{{l}}{{{spanned}}} \\"
    return " & ".join(row) + r" \\"


def latex_escape(text: str) -> str:
    """Return text that LaTeX sets as it reads here; a character its fonts lack becomes its code point."""
    return "".join(
        _LATEX.get(c, c if ord(c) <= _LATIN else f"[U+{ord(c):04X}]") for c in " ".join(text.split())
    )


def latex_formula(text: str) -> str:
    """Return a formula of plain text in LaTeX's mathematics: words upright, `x_D` and `x²` as they read.

    Text without a bracket, an equals sign or a square is no formula and stays text.
    """
    if not re.search(r"[()=²]", text):
        return latex_escape(text)
    pieces = (_formula_piece(m) for m in _PIECE.finditer(" ".join(text.split())))
    return "$" + "".join(pieces) + "$"


_PIECE = re.compile(r"(?P<tilde>\w\u0303)|(?P<sub>_[A-Za-z0-9]+)|(?P<word>[A-Za-z]{2,})|(?P<one>.)")
_SIGNS = {" ": r"\,", "|": "|", "<": "<", ">": ">", "'": "'", "\u207b": "^{-}"}


def _formula_piece(match: re.Match[str]) -> str:
    if match["tilde"]:
        return rf"\tilde{{{match['tilde'][0]}}}"
    if match["sub"]:
        return rf"_{{\mathrm{{{match['sub'][1:]}}}}}"
    if match["word"]:
        return rf"\mathrm{{{match['word']}}}"
    sign = match["one"]
    if sign == "$":
        return r"\$"
    found = _SIGNS.get(sign) or latex_escape(sign).replace("$", "")
    return f"{found} " if re.search(r"\\[A-Za-z]+$", found) else found  # so that no letter joins the command
