"""What is printed of a report: its tables, found among a million numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic import Run, results

from ganbench.analysis.summary import summarise
from ganbench.report.numbers import report_json
from ganbench.report.render import Table
from ganbench.report.tables import tables
from ganbench.terminal import Console, _tables


@pytest.fixture(scope="module")
def report() -> str:
    made = results({'"tables": ': [Run(0, [1.0])]})
    summary = summarise(made, allow_partial=False)
    shown: list[Table] = list(tables(summary))
    return report_json(summary, shown, ["budget_toy"])


def test_tables_are_those_of_the_whole_file(report: str) -> None:
    found = _tables(report)
    assert found == json.loads(report)["tables"]
    assert "best_toy" in found


def test_a_file_of_another_layout_is_read_whole(report: str) -> None:
    assert _tables(json.dumps(json.loads(report))) == json.loads(report)["tables"]


def test_the_best_scores_are_printed(report: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text(report)
    Console().table(tmp_path)
    assert "FD (toy) ↓ on toy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cell", "said"),
    [("0.5†", ["† is another setting"]), ("0.5*", ["* some left out"]), ("0.5", [])],
)
def test_marks_are_explained_where_they_stand(
    cell: str, said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = ["n is planned", "† is another setting", "* some left out"]
    table = {"title": "Toy", "header": ["model"], "rows": [[cell]], "notes": notes}
    (tmp_path / "report.json").write_text(json.dumps({"tables": {"best_toy": table}}))
    Console().table(tmp_path)
    assert [line for line in capsys.readouterr().out.splitlines() if line in notes] == said
