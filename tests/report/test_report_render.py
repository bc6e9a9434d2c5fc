"""Tables as text: what is escaped, how numbers are written, where the rules stand."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from ganbench.report.render import Table, csv, decimals, latex, latex_escape, latex_formula, markdown, number

NASTY = 'a_b & 50% {x} $1 #2 ~ ^ \\ <y> | "q" `z` *'
TABLE = Table(
    name="best_toy set",
    caption="FD ↓ on toy_set",
    header=("model", "n", "FD ↓"),
    rows=((NASTY, "1/1/0/0", "1.0 ± 0.1*"), ("vae", "1/0/1/0", "—"), ("real", "—", "0.1")),
    notes=("Protocol p_1.", "* some, ** ≥ 20 %."),
    frame=pd.DataFrame({"variant": ["a", "b"], "score": [1 / 3, np.inf], "none": [np.nan, 2.0]}),
    partial=False,
    bold=frozenset({(0, 2)}),
    rule=2,
)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (1.23456, 2, "1.23"),
        (-0.5, 1, "−0.5"),
        (-0.001, 2, "0.00"),
        (0.0, 3, "0.000"),
        (np.nan, 2, "—"),
        (np.inf, 2, "diverged"),
        (-np.inf, 2, "diverged"),
    ],
)
def test_numbers(value: float, places: int, text: str):
    assert number(value, places) == text


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([250.0, 300.0], 0),
        ([30.0, 6.8], 1),
        ([0.73, 0.2], 3),
        ([0.012], 4),
        ([np.inf, np.nan, 0.0], 3),
        ([1e-12], 6),
    ],
)
def test_decimals_show_three_digits_of_a_typical_score(values: list[float], places: int):
    assert decimals(pd.Series(values)) == places


def test_latex_escapes_every_special_character():
    text = latex_escape(NASTY)
    plain = re.sub(r"\\(text[a-z]+\{\}|[&%$#_{}])", "", text)
    assert not set(plain) & set('\\&%$#_{}~^<>|"')
    assert latex_escape("±≥×−↑↓∞δ—") == (r"$\pm$$\geq$$\times$$-$$\uparrow$$\downarrow$$\infty$$\delta$---")


def test_latex_table():
    text = latex(TABLE)
    assert r"\usepackage{booktabs}" in text
    assert r"\caption{FD $\downarrow$ on toy\_set}" in text
    assert r"\label{tab:best-toy-set}" in text
    assert r"\begin{tabular}{lrr}" in text
    assert r"\textbf{1.0 $\pm$ 0.1*}" in text
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [line == r"\midrule" for line in body] == [False, True, False, False, True, False]
    # Every row has its two separators, escaped ones aside.
    assert all(len(re.findall(r"(?<!\\)&", line)) == 2 for line in body if line != r"\midrule")
    unescaped = re.sub(r"\\[{}]", "", text)
    assert unescaped.count("{") == unescaped.count("}")
    assert text.count(r"\begin") == text.count(r"\end")


def test_markdown_table():
    lines = markdown(TABLE).splitlines()
    assert lines[0] == "**FD ↓ on toy_set**"
    rows = [line for line in lines if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in rows)
    assert len({len(line) for line in rows}) == 1
    assert re.fullmatch(r"\| :-+ \| -+: \| -+: \|", rows[1])
    assert r"**1.0 ± 0.1\***" in rows[2]
    assert r"\<y> \| " in rows[2]
    assert lines[-1] == r"- \* some, \*\* ≥ 20 %."


def test_csv_keeps_the_numbers():
    found = pd.read_csv(StringIO(csv(TABLE)))
    assert found["score"].tolist() == [0.3333333333, np.inf]
    assert np.isnan(found["none"][0])
    assert found["partial"].tolist() == [False, False]


def test_partial_is_stamped_everywhere():
    partial = replace(TABLE, partial=True)
    assert "(partial)" in markdown(partial).splitlines()[0]
    assert "(partial)" in latex(partial)
    assert "True" in csv(partial)


@pytest.mark.parametrize("render", [csv, markdown, latex])
def test_line_breaks_in_names_cannot_break_a_table(render):
    broken = replace(TABLE, rows=(("a\nb", "1", "2"), *TABLE.rows[1:]), frame=TABLE.frame.assign(variant="x"))
    assert "a\nb" not in render(broken)


def test_a_row_of_one_cell_spans_the_table():
    table = replace(
        TABLE, rows=(("over all_of them",), *TABLE.rows), rules=frozenset({0, 2}), rule=None, bold=frozenset()
    )
    text = latex(table)
    assert (
        r"\multicolumn{3}{l}{\makebox[0pt][l]{\parbox[t]{\linewidth}{\raggedright over all\_of them}}} \\"
        in text
    )
    rows = [line for line in markdown(table).splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
    assert text.count(r"\midrule") == 2  # below the heading, and before row 2: row 0 has one already


def test_a_long_table_is_continued_before_a_heading():
    rows = tuple(row for block in range(4) for row in ((f"block {block}",), *(("a", "b", "c"),) * 20))
    table = replace(TABLE, rows=rows, rules=frozenset({21, 42, 63}), rule=None, bold=frozenset())
    text = latex(table)
    parts = text.split(r"\begin{table}")[1:]
    assert [part.count("block") for part in parts] == [2, 2]
    assert [part.count("a & b & c") for part in parts] == [40, 40]
    assert text.count(r"\label{") == 1
    assert ", continued}" in parts[1]
    assert "Continued on the next page." in parts[0]
    assert "Protocol" in parts[1]


def test_formulas_become_mathematics():
    text = "E softplus(−l(x)) + ½ E(y(x\u0303) − real_label)²"
    assert latex_formula(text) == (
        r"$E\,\mathrm{softplus}(-l(x))\,+\,\frac12\,E(y(\tilde{x})\,-\,\mathrm{real}_{\mathrm{label}})^2$"
    )
    assert latex_formula("√(‖∇D(x)‖)") == r"$\surd (\|\nabla D(x)\|)$"
    assert latex_formula("weights clipped to [−c, c]") == "weights clipped to [$-$c, c]"
    assert latex_formula("—") == "---"


def test_letters_that_no_font_has_become_code_points():
    assert latex_escape("é 日 ∝") == r"é [U+65E5] $\propto$"


def test_a_heading_may_have_lines():
    table = replace(TABLE, header=("model", "n", "FD\nall"))
    assert r"\shortstack[r]{FD \\ all}" in latex(table)
    assert "FD all" in markdown(table)
