"""The whole report: complete, readable, and the same bytes each time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic import Run, results, sweep
from threadpoolctl import threadpool_info, threadpool_limits

from ganbench.analysis.results import ReportError
from ganbench.analysis.summary import summarise
from ganbench.errors import StoreError
from ganbench.report.build import build
from ganbench.report.numbers import records

FIGURES = ["budget_toy", "study_toy", "bands_toy_f1_toy", "bands_toy_energy_toy", "settings_toy", "seeds_toy"]


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes the time."""
    monkeypatch.setattr("ganbench.report.build.figures", lambda summary: iter(()))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(sweep(), tmp_path_factory.mktemp("first"), allow_partial=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_there_and_nothing_else(report: Path):
    names = {
        f"tables/{name}_toy.{kind}"
        for name in ("best", "metrics", "seeds", "budget", "pairs", "crossings", "ranks", "gaps")
        for kind in ("csv", "md", "tex")
    }
    names |= {f"figures/{name}.{kind}" for name in (*FIGURES, "samples_toy") for kind in ("pdf", "png")}
    assert set(contents(report)) == names | {"report.json", "index.html", "written.txt"}


def test_regeneration_is_byte_identical_whatever_the_order_of_rows(report: Path, tmp_path: Path):
    made = sweep()
    shuffled = replace(made, scores=made.scores.sample(frac=1.0, random_state=0))
    assert contents(build(shuffled, tmp_path, allow_partial=False)) == contents(report)


@pytest.mark.usefixtures("no_figures")
def test_other_scores_give_other_bytes(report: Path, tmp_path: Path):
    made = sweep()
    other = build(
        replace(made, scores=made.scores.assign(value=made.scores["value"] * 0.9)),
        tmp_path,
        allow_partial=False,
    )
    old, new = contents(report), contents(other)
    assert len(new) == 27
    ordered = {name for name in new if name.startswith(("tables/pairs", "tables/crossings", "tables/ranks"))}
    assert all(old[name] != new[name] for name in new.keys() - ordered - {"tables/ranks_toy.csv"})
    # who beats whom does not depend on the scale; the ranks' CSV has the medians too
    assert all(old[name] == new[name] for name in ordered - {"tables/ranks_toy.csv"})


@pytest.mark.usefixtures("no_figures")
def test_one_thread_adds_up_whatever_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[list[int]] = []

    def spied(*given: Any, **more: Any) -> Any:
        seen.append(blas_threads())
        return summarise(*given, **more)

    monkeypatch.setattr("ganbench.report.build.summarise", spied)
    with threadpool_limits(2, user_api="blas"):
        build(sweep(), tmp_path, allow_partial=False)
        assert set(blas_threads()) == {2}
    assert set(seen[0]) == {1}


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_pictures_can_be_opened_and_are_not_blank(report: Path):
    for path in sorted((report / "figures").glob("*.png")):
        pixels = np.asarray(Image.open(path).convert("L"))
        assert min(pixels.shape) > 200, path.name
        assert 0.005 < (pixels < 200).mean() < 0.5, path.name


def test_pdfs_are_whole_and_undated(report: Path):
    for path in (report / "figures").glob("*.pdf"):
        content = path.read_bytes()
        assert content.startswith(b"%PDF")
        assert content.rstrip().endswith(b"%%EOF")
        assert b"CreationDate" not in content


def test_records_are_what_json_makes_of_each_row():
    frame = pd.DataFrame(
        {
            "number": [0.1 + 0.2, -0.0, np.nan, -np.inf, 1e-7 / 3],
            "whole": [1, 2, 3, 2, 1],
            "flag": [True, False, True, False, True],
            "text %s": ["a", None, 'ö"', "a", np.nan],
            "mixed": [1, "1", True, 1.0, None],
        }
    )
    found = [json.loads(line) for line in records(frame)]
    assert [row["number"] for row in found] == [0.3, 0.0, None, "-inf", 3.33333333333e-8]
    assert str(found[1]["number"]) == "-0.0"
    assert [row["whole"] for row in found] == [1, 2, 3, 2, 1]
    assert [row["flag"] for row in found] == [True, False, True, False, True]
    assert [row["text %s"] for row in found] == ["a", None, 'ö"', "a", None]
    assert [repr(row["mixed"]) for row in found] == ["1", "'1'", "True", "1.0", "None"]
    assert records(frame.iloc[:0]) == []
    assert records(frame)[0].startswith('{"number": 0.3, "whole": 1, "flag": true, "text %s": "a"')


def test_report_json_has_the_numbers_of_tables_and_curves(report: Path):
    found = json.loads((report / "report.json").read_text(), parse_constant=pytest.fail)
    assert found["partial"] is False
    assert found["figures"] == [*FIGURES, "samples_toy"]
    for name, table in found["tables"].items():
        csv = pd.read_csv(report / "tables" / f"{name}.csv")
        numbers = pd.DataFrame(table["numbers"])
        for column in csv.columns.drop(["partial", "stars"], errors="ignore"):
            if pd.api.types.is_numeric_dtype(csv[column]):
                np.testing.assert_allclose(
                    numbers[column].astype(float), csv[column], rtol=1e-9, err_msg=column
                )
        markdown = (report / "tables" / f"{name}.md").read_text()
        assert all(cell.strip("*") in markdown for row in table["rows"] for cell in row)
    curves = pd.DataFrame(found["curves"])
    assert set(curves["metric"]) == {"f1_toy", "energy_toy"}
    assert {"median", "lower", "upper", "band", "line", "u_mean", "v_mean", "study_mean", "study_sd"} <= set(
        curves
    )
    assert len(found["runs"]) == 2 * 2 * (9 + 3)
    assert {row["baseline"] for row in found["baselines"]} == {"real", "untrained", "blank"}


def test_progress_is_told(tmp_path: Path):
    said: list[str] = []
    made = results({"a": [Run(0, [1.0])]})
    build(made, tmp_path, allow_partial=False, progress=said.append)
    assert said[:2] == ["analysis", "table best_toy"]
    assert said[-2:] == ["page", "figures"]


@pytest.mark.usefixtures("no_figures")
def test_an_incomplete_sweep_writes_nothing_unless_allowed(tmp_path: Path):
    made = sweep()
    made = replace(
        made, trials=made.trials.assign(state=made.trials["state"].mask(made.trials.index == 0, "lost"))
    )
    with pytest.raises(ReportError, match=r"1 lost of 24 trials.*--allow-partial"):
        build(made, tmp_path / "no", allow_partial=False)
    assert not (tmp_path / "no").exists()
    out = build(made, tmp_path / "yes", allow_partial=True)
    assert json.loads((out / "report.json").read_text())["partial"] is True
    assert "(partial)" in (out / "tables" / "best_toy.md").read_text()


@pytest.mark.usefixtures("no_figures")
def test_names_with_special_characters(tmp_path: Path):
    names = ["n%s_{g}$&#~^\\<|`*é", "b$x$"]
    out = build(sweep(names), tmp_path, allow_partial=False)
    assert r"n\%s\_\{g\}\$\&\#" in (out / "tables" / "best_toy.tex").read_text()
    assert pd.read_csv(out / "tables" / "best_toy.csv")["variant"].tolist() == names


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as error:
        build(sweep(), tmp_path / "file", allow_partial=False)
    assert "\n" not in str(error.value)
