"""The verb `paper`, and what `list` says of papers and published numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import ganbench, refused

from ganbench.files import replace_text

PAPER = """
title: A paper
sections:
  - title: Numbers
    exhibits:
      - {kind: published, tables: [lucic2018/fid_bias]}
      - {kind: crossings, sweeps: [fashion_small, ring_narrow]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config folder with a paper of two tables."""
    replace_text(tmp_path / "conf" / "papers" / "mine.yaml", PAPER)
    return tmp_path / "conf"


@pytest.fixture
def results(root: Path, tmp_path: Path) -> Path:
    """A copy of the committed sweep as a clone has it."""
    skipped = shutil.ignore_patterns("packs", "slots", "report", "*.safetensors")
    shutil.copytree(
        root / "results" / "fashion_small", tmp_path / "results" / "fashion_small", ignore=skipped
    )
    return tmp_path / "results"


def test_a_paper_is_written_beside_the_sweeps(config: Path, results: Path) -> None:
    ran = ganbench("paper", "mine", "--config-dir", config, "--results", results, "--json")
    assert (ran.code, ran.err) == (0, "")
    folder = results / "paper" / "mine"
    assert ran.json() == {
        "folder": str(folder),
        "tables": ["published", "crossings"],
        "figures": [],
        "missing": ["ring_narrow not run: `ganbench sweep ring_narrow`"],
    }
    text = (folder / "tables" / "crossings.md").read_text()
    assert "dragan" in text
    assert "[memory]" in (folder / "tables" / "published.tex").read_text()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shown = ganbench("paper", "mine", "--config-dir", config, "--results", results)
    assert "missing: ring_narrow not run" in shown.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_it_may_be_written_elsewhere(config: Path, results: Path, tmp_path: Path) -> None:
    assert (
        ganbench("paper", "mine", "--config-dir", config, "--results", results, "--to", tmp_path / "x").code
        == 0
    )
    assert (tmp_path / "x" / "paper.tex").is_file()
    assert not (results / "paper").exists()


def test_a_corrupt_table_of_scores_is_one_clear_line_and_nothing_is_written(
    config: Path, results: Path
) -> None:
    (results / "fashion_small" / "scores.parquet").write_bytes(b"PAR1 no more")
    message = refused(ganbench("paper", "mine", "--config-dir", config, "--results", results))
    assert "scores.parquet" in message
    assert "restore it" in message
    assert not (results / "paper").exists()


def test_a_wrong_folder_or_name_is_one_clear_line(config: Path, tmp_path: Path) -> None:
    assert "there is no folder" in refused(ganbench("paper", "--results", tmp_path / "none"))
    message = refused(ganbench("paper", "min", "--config-dir", config))
    assert "did you mean `mine`?" in message


def test_papers_and_published_numbers_are_listed() -> None:
    assert ganbench("list", "papers", "--json").json() == ["lucic2018", "precision"]
    assert "lucic2018/best_fid" in ganbench("list", "references").out.split()
    assert "papers, references" in refused(ganbench("list", "nonsense"))
