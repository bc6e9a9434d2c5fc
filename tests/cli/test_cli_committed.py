"""What is committed under results/ is what the code makes of the committed scores."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ganbench

WRITTEN = (
    ".md",
    ".tex",
    ".txt",
)  # rounded; the last digits of CSV and the pixels of figures may be a machine's
TOLD = "import sys; from ganbench import cli\ntry: cli.main()\nfinally: print('torch' in sys.modules)"
SECONDS = 120  # of processor time, so that a busy machine changes nothing


def texts(folder: Path) -> dict[str, str]:
    """Return the documents, tables and list of files of a report or paper."""
    paths = [path for path in folder.rglob("*") if path.suffix in WRITTEN]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize("name", ["lucic2018", "precision"])
def test_a_committed_paper_is_made_again_in_two_minutes_without_torch(
    root: Path, tmp_path: Path, name: str
) -> None:
    arguments = ["paper", name, "--results", str(root / "results"), "--to", str(tmp_path / name)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, "-c", TOLD, *arguments], capture_output=True, text=True, check=True
    )
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < SECONDS
    assert done.stdout.splitlines()[-1] == "False"
    committed = root / "results" / "paper" / name
    assert texts(tmp_path / name) == texts(committed)
    assert {path.name for path in (tmp_path / name / "figures").glob("*")} == {
        path.name for path in (committed / "figures").glob("*")
    }


@pytest.mark.parametrize("sweep", ["fashion_small", "polygons"])
def test_a_committed_report_is_made_again(root: Path, tmp_path: Path, sweep: str) -> None:
    shutil.copytree(
        root / "results" / sweep, tmp_path / sweep, ignore=shutil.ignore_patterns("packs", "slots")
    )
    shutil.rmtree(tmp_path / sweep / "report")
    assert ganbench("report", sweep, "--results", tmp_path).code == 0
    assert texts(tmp_path / sweep / "report") == texts(root / "results" / sweep / "report")
