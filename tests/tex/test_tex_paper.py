"""paper.tex built by a real TeX, with sweeps that are complete, partial and missing, and with names that bite."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ganbench.report.paper.build import write_paper
from ganbench.report.paper.plan import load_paper
from papers import ring, shelf, toy, unfinished

pytestmark = pytest.mark.tex

NASTY = ("n%s_{g}$&#~^\\<|`*é", "b$x$")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's paper as a PDF, with what TeX said."""
    folder = tmp_path_factory.mktemp("paper")
    sweeps = {
        "ring": ring(),
        "polygons": unfinished(ring(datasets=("polygons",)), 70),
        "fashion_mnist": toy(NASTY),
    }
    root = Path(__file__).resolve().parents[2]
    write_paper(load_paper("lucic2018"), shelf(sweeps, root / "results" / "probes"), folder)
    return typeset(folder)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed paper as a PDF."""
    folder = tmp_path_factory.mktemp("committed") / "paper"
    shutil.copytree(Path(__file__).resolve().parents[2] / "results" / "paper" / "lucic2018", folder)
    return typeset(folder)


def typeset(folder: Path) -> Path:
    for _ in range(2):
        tex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
        done = subprocess.run(tex, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    return folder


def text_of(built: Path) -> str:
    shown = subprocess.run(
        ["pdftotext", "-layout", "paper.pdf", "-"], cwd=built, capture_output=True, check=True
    )
    return " ".join(shown.stdout.decode().split())


@pytest.mark.parametrize("paper", ["built", "committed"])
def test_every_table_and_figure_is_on_a_page(paper: str, request: pytest.FixtureRequest):
    built: Path = request.getfixturevalue(paper)
    log = (built / "paper.log").read_text(errors="replace")
    assert "Float too large" not in log
    assert "undefined" not in log
    assert "Missing character" not in log
    text = text_of(built)
    tables = {path.stem for path in (built / "tables").glob("*.tex")}
    figures = {path.stem for path in (built / "figures").glob("*.pdf")}
    assert len(re.findall(r"Figure \d+:", text)) == len(figures)
    assert len(re.findall(r"Table \d+:", text)) >= len(tables)
    for path in (built / "tables").glob("*.tex"):
        assert f"tables/{path.stem}.tex" in log.replace("\n", "")


def test_what_is_missing_is_said_on_the_pages(built: Path):
    text = text_of(built)
    assert "not run: `ganbench sweep ring_narrow`" in text
    assert "partial: 70 of 90 trials" in text
    assert "Not comparable with ours" in text
    assert "[memory]" in text


def test_names_are_set_as_they_are(built: Path):
    assert "n%s_{g}$&#~^\\<|`*é" in text_of(built)
