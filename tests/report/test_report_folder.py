"""A report leaves nothing of the one before it, and takes nothing that is not its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from commands import contents
from synthetic import sweep

from ganbench.analysis.summary import summarise
from ganbench.report.build import build
from ganbench.report.compare import write_comparison
from ganbench.report.folder import WRITTEN, settle


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder of a table and a figure that a run has listed, with files that none has beside them."""
    for name in ("tables", "figures", "other"):
        (tmp_path / name).mkdir()
    paths = [f"tables/old.{kind}" for kind in ("csv", "md", "tex")]
    paths += [f"figures/old.{kind}" for kind in ("png", "pdf")]
    for path in (*paths, "tables/mine.csv", "figures/mine.png", "other/mine.csv", "mine.csv"):
        (tmp_path / path).write_text("x")
    settle(tmp_path, ["old"], ["old"])
    return tmp_path


def files(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


MINE = ["figures/mine.png", "mine.csv", "other/mine.csv", "tables/mine.csv"]


def test_what_a_run_no_longer_writes_is_removed_and_nothing_else(out: Path):
    assert "tables/old.csv" in files(out)
    settle(out, ["new"], [])
    assert files(out) == sorted([*MINE, WRITTEN])
    assert (out / WRITTEN).read_text() == "tables/new.csv\ntables/new.md\ntables/new.tex\n"


@pytest.mark.parametrize(
    "line", ["../{}/mine.csv", "other/mine.csv", "mine.csv", "tables/../mine.csv", "/etc/x"]
)
def test_only_files_of_the_two_folders_can_be_removed(out: Path, line: str):
    (out / WRITTEN).write_text(line.format(out.name) + "\n")
    settle(out, [], [])
    assert {*MINE} <= {*files(out)}


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_without_a_readable_list_nothing_is_removed(out: Path, content: bytes | None):
    (out / WRITTEN).unlink()
    if content is not None:
        (out / WRITTEN).write_bytes(content)
    before = {*files(out)}
    settle(out, [], [])
    assert before <= {*files(out)}


def test_a_report_made_again_has_the_files_of_the_new_one_alone(tmp_path: Path):
    made = sweep()
    searched = replace(made, trials=made.trials[made.trials["stage"] == "search"])
    searched = replace(searched, definition={**made.definition, "rerun": None})
    build(made, tmp_path / "again", allow_partial=False)
    build(searched, tmp_path / "again", allow_partial=False)
    build(searched, tmp_path / "fresh", allow_partial=False)
    assert contents(tmp_path / "again") == contents(tmp_path / "fresh")
    listed = (tmp_path / "fresh" / WRITTEN).read_text().split()
    assert listed == [path for path in files(tmp_path / "fresh") if "/" in path]


def test_a_comparison_made_again_too(tmp_path: Path):
    one, two, learning = (replace(sweep(), name=name) for name in ("one", "two", "two"))
    for part in ("trials", "scores"):  # runs of their own
        getattr(two, part)["trial_id"] = "two" + getattr(two, part)["trial_id"]
    learning.definition["adaptive"] = True
    found = [summarise(made, allow_partial=False) for made in (one, two, learning)]
    write_comparison(found[:2], tmp_path)
    assert (tmp_path / "tables" / "compare_pairs_toy.csv").exists()
    write_comparison([found[0], found[2]], tmp_path)
    listed = (tmp_path / WRITTEN).read_text().split()
    assert listed == [path for path in files(tmp_path) if "/" in path]
