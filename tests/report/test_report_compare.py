"""Sweeps side by side: the numbers of each, refused where they do not compare."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from commands import contents, ganbench, refused
from synthetic import RERUN, Run, results, sweep

from ganbench.analysis.results import ReportError, Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.report.compare import compare, write_comparison


def summaries(*made: Results) -> list[Summary]:
    return [summarise(one, allow_partial=True) for one in made]


def named(name: str, made: Results) -> Results:
    return replace(made, name=name)


SMALL = {"a": [Run(0, [4.0]), Run(1, [2.0]), Run(2, [3.0])], "b": [Run(0, [1.0])]}


def test_rows_of_a_model_stand_together_with_each_sweep_s_own_numbers():
    other = {"b": [Run(0, [8.0])], "c": [Run(0, [5.0])]}
    table, *_ = compare(summaries(named("one", results(SMALL)), named("two", results(other))))
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert [(r["model"], r["sweep"], r["n search"], r["best setting"]) for r in rows] == [
        ("a", "one", "3/3/0/0", "2.00"),
        ("b", "one", "1/1/0/0", "1.00"),
        ("b", "two", "1/1/0/0", "8.00"),
        ("c", "two", "1/1/0/0", "5.00"),
    ]
    assert not table.bold  # side by side is no test
    assert table.frame.set_index(["variant", "sweep"])["best"].to_dict()["b", "two"] == 8.0


def test_a_rerun_of_another_setting_than_the_best_is_marked():
    again = [Run(1, [3.0], "rerun", 7)]
    made = [results({"a": [Run(0, [best]), Run(1, [2.0]), *again]}, rerun=RERUN) for best in (1.0, 9.0)]
    for one in made:  # chosen by something else than what is shown
        one.definition["protocols"]["toy"]["select"] = "energy_toy"
        one.definition["protocols"]["toy"]["metrics"]["m"]["directions"]["energy"] = "min"
    energy = [one.scores.assign(metric="energy_toy", value=-one.scores["value"]) for one in made]
    ours = [replace(m, scores=pd.concat([m.scores, e])) for m, e in zip(made, energy, strict=True)]
    table, *_ = compare(summaries(named("one", ours[0]), named("two", ours[1])))
    column = table.header.index("over seeds")
    assert [row[column] for row in table.rows] == ["3.00†", "3.00"]
    assert any("the setting with the best energy (toy)" in note for note in table.notes)


def test_budgets_are_each_sweep_s_median_curve():
    shorter, longer = sweep(settings=9), sweep(settings=25)
    found = summaries(named("one", shorter), named("two", longer))
    table = compare(found)[1]
    rows = {row[:3]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    ours = rows["F1 (toy) ↑", "vae", "two"]
    curve = found[1].curves.query("variant == 'vae' and metric == 'f1_toy'").set_index("k")["median"]
    assert float(ours["k = 10"]) == pytest.approx(curve[10], abs=5e-4)
    assert rows["F1 (toy) ↑", "vae", "one"]["k = 10"] == "—"  # beyond n/2 of its eight draws


def test_a_sweep_without_reruns_beside_one_with():
    made = sweep(rerun=None)
    searched = replace(made, trials=made.trials[made.trials["stage"] == "search"])
    table, *_ = compare(summaries(named("one", sweep()), named("two", searched)))
    rows = {row[:2]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    assert rows["vae", "one"]["n seeds"] == "3/3/0/0"
    assert rows["vae", "two"]["n seeds"] == rows["vae", "two"]["over seeds"] == "—"


def test_what_differs_between_the_definitions_is_said():
    search = {"space": "narrow", "sampler": "hashed", "trials": 4}
    table, *_ = compare(summaries(named("one", results(SMALL)), named("two", results(SMALL, search=search))))
    (said,) = [note for note in table.notes if note.startswith("From one to two")]
    assert "search.space: wide → narrow" in said
    same, *_ = compare(summaries(named("one", results(SMALL)), named("two", results(SMALL))))
    assert not [note for note in same.notes if note.startswith("From")]


def test_other_protocols_are_refused_by_name():
    made = results(SMALL)
    other = replace(made, name="two", scores=made.scores.assign(protocol="proto-2"))
    with pytest.raises(ReportError, match=r"'one' \(proto-1\) and 'two' \(proto-2\)"):
        compare(summaries(named("one", made), other))


def test_sweeps_on_other_data_are_refused_by_name():
    made = results(SMALL)
    definition = {
        **made.definition,
        "axes": {**made.definition["axes"], "dataset": ["ring"]},
        "protocols": {"ring": made.definition["protocols"]["toy"]},
    }
    other = replace(made, name="two", definition=definition, trials=made.trials.assign(dataset="ring"))
    with pytest.raises(ReportError, match="'one' and 'two' have no dataset in common"):
        compare(summaries(named("one", made), other))


def test_a_partial_sweep_stamps_the_comparison():
    made = sweep()
    lost = replace(
        made,
        name="two",
        trials=made.trials.assign(state=made.trials["state"].mask(made.trials.index == 0, "lost")),
    )
    table, *_ = compare(summaries(named("one", made), lost))
    assert table.title.endswith("(partial)")
    assert any(note.startswith("Partial: two: 1 lost") for note in table.notes)


def test_files_are_the_same_each_time_and_escaped(tmp_path: Path):
    found = summaries(named("<one>", results(SMALL)), named("two & b", results(SMALL)))
    write_comparison(found, tmp_path / "a")
    write_comparison(found, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    html = (tmp_path / "a" / "index.html").read_text()
    assert "<h1>&lt;one&gt; and two &amp; b</h1>" in html
    assert len(list((tmp_path / "a" / "tables").iterdir())) == 6


@pytest.fixture
def stored(tmp_path: Path, root: Path) -> Path:
    """Two sweeps, the second scored under another protocol, in a results folder."""
    results = tmp_path / "results"
    for name in ("fashion_small", "other"):
        folder = results / name
        folder.mkdir(parents=True)
        for file in ("sweep.yaml", "trials.jsonl", "scores.parquet", "baselines.jsonl"):
            shutil.copy(root / "results" / "fashion_small" / file, folder / file)
    return results


def test_the_command_prints_and_writes(stored: Path):
    ran = ganbench("report", "fashion_small", "other", "--results", stored)
    assert ran.code == 0
    out = stored / "compare" / "fashion_small+other"
    assert ran.err == f"comparison: {out}\n"
    frame = pd.read_csv(out / "tables" / "compare_best_fashion_mnist.csv")
    assert len(frame) == 16
    assert set(frame.groupby("variant")["best"].nunique()) == {1}
    assert "mm_gan   other" in ran.out


def test_the_command_refuses_in_one_line_and_writes_nothing(stored: Path):
    folder, old, new = stored / "other", "gray28_cheap-69451c70", "gray28_cheap-0"
    (folder / "sweep.yaml").write_text((folder / "sweep.yaml").read_text().replace(old, new))
    pd.read_parquet(folder / "scores.parquet").assign(protocol=new).to_parquet(folder / "scores.parquet")
    before = contents(stored)
    said = refused(ganbench("report", "fashion_small", "other", "--results", stored))
    assert "'fashion_small' (gray28_cheap-69451c70) and 'other' (gray28_cheap-0)" in said
    assert "named twice" in refused(ganbench("report", "other", "other", "--results", stored))
    assert "'b' is named twice" in refused(ganbench("report", "a", "b", "b", "--results", stored))
    assert "no sweep 'third'" in refused(ganbench("report", "other", "third", "--results", stored))
    misplaced = ganbench("report", "other", "--out", stored / "x", "--results", stored)
    assert "--out is for comparisons" in refused(misplaced)
    assert contents(stored) == before
