"""A paper's two documents: paper.tex, which compiles as it is, and paper.md, which a code host shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ganbench.report.paper.drawing import WIDTH
from ganbench.report.paper.exhibit import Drawing, Exhibit
from ganbench.report.paper.plan import Paper
from ganbench.report.render import Table, latex_escape, markdown

# Tables wider than the page are scaled to it; what a table file holds stays plain tabular for other papers.
PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage[margin=20mm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{caption}
\captionsetup{font=small,labelfont=bf,justification=raggedright,singlelinecheck=false}
\newsavebox{\tablebox}
\let\plaintabular\tabular
\let\endplaintabular\endtabular
\renewenvironment{tabular}[2][c]%
  {\begin{lrbox}{\tablebox}\setlength{\tabcolsep}{4pt}\plaintabular[#1]{#2}}%
  {\endplaintabular\end{lrbox}%
   \ifdim\wd\tablebox>\linewidth\resizebox{\linewidth}{!}{\usebox{\tablebox}}\else\usebox{\tablebox}\fi}
\renewcommand{\topfraction}{0.95}
\renewcommand{\bottomfraction}{0.95}
\renewcommand{\textfraction}{0.05}
\renewcommand{\floatpagefraction}{0.7}
\setcounter{topnumber}{4}
\setcounter{totalnumber}{6}
\extrafloats{200}
\sloppy
"""


@dataclass
class Page:
    """A section as it was made."""

    title: str
    text: str
    exhibits: list[Exhibit] = field(default_factory=list)

    def add(self, exhibit: Exhibit) -> None:
        """Append an exhibit."""
        self.exhibits.append(exhibit)

    @property
    def tables(self) -> list[Table]:
        """Return the section's tables."""
        return [table for exhibit in self.exhibits for table in exhibit.tables]

    @property
    def figures(self) -> list[Drawing]:
        """Return the section's figures."""
        return [drawing for exhibit in self.exhibits for drawing in exhibit.figures]

    @property
    def stamps(self) -> list[str]:
        """Return what is missing, each once."""
        return list(dict.fromkeys(stamp for exhibit in self.exhibits for stamp in exhibit.stamps))


def as_tex(paper: Paper, pages: Sequence[Page]) -> str:
    """Return a LaTeX document that shows every table and figure."""
    lines = [
        PREAMBLE,
        rf"\title{{{latex_escape(paper.title)}}}",
        r"\author{}",
        r"\date{}",
        r"\begin{document}",
    ]
    lines += [r"\maketitle", latex_escape(paper.text), ""]
    missing = _missing(pages)
    if missing:
        items = [rf"\item {latex_escape(stamp)}" for stamp in missing]
        lines += ["", r"\paragraph{Still missing.}", r"\begin{itemize}", *items, r"\end{itemize}"]
    for page in pages:
        lines += [
            "",
            rf"\section{{{latex_escape(page.title)}}}",
            r"\suppressfloats[t]",
            latex_escape(page.text),
        ]
        for exhibit in page.exhibits:
            lines += [line for drawing in exhibit.figures for line in _figure(drawing)]
            lines += [rf"\input{{tables/{table.name}}}" for table in exhibit.tables]
        lines += [r"\clearpage"]
    return "\n".join([*lines, r"\end{document}", ""])


def _figure(drawing: Drawing) -> list[str]:
    share = min(drawing.figure.get_figwidth() / WIDTH, 1.0)
    size = rf"width={share:.3g}\linewidth,height=0.82\textheight,keepaspectratio"
    return [
        r"\begin{figure}[htbp]",
        r"\centering",
        rf"\includegraphics[{size}]{{figures/{drawing.name}.pdf}}",
        rf"\caption{{{latex_escape(drawing.caption)}}}",
        rf"\label{{fig:{drawing.name.replace('_', '-')}}}",
        r"\end{figure}",
    ]


def as_markdown(paper: Paper, pages: Sequence[Page]) -> str:
    """Return the same document in Markdown, its figures linked as PNG."""
    lines = [f"# {paper.title}", "", paper.text, ""]
    missing = _missing(pages)
    lines += [*(["Still missing:", ""] if missing else []), *(f"- {stamp}" for stamp in missing), ""]
    for page in pages:
        lines += [f"## {page.title}", "", page.text, ""]
        for exhibit in page.exhibits:
            for drawing in exhibit.figures:
                lines += [f"![{_alt(drawing)}](figures/{drawing.name}.png)", "", drawing.caption, ""]
            for table in exhibit.tables:
                lines += [
                    markdown(table),
                    f"[CSV](tables/{table.name}.csv) · [LaTeX](tables/{table.name}.tex)",
                    "",
                ]
    return "\n".join(lines)


def _alt(drawing: Drawing) -> str:
    return drawing.name.replace("_", " ")


def _missing(pages: Sequence[Page]) -> list[str]:
    return list(dict.fromkeys(stamp for page in pages for stamp in page.stamps))
