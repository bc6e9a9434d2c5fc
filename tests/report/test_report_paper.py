"""A paper: complete, stamped where something is missing, the same bytes each time, and without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boards import board
from synthetic import RERUN, Run, results

from ganbench.analysis.results import ReportError, Results
from ganbench.errors import ConfigError
from ganbench.report.paper.build import write_paper
from ganbench.report.paper.exhibit import Exhibit
from ganbench.report.paper.plan import kind_names, load_paper, parse_paper
from ganbench.report.paper.shelf import Shelf, expected
from ganbench.report.style import styled, to_bytes
from papers import MODELS, ROOT, csv, finding, paper, ring, shelf, toy, unfinished


def made(kind: str, store: Shelf, **settings: object) -> Exhibit:
    """Make one exhibit."""
    ((entry,),) = paper({"kind": kind, "name": "x", **settings}).entries
    with styled():
        return entry.module.make(entry.name, entry.settings, store)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make figures, but leave out turning them into files, which takes the time."""
    monkeypatch.setattr("ganbench.report.paper.build.to_bytes", lambda figure: {"pdf": b"", "png": b""})


EVERYTHING = {
    "budget": {"sweeps": ["ring"]},
    "boxes": {
        "panels": [{"title": "wide", "sweep": "ring"}, {"title": "seeds", "sweep": "ring", "stage": "rerun"}]
    },
    "joint": {"sweeps": ["ring"], "by": "recall"},
    "best": {"sweeps": ["ring"], "published": "lucic2018/best_fid", "datasets": ["mnist"]},
    "defaults": {"sweeps": ["ring"], "published": "lucic2018/defaults"},
    "reruns": {"sweeps": ["ring"]},
    "pairs": {"sweeps": ["ring"]},
    "crossings": {"sweeps": ["ring"]},
    "ranks": {"sweeps": ["ring"]},
    "sensitivity": {"sweeps": ["ring"]},
    "components": {"sweeps": ["ring"]},
    "gaps": {"sweeps": ["ring"]},
    "failures": {"sweeps": ["ring"]},
    "compute": {"sweeps": ["ring"], "axis": "seconds"},
    "anytime": {"sweeps": ["ring"]},
    "searches": {"sweeps": ["ring"]},
    "agreement": {"sweeps": ["ring"], "bare": ["f1", "energy"]},
    "samples": {"sweeps": ["ring"]},
    "corners": {"sweeps": ["ring"]},
    "traits": {"sweeps": ["ring"], "metrics": ["f1_ring", "recall_ring"]},
    "winners": {"sweeps": ["ring"], "by": ["f1_ring", "energy_ring"], "metrics": ["f1_ring", "energy_ring"]},
}
STORED = {"bias": "fid-bias", "mode_drop": "mode-drop", "memorization": "memorization"}
WITHOUT_SWEEPS = {"losses", "published", *STORED}
OF_RUNS = {"agreement", "corners"}  # tables that need not name every model
TESTED_APART = {"equivalence"}  # needs a further axis


def test_every_kind_is_tested_here():
    assert set(EVERYTHING) | WITHOUT_SWEEPS | TESTED_APART == set(kind_names())


@pytest.mark.parametrize("kind", EVERYTHING)
def test_a_kind_shows_every_model_of_a_complete_sweep_without_a_stamp(kind: str):
    exhibit = made(kind, shelf({"ring": ring()}), **EVERYTHING[kind])
    assert exhibit.stamps == ()
    for table in exhibit.tables:
        cells = " ".join(cell for row in table.rows for cell in row)
        assert kind in OF_RUNS or all(model in cells for model in MODELS)
        assert not table.partial
        assert len(table.frame)
        assert all(len(row) in (1, len(table.header)) for row in table.rows)


@pytest.mark.parametrize("kind", EVERYTHING)
def test_a_kind_is_stamped_where_its_sweep_was_not_run(kind: str):
    exhibit = made(kind, shelf(), **EVERYTHING[kind])
    assert exhibit.stamps == ("ring not run: `ganbench sweep ring`",)
    for table in exhibit.tables:
        assert "ring not run: `ganbench sweep ring`" in table.title
        assert any("not run" in cell for cell in (*table.header, *(c for row in table.rows for c in row)))
    for drawing in exhibit.figures:
        said = " ".join(text.get_text() for ax in drawing.figure.axes for text in ax.texts)
        assert "not run:\nganbench sweep ring" in said


@pytest.mark.parametrize("kind", EVERYTHING)
def test_a_kind_is_stamped_where_its_sweep_is_partial(kind: str):
    store = shelf({"ring": unfinished(ring(), 40)})
    exhibit = made(kind, store, **EVERYTHING[kind])
    assert exhibit.stamps == ("ring partial: 40 of 90 trials",)
    assert all("ring partial: 40 of 90 trials" in table.title for table in exhibit.tables)
    for drawing in exhibit.figures:
        texts = [*(t for ax in drawing.figure.axes for t in ax.texts), *drawing.figure.texts]
        assert any("partial" in text.get_text() for text in texts), drawing.name


def test_nothing_finished_is_partial_and_says_how_far():
    exhibit = made("budget", shelf({"ring": unfinished(ring(), 0)}), sweeps=["ring"])
    assert exhibit.stamps == ("ring partial: 0 of 90 trials",)


@pytest.mark.parametrize(
    ("rerun", "count"),
    [(None, 3 * 2 * 10), ({"top": 2, "seeds": 5}, 3 * 2 * 20), ({"top": 2, "seeds": [5, 1]}, 3 * 2 * 16)],
)
def test_how_many_trials_a_complete_sweep_has(rerun: dict[str, object] | None, count: int):
    axes = {"model": ["a", "b", "c"], "dataset": ["x", "y"]}
    assert expected({"axes": axes, "search": {"trials": 10}, "rerun": rerun}) == count


@pytest.mark.usefixtures("no_drawing")
def test_the_study_without_a_single_sweep_is_complete_and_says_what_to_run(tmp_path: Path):
    study = load_paper("lucic2018")
    pages = write_paper(study, shelf(), tmp_path)
    missing = {stamp for page in pages for stamp in page.stamps}
    for name in ("ring", "ring_narrow", "ring_second", "ring_variance", "polygons", "fashion_mnist"):
        assert f"{name} not run: `ganbench sweep {name}`" in missing
    assert "fashion_mnist not run: `ganbench probe fid-bias dataset=fashion_mnist`" in missing
    tex, text = (tmp_path / "paper.tex").read_text(), (tmp_path / "paper.md").read_text()
    for page in pages:
        for table in page.tables:
            assert rf"\input{{tables/{table.name}}}" in tex
            assert {f"tables/{table.name}.{kind}" for kind in ("csv", "md", "tex")} <= contents(
                tmp_path
            ).keys()
        for drawing in page.figures:
            assert f"figures/{drawing.name}.pdf" in tex
            assert f"figures/{drawing.name}.png" in text
            assert (tmp_path / "figures" / f"{drawing.name}.pdf").exists()


def test_the_same_scores_give_the_same_bytes_whatever_the_order_of_rows(tmp_path: Path):
    plan = paper(
        {"kind": "pairs", "sweeps": ["ring"]},
        {"kind": "losses", "models": ["wgan"]},
        {"kind": "published", "tables": ["lucic2018/triangles"]},
    )
    first = ring()
    shuffled = replace(first, scores=first.scores.sample(frac=1.0, random_state=0))
    write_paper(plan, shelf({"ring": first}), tmp_path / "a")
    write_paper(plan, shelf({"ring": shuffled}), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "a")) == 3 + 3 * 3 + 2


def test_papers_are_made_without_torch():
    code = (
        "import sys; from importlib import import_module\n"
        "from ganbench.report.paper import build, plan, shelf\n"
        "from ganbench.report.style import styled, to_bytes\n"
        "study = plan.load_paper('lucic2018')\n"
        "entry = study.entries[0][0]\n"
        "made = entry.module.make('losses', entry.settings, shelf.Shelf(lambda name: None, None, None))\n"
        "assert made.tables[0].rows\n"
        "import ganbench.sweep\n"
        "assert 'torch' not in sys.modules, 'torch'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_what_the_models_minimise_is_what_the_docstrings_say():
    (table,) = made("losses", shelf(), models=["mm_gan", "lsgan", "wgan", "wgan_gp", "began", "vae"]).tables
    rows = table.frame.set_index("model")
    assert rows.loc["mm_gan", "critic"] == "E softplus(−l(x)) + E softplus(l(G(z)))"
    assert rows.loc["mm_gan", "generator"].startswith("−E softplus(l(G(z)))")
    assert rows.loc["lsgan", "generator"] == "½ E(y(G(z)) − target)²"
    assert rows.loc["wgan", "penalty"] == "weights clipped to [−clip, clip]"
    assert rows.loc["wgan_gp", "penalty"].startswith("weight · E(s − center)²")
    assert rows.loc["wgan_gp", "source"] == "Gulrajani et al. 2017, arXiv 1704.00028"
    assert rows.loc["began", "critic"] == "L(x) − k L(G(z))"
    assert rows.loc["vae", "critic"].startswith("−E log p(x | decode(μ + σε))")


def test_agreement_is_shown_of_the_metrics_that_are_named():
    store = shelf({"ring": ring()})
    (table,) = made("agreement", store, sweeps=["ring"], metrics=["recall_ring", "f1_ring"]).tables
    assert {(row["metric_a"], row["metric_b"]) for _, row in table.frame.iterrows()} == {
        ("f1_ring", "recall_ring")
    }
    assert made("agreement", store, sweeps=["ring"], metrics=["f1_ring"]).tables[0].frame.empty


def test_corners_show_the_samples_of_their_runs():
    sweep = ring()
    trials = sweep.trials["trial_id"]
    squares = {(trial, "ring"): np.full((4, 2), n / 100.0) for n, trial in enumerate(trials)}
    exhibit = made("corners", shelf({"ring": replace(sweep, samples=squares)}), sweeps=["ring"])
    panels = exhibit.figures[0].figure.axes
    places = {("high", "low"): 1, ("high", "high"): 2, ("low", "low"): 4, ("low", "high"): 5}
    circles = panels[0].get_lines()[-1]
    frame = exhibit.tables[0].frame
    assert circles.get_xdata().tolist() == frame["recall"].tolist()
    assert circles.get_ydata().tolist() == frame["precision"].tolist()
    for row in frame.to_dict("records"):
        panel = panels[places[row["precision_end"], row["recall_end"]]]
        assert panel.get_title(loc="left").startswith(f"{row['variant']}: precision {row['precision']:.2f}")
        assert panel.get_lines()[-1].get_xdata()[0] == squares[row["trial_id"], "ring"][0, 0]


def test_verdicts_of_two_searches_stand_beside_each_other():
    first, second = ring(), replace(ring(), name="again")
    tables = made("searches", shelf({"ring": first, "again": second}), sweeps=["ring", "again"]).tables
    assert [table.name for table in tables] == ["x", "x_repeats"]
    rows = [row for row in tables[1].rows if len(row) > 1]
    assert [row[:3] for row in rows[:2]] == [("F1 (ring)", "1", "3"), ("F1 (ring)", "5", "3")]
    assert all(row[6:] == ("0", "3", "0.00") for row in rows)  # the same search: nothing reversed
    (_, table) = made("searches", shelf({"again": second}), sweeps=["ring", "again"]).tables
    assert "ring not run" in table.title
    assert table.partial
    (_, table) = made(
        "searches", shelf({"ring": unfinished(first, 40), "again": second}), sweeps=["ring", "again"]
    ).tables
    assert "ring partial: 40 of 90 trials" in table.title


def test_traits_stand_beside_the_baselines():
    (table,) = made(
        "traits", shelf({"ring": ring()}), sweeps=["ring"], metrics=["f1_ring", "energy_ring"]
    ).tables
    assert table.header == ("model", "n", "F1 (ring)", "energy (ring)")
    rows = {row[0]: row for row in table.rows}
    assert rows["untrained generator"][2:] == ("0.500", "0.500")
    assert [rows[model][1] for model in MODELS] == ["3"] * len(MODELS)


def test_winners_stand_by_both_metrics_beside_the_baselines():
    settings = EVERYTHING["winners"]
    (table,) = made("winners", shelf({"ring": ring()}), **settings).tables
    assert table.header == ("model", "best run by", "F1 (ring) ↑", "energy (ring) ↓")
    ours = [row[1].partition(",")[0] for row in table.rows if row[0] == MODELS[0]]
    assert ours == ["F1 (ring)", "energy (ring)"]
    assert ("untrained generator", "—", "0.500", "0.500") in table.rows


@pytest.mark.parametrize("by", [["f1_ring"], ["f1_ring", "fd_ring"], []])
def test_winners_want_two_of_the_metrics(by: list[str]):
    with pytest.raises(ConfigError, match="`by` must be two of `metrics`"):
        made("winners", shelf({"ring": ring()}), sweeps=["ring"], by=by, metrics=["f1_ring", "energy_ring"])


@pytest.mark.parametrize("kind", ["traits", "agreement", "winners"])
def test_a_metric_that_was_not_scored_is_named(kind: str):
    more = {"by": ["f1_ring", "fd_ring"]} if kind == "winners" else {}
    exhibit = made(kind, shelf({"ring": ring()}), sweeps=["ring"], metrics=["f1_ring", "fd_ring"], **more)
    assert exhibit.stamps == ("ring not scored by fd_ring",)
    assert exhibit.tables[0].rows == (("ring: not scored by fd_ring",),)


def test_optimism_stands_on_the_scale_of_its_bound_too():
    keys = {"fd_toy": "min", "fd_a_toy": "min", "fd_b_toy": "min"}
    sweep = board({"toy": {"a": [[2.0, 1.0, 3.0], [400.0, 500.0, 450.0]]}}, metrics=keys)
    (_, table) = made("gaps", shelf({"toy": sweep}), sweeps=["toy"]).tables
    row = dict(zip(table.header, table.rows[1], strict=True))
    assert row["optimism, scaled"] == "0.000 [0.000, 0.000] (log)"
    assert row["bound from noise"].endswith("(log)")
    without = made("gaps", shelf({"ring": ring()}), sweeps=["ring"]).tables[1].rows[1]
    assert dict(zip(table.header, without, strict=True))["optimism, scaled"] == "—"


def test_a_long_reason_does_not_squeeze_its_panel():
    lacking = ["metric" * 40, *(f"a_metric_that_was_never_scored_here@{n}" for n in range(5))]
    exhibit = made("traits", shelf({"ring": ring()}), sweeps=["ring"], metrics=lacking)
    with styled():
        assert to_bytes(exhibit.figures[0].figure)[
            "pdf"
        ]  # a panel of no size is a warning, and warnings are errors
    (said,) = [text.get_text() for ax in exhibit.figures[0].figure.axes for text in ax.texts]
    assert len(said.splitlines()) > 3


def test_a_sweep_without_precision_and_recall_has_no_corners_and_says_so():
    exhibit = made("corners", shelf({"toy": toy()}), sweeps=["toy"])
    assert exhibit.stamps == ("toy not scored by precision and recall",)


def test_traits_mark_the_score_of_real_against_real():
    sweep = ring()
    real = sweep.baselines.assign(baseline="real", value=[0.9, 0.1, 0.8, 0.7][: len(sweep.baselines)])
    sweep = replace(sweep, baselines=pd.concat([sweep.baselines, real], ignore_index=True))
    figure = made(
        "traits", shelf({"ring": sweep}), sweeps=["ring"], metrics=["f1_ring", "energy_ring"]
    ).figures[0]
    floors = [ax.get_lines()[-1].get_xdata()[0] for ax in figure.figure.axes]
    assert floors == [sweep.baseline("ring", "real", key) for key in ("f1_ring", "energy_ring")]


@pytest.mark.parametrize(("far", "scale"), [(4.0, "linear"), (90.0, "log")])
def test_traits_far_apart_are_drawn_on_a_logarithmic_axis(far: float, scale: str):
    again = {"toy": {"a": [(0, 1.0), (0, 1.1)], "b": [(0, far), (0, 1.01 * far)]}}
    sweep = board({"toy": {"a": [1.0], "b": [far]}}, reruns=again)
    figure = made("traits", shelf({"toy": sweep}), sweeps=["toy"], metrics=["fd_toy"]).figures[0].figure
    (ax,) = [one for one in figure.axes if one.get_xlabel()]
    assert ax.get_xscale() == scale
    low, high = ax.get_xlim()
    assert low < 1.0
    assert high > 1.01 * far


def test_boxes_are_drawn_by_each_panel_s_own_metric():
    panels = [
        {"title": "seeds", "sweep": "ring", "stage": "rerun", "metric": "f1_ring"},
        {"title": "seeds", "sweep": "ring", "stage": "rerun"},
        {"title": "seeds", "sweep": "ring", "stage": "rerun", "metric": "fd_ring"},
    ]
    exhibit = made("boxes", shelf({"ring": ring()}), panels=panels, metric="energy_ring", text="Seeds")
    first, second, third = exhibit.figures[0].figure.axes[:3]
    assert (first.get_xlabel(), second.get_xlabel()) == ("F1 (ring) ↑", "energy (ring) ↓")
    assert "not scored by fd_ring" in third.texts[0].get_text()
    assert "Seeds" in exhibit.tables[0].title


def test_two_searches_of_two_data_sets_are_compared_data_set_by_data_set():
    first = ring(datasets=("ring", "grid"))
    store = shelf({"one": first, "two": replace(first, name="two")})
    (_, table) = made("searches", store, sweeps=["one", "two"]).tables
    headings = [row[0] for row in table.rows if len(row) == 1]
    assert [said.split(":")[1].strip() for said in headings] == ["the first search", "another search"] * 2
    assert len(made("searches", store, sweeps=["one"]).tables) == 1
    assert made("searches", store, sweeps=[]).tables[0].frame.empty


def test_searches_of_samplers_that_learn_have_no_verdicts_but_their_curves():
    learned = replace(ring(), definition={**ring().definition, "search": {"space": "wide", "sampler": "tpe"}})
    (curves, verdicts) = made("searches", shelf({"a": learned, "b": learned}), sweeps=["a", "b"]).tables
    assert len(curves.frame)
    assert "draws are not independent" in verdicts.rows[-1][0]


@pytest.mark.usefixtures("no_drawing")
def test_an_exhibit_that_the_draws_cannot_carry_says_so_and_the_paper_goes_on(tmp_path: Path):
    learned = replace(ring(), definition={**ring().definition, "search": {"space": "wide", "sampler": "tpe"}})
    plan = paper({"kind": "pairs", "sweeps": ["ring"]}, {"kind": "failures", "sweeps": ["ring"]})
    (page,) = write_paper(plan, shelf({"ring": learned}), tmp_path)
    assert [table.name for table in page.tables] == ["pairs", "failures"]
    assert page.stamps[0].startswith("pairs not shown: comparisons at a budget need independent draws")
    assert "need independent draws" in (tmp_path / "tables" / "pairs.tex").read_text()


def test_a_paper_made_again_has_the_files_of_the_new_one_alone(tmp_path: Path):
    first = paper({"kind": "pairs", "sweeps": ["ring"]}, {"kind": "failures", "sweeps": ["ring"]})
    second = paper({"kind": "failures", "sweeps": ["ring"]})
    write_paper(first, shelf({"ring": ring()}), tmp_path / "again")
    write_paper(second, shelf({"ring": ring()}), tmp_path / "again")
    write_paper(second, shelf({"ring": ring()}), tmp_path / "fresh")
    assert contents(tmp_path / "again") == contents(tmp_path / "fresh")


def test_best_scores_stand_beside_published_ones_that_are_marked():
    exhibit = made(
        "best",
        shelf({"ring": ring()}),
        sweeps=["ring"],
        published="lucic2018/best_fid",
        datasets=["mnist", "celeba"],
    )
    (table,) = exhibit.tables
    assert table.header[2:] == ("published\nFID‡\nmnist", "published\nFID‡\nceleba")
    rows = {row[0]: row for row in table.rows}
    assert rows["wgan"][2:] == ("6.7 ± 0.4", "41.3 ± 2.0")
    assert rows["vae"][2] == "23.8 ± 0.6 [memory]"
    assert rows["untrained generator"][1] != "—"
    notes = " ".join(table.notes)
    assert "‡ Not comparable with ours" in notes
    assert "extractor ring against inception" in notes


def test_min_fid_tables_by_hand():
    runs = {"a": [Run(0, [9.0]), Run(1, [1.0]), Run(2, [2.0]), Run(3, [3.0]), Run(4, [None])]}
    store = shelf({"toy": results(runs, baselines={"real": 0.5, "untrained": 20.0})})
    exhibit = made("budget", store, sweeps=["toy"], form="median")
    (table,) = exhibit.tables
    heading, row, below = table.rows
    assert heading == ("toy, FD (toy) ↓",)
    # of 1, 2, 3 and diverged the median is 2, the (1 − √½)-quantile 2
    assert dict(zip(table.header, row, strict=True)) == {"model": "a", "k = 1": "2.00", "k = 2": "2.00"}
    assert below == ("Baselines: real against real 0.50, untrained generator 20.00",)


def rows_of(kind: str, made_of: Results, **settings: object) -> list[tuple[str, ...]]:
    return list(made(kind, shelf({"toy": made_of}), sweeps=["toy"], **settings).tables[0].rows)


def test_unequal_numbers_of_seeds_are_shown_as_a_range():
    searched = [Run(0, [9.0]), Run(1, [1.0]), Run(2, [2.0])]
    for again, said in (([1, 1, 1, 2, 2], "2 × 2–3"), ([1, 1, 2, 2], "2 × 2")):
        runs = [Run(i, [1.0 + n / 10], "rerun", 10 + n) for n, i in enumerate(again)]
        found = results({"a": searched + runs}, rerun={**RERUN, "top": 2})
        assert rows_of("components", found)[1][1] == said


def test_reruns_have_the_setting_s_number_and_its_own_runs():
    again = [Run(i, [1.0 + n / 10], "rerun", 10 + n) for n, i in enumerate([0, 1, 1])]
    runs = [Run(0, [2.0]), Run(1, [1.0]), *again]
    found = results({"a": runs}, rerun={**RERUN, "top": 2}, baselines={"real": 0.5})
    _, row, real = rows_of("reruns", found)
    assert row[:3] == ("a", "1", "2/2/0/0")
    assert real[:4] == ("real against real", "—", "—", "0.50")


def test_pairs_and_crossings_say_what_was_tested_and_what_is_decided():
    runs = {m: [Run(n, [base + n]) for n in range(21)] for m, base in (("a", 0.0), ("b", 100.0), ("c", 0.5))}
    heading = rows_of("pairs", results(runs))[0][0]
    assert "2 of 6 comparisons are decided, 1 alike; 3 more could not be tested: too few settings" in heading
    cells = {row[:2]: row[2:] for row in rows_of("crossings", results(runs))[1:]}
    assert ["†" in cell for cell in cells["a", "b"]] == [False, True, True]  # decided at 1, not at 5 and 10
    assert all("†" in cell for cell in cells["a", "c"] if cell != "—")


def test_a_best_score_of_another_setting_than_the_best_is_marked():
    again = [Run(1, [3.0 + n], "rerun", 10 + n) for n in range(3)]
    by = {"published": "lucic2018/best_fid", "datasets": ["mnist"]}
    for best, mark in ((1.0, "†"), (9.0, "")):
        found = results({"a": [Run(0, [best]), Run(1, [2.0]), *again]}, rerun=RERUN)
        if mark:  # what the rerun went by says otherwise
            found.definition["protocols"]["toy"] |= {"select": "energy_toy"}
            found.definition["protocols"]["toy"]["metrics"]["m"]["directions"]["energy"] = "min"
            energy = found.scores.assign(metric="energy_toy", value=5.0 - found.scores["value"])
            found = replace(found, scores=pd.concat([found.scores, energy], ignore_index=True))
        assert rows_of("best", found, **by)[0][1] == f"4.00 ± 1.00{mark}"


def test_the_study_s_form_is_said_not_to_be_winsorised():
    exhibit = made("budget", shelf({"toy": toy()}), sweeps=["toy"], form="study")
    assert "Not winsorised" in exhibit.figures[0].caption
    assert any("Not winsorised" in note for note in exhibit.tables[0].notes)


def test_f1_tables_by_hand():
    (table,) = made("joint", shelf({"ring": ring(8)}), sweeps=["ring"]).tables
    curves = table.frame[(table.frame["variant"] == "vae") & (table.frame["k"] == 1)]
    runs = ring(8).scores
    ours = runs[
        runs["trial_id"].str.startswith("ring-vae-search") & ~runs["trial_id"].str.contains("search-0-")
    ]
    best = ours[ours["metric"] == "f1_ring"].groupby("trial_id")["value"].max()
    assert curves["f1"].item() == pytest.approx(best.mean(), rel=1e-12)


def test_stored_findings_become_tables_and_missing_ones_a_stamp(tmp_path: Path):
    rows = [{"extractor": "e", "n": n, "fd_mean": 100.0 / n, "fd_sd": 1.0 / n} for n in (10, 100)]
    verdict = {"e": {"a": 0.0, "c": 100.0, "power_of_n": -1.0, "largest_relative_sd": 0.01}}
    finding(tmp_path, "fid-bias", "here", rows, verdict)
    exhibit = made("bias", shelf(probes=tmp_path), subjects=["here", "there"])
    (table,) = exhibit.tables
    assert table.rows == (
        ("here",),
        ("e", "10 ± 0.1", "1 ± 0.01", "−1.00", "1 %"),
        ("there: not run: `ganbench probe fid-bias dataset=there`",),
    )
    assert exhibit.stamps == ("there not run: `ganbench probe fid-bias dataset=there`",)


@pytest.mark.parametrize(("kind", "probe"), STORED.items())
def test_probes_that_were_not_run_are_stamped(kind: str, probe: str):
    exhibit = made(kind, shelf(), subjects=["x"])
    assert exhibit.stamps == (f"x not run: `ganbench probe {probe} dataset=x`",)


def test_mode_dropping_and_memorisation_by_hand(tmp_path: Path):
    scores = ((0, 1, 4), (1, 1, 2), (0, 2, 1), (1, 2, 1))
    rows = [{"extractor": "e", "order": o, "classes": k, "fd": v} for o, k, v in scores]
    finding(
        tmp_path, "mode-drop", "d", rows, {"e": {"mean_monotone": True, "monotone_orders": 2, "orders": 2}}
    )
    (table,) = made("mode_drop", shelf(probes=tmp_path), subjects=["d"]).tables
    assert table.rows[1] == ("e", "3", "1", "yes; 2 of 2")
    blank = [{"set": "blank", "share": 0.0, "metric": "fd_e", "value": 7.0, "n": 5}]
    finding(tmp_path, "memorization", "d", blank, {"fd_e": {"fresh": 1.0, "replay": 0.5}, "gap_se_e@0.1": {}})
    (table,) = made("memorization", shelf(probes=tmp_path), subjects=["d"]).tables
    assert table.rows[1:] == (("FD (e)", "1", "0.5", "7"),)
    assert "50 000 of the 60 000 training images" in table.notes[-1]  # what lenet28 was trained on


@pytest.mark.parametrize(
    "found",
    [
        results({"a": [Run(0, [1.0])]}),
        results({"a": [Run(0, [None]), Run(1, [None])], "b": [Run(0, [None])]}, baselines={"untrained": 3.0}),
        toy(search={"sampler": "hashed", "trials": 9}, rerun=None),
    ],
    ids=["one trial", "all diverged", "no reruns"],
)
def test_bad_sweeps_make_whole_exhibits(found: Results):
    store = shelf({"toy": found})
    for kind, settings in EVERYTHING.items():
        if kind != "joint":
            text = repr(settings).replace("ring", "toy")
            exhibit = made(kind, store, **eval(text))
            assert exhibit.tables or exhibit.figures


def test_a_model_missing_on_one_dataset_has_a_row_without_numbers():
    both = ring(datasets=("ring", "grid"))
    keep = ~((both.trials["model"] == "vae") & (both.trials["dataset"] == "grid"))
    store = shelf({"two": replace(both, trials=both.trials[keep])})
    (table,) = made("pairs", store, sweeps=["two"]).tables
    assert [row for row in table.rows if row[:2] == ("ns_gan", "vae")][1][2:] == (
        "—",
        "—",
        "—",
        "undecided",
        "—",
    )
    (table,) = made("best", store, sweeps=["two"], published="lucic2018/best_fid", datasets=["mnist"]).tables
    assert {row[0]: row for row in table.rows}["vae"][2] == "—"


def test_mixed_protocols_are_refused_before_anything_is_written(tmp_path: Path):
    mixed = ring()
    half = np.arange(len(mixed.scores)) % 2
    mixed = replace(mixed, scores=mixed.scores.assign(protocol=np.where(half, "p-1", "p-2")))
    with pytest.raises(ReportError, match="several protocols"):
        write_paper(paper({"kind": "budget", "sweeps": ["ring"]}), shelf({"ring": mixed}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_drawing")
def test_names_with_special_characters(tmp_path: Path):
    names = ("n%s_{g}$&#~^\\<|`*é日", "b$x$")
    plan = paper(
        {"kind": "ranks", "sweeps": ["toy"]},
        {"kind": "boxes", "panels": [{"title": "a_b & c%", "sweep": "toy"}]},
    )
    write_paper(plan, shelf({"toy": toy(names)}), tmp_path)
    tex = (tmp_path / "tables" / "ranks.tex").read_text()
    assert r"n\%s\_\{g\}\$\&\#" in tex
    assert "[U+65E5]" in tex
    assert set(csv(tmp_path, "ranks")["variant"]) == set(names)


@pytest.mark.parametrize(
    ("exhibit", "said"),
    [
        ({"kind": "boxs", "panels": []}, "there is no kind of exhibit 'boxs'; did you mean `boxes`"),
        ({"kind": "budget"}, "exhibit 'budget': it lacks 'sweeps'"),
        ({"kind": "budget", "sweeps": ["a"], "from": "x"}, "there is no field `from`; did you mean `form`?"),
        ({"kind": "budget", "sweeps": ["a"], "form": "mode"}, "`form` must be median or study"),
        ({"kind": "budget", "sweeps": "a"}, "`sweeps` must be a list"),
        ({"kind": "compute", "sweeps": ["a"], "axis": "joules"}, "`axis` must be d_steps"),
        ({"kind": "joint", "sweeps": ["a"], "by": "f2"}, "`by` must be f1, precision or recall"),
        ({"kind": "budget", "name": "../x", "sweeps": ["a"]}, "a name has lower-case letters"),
    ],
)
def test_a_wrong_exhibit_is_named(exhibit: dict[str, object], said: str):
    with pytest.raises(ConfigError) as error:
        paper(exhibit)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_wrong_papers_are_named():
    with pytest.raises(ConfigError, match="must hold a mapping"):
        parse_paper("p", ["x"])
    with pytest.raises(ConfigError, match=r"paper `p`: it lacks 'title'"):
        parse_paper("p", {"sections": []})
    with pytest.raises(ConfigError, match="two exhibits are named 'ranks'"):
        paper({"kind": "ranks", "sweeps": ["a"]}, {"kind": "ranks", "sweeps": ["b"]})
    with pytest.raises(ConfigError, match="there is no paper `lucic`; did you mean `lucic2018`"):
        load_paper("lucic")


def test_figures_of_several_sweeps_give_a_model_one_colour():
    store = shelf({"ring": ring(), "toy": toy(("vae", "ns_gan"))})
    exhibit = made("budget", store, sweeps=["ring", "toy"])
    legend = exhibit.figures[0].figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == list(MODELS)


def test_tables_say_in_their_csv_how_far_each_sweep_is(tmp_path: Path):
    exhibit = made("failures", shelf({"ring": unfinished(ring(), 40), "toy": toy()}), sweeps=["ring", "toy"])
    frame = exhibit.tables[0].frame
    stamps = frame.groupby("sweep")["stamp"].first()
    assert stamps.to_dict() == {"ring": "partial: 40 of 90 trials", "toy": ""}
    assert isinstance(frame, pd.DataFrame)
