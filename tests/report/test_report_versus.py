"""Sweeps against each other: the table of pairs, and the figure that the page shows."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import Run, results, sweep

from ganbench.analysis.results import ReportError, Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.report.compare import compare, write_comparison
from ganbench.report.render import Table
from ganbench.report.versus import curves_figure


def summary(name: str, made: Results) -> Summary:
    return summarise(replace(made, name=name), allow_partial=True)


def shifted(name: str, by: float, *models: str, n: int = 40) -> Summary:
    """A sweep whose models score `by` more, at settings that are not told."""
    made = {model: [Run(i, [float(i) + by]) for i in range(n + 1)] for model in models}
    return summary(name, own(name, results(made)))


def own(name: str, sweep: Results) -> Results:
    """Give a sweep's trials ids that no other sweep has."""
    ids = {
        k: getattr(sweep, k).assign(trial_id=name + getattr(sweep, k)["trial_id"])
        for k in ("trials", "scores")
    }
    return replace(sweep, **ids)


def pairs(*summaries: Summary) -> dict[tuple[str, str], dict[str, str]]:
    table = compare(summaries)[2]
    return {row[:2]: dict(zip(table.header, row, strict=True)) for row in table.rows}


def closing(tables: list[Table]) -> list[str]:
    return [table.notes[-1] for table in tables]


def test_a_verdict_names_the_column():
    found = pairs(shifted("old", 0.0, "a", "b"), shifted("new", 30.0, "a", "c"))
    assert [*found] == [
        ("a of old", "a of new"),
        ("a of old", "c of new"),
        ("b of old", "a of new"),
        ("b of old", "c of new"),
    ]
    row = found["a of old", "a of new"]
    assert (row["n"], row["settings drawn"], row["after Holm"]) == ("40, 40", "apart", "A (k = 1, 5)")
    turned = pairs(shifted("new", 30.0, "a"), shifted("old", 0.0, "a"))["a of new", "a of old"]
    assert turned["after Holm"] == "B (k = 1, 5, 10)"  # fewer pairs to correct for


def test_the_same_settings_are_said_to_be_drawn_together():
    rates = {"model.lr": np.arange(12.0)}
    made = []
    for name, by in (("x", 0.0), ("y", 0.5)):
        sweep = own(name, results({"a": [Run(i, [i + by]) for i in range(12)]}))
        made.append(summary(name, replace(sweep, trials=sweep.trials.assign(**rates))))
    assert pairs(*made)["a of x", "a of y"]["settings drawn"] == "together"


def test_tables_side_by_side_point_to_the_test_or_say_why_there_is_none():
    tested = compare([shifted("old", 0.0, "a"), shifted("new", 30.0, "a")])
    assert [note.endswith("The table of pairs is one.") for note in closing(tested)[:2]] == [True, True]
    few = compare([shifted("old", 0.0, "a", n=1), shifted("new", 30.0, "a", n=1)])
    assert len(few) == 2
    assert all(note.endswith("too few random settings, or the same runs.") for note in closing(few))


def test_scores_made_after_training_are_not_tested_against_those_made_during_it():
    late, early = sweep(), own("early", sweep())
    definition = {
        **late.definition,
        "protocols": {"toy": {**late.definition["protocols"]["toy"], "id": "later-1"}},
    }
    own_protocol = {
        **late.definition,
        "protocols": {"toy": {**late.definition["protocols"]["toy"], "id": "own-1"}},
    }
    history = replace(late, definition=own_protocol)
    found = [
        summary("early", early),
        summary(
            "late", replace(late, definition=definition, own=(history, summary("late", history).outcomes))
        ),
    ]
    tables = compare(found)
    assert [table.name for table in tables] == ["compare_best_toy", "compare_budget_toy"]
    assert all(note.endswith("late scored after training, at fewer checkpoints.") for note in closing(tables))


def test_metrics_that_not_all_sweeps_show_alike_are_refused_or_left_out():
    one, two = sweep(), sweep()
    protocol = two.definition["protocols"]["toy"]
    protocol["metrics"]["m"]["directions"] = {"f1": "min", "energy": "min"}
    assert {*compare([summary("one", one), summary("two", two)])[1].frame["metric"]} == {"energy_toy"}
    protocol["metrics"]["m"]["directions"] = {"f1": "min", "energy": "max"}
    with pytest.raises(ReportError, match=r"one: f1_toy \(max\) and energy_toy \(min\), two: f1_toy \(min\)"):
        compare([summary("one", one), summary("two", two)])


def test_searches_that_learn_have_no_test_and_their_best_so_far_is_drawn():
    tuned = [summary(name, sweep(adaptive=True)) for name in ("one", "two")]
    tables = compare(tuned)
    assert [table.name for table in tables] == ["compare_best_toy", "compare_budget_toy"]
    assert all(
        note.endswith("sampler hashed of one does not draw independently.") for note in closing(tables)
    )
    metric = tuned[0].results.shown("toy")[0]
    figure = curves_figure(tuned, "toy", metric)
    assert "best so far" in figure.get_suptitle()
    first = tuned[0].curves.query("variant == 'ns_gan' and metric == @metric.key")
    np.testing.assert_allclose(figure.axes[0].get_lines()[0].get_ydata(), first["best_so_far"])


def test_a_panel_has_a_curve_and_a_band_of_each_sweep_that_has_the_model():
    one = summary("one", sweep(("a", "b"), settings=25))
    two = summary("two", sweep(("b", "c"), settings=30))
    metric = one.results.shown("toy")[0]
    figure = curves_figure([one, two], "toy", metric)
    assert [ax.get_title() for ax in figure.axes if ax.get_visible() and ax.axison] == ["a", "b", "c"]
    b = figure.axes[1]
    drawn = [
        line.get_ydata() for line in b.get_lines() if line.get_linestyle() == "-" and len(line.get_xdata())
    ]
    for made in (one, two):
        curve = made.curves.query("variant == 'b' and metric == @metric.key and line == 'solid'")["median"]
        assert any(len(ys) == len(curve) and np.allclose(ys, curve) for ys in drawn)
    bands = [len([c for c in ax.collections if c.get_paths()]) for ax in figure.axes[:3]]
    assert bands == [1, 2, 1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]


@pytest.mark.parametrize("n", [3, 4, 5, 7, 8])
def test_the_lowest_panel_of_each_column_has_its_numbers(n: int):
    made = summary("one", sweep([f"m{i}" for i in range(n)], settings=9))
    figure = curves_figure([made], "toy", made.results.shown("toy")[0])
    shown = [ax for ax in figure.axes if ax.axison]
    numbered = [ax.get_title() for ax in shown if ax.xaxis.get_tick_params()["labelbottom"]]
    named = [ax.get_title() for ax in shown if ax.get_xlabel()]
    assert len(shown) == n
    assert named == [f"m{i}" for i in range(max(0, n - 4), n)]
    assert {*named} <= {*numbered}


def test_a_partial_sweep_stamps_the_figure():
    made = sweep(settings=9)
    lost = replace(
        made, trials=made.trials.assign(state=made.trials["state"].where(made.trials.index > 0, "lost"))
    )
    found = [summary("one", made), summary("two", own("two", lost))]
    figure = curves_figure(found, "toy", found[0].results.shown("toy")[0])
    assert "partial" in [text.get_text() for text in figure.texts]


def test_the_page_holds_the_figures_that_lie_beside_it(tmp_path: Path):
    write_comparison([summary("one", sweep()), summary("<two>", sweep(settings=12))], tmp_path)
    page = (tmp_path / "index.html").read_text()
    shown = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', page)
    files = sorted((tmp_path / "figures").glob("*.png"))
    assert [base64.b64decode(data) for data, _ in shown] == [
        (tmp_path / "figures" / f"compare_bands_toy_{key}.png").read_bytes()
        for key in ("f1_toy", "energy_toy")
    ]
    assert len(files) == 2
    assert all("&lt;two&gt;" in alt for _, alt in shown)
    for file in (tmp_path / "figures").iterdir():
        assert f'href="figures/{file.name}"' in page
