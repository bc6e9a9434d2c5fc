"""What the tables say, and what stands under them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic import RERUN, Run, results, sweep

from ganbench.analysis.results import Results
from ganbench.analysis.summary import summarise
from ganbench.report import words
from ganbench.report.render import Table
from ganbench.report.tables import tables
from ganbench.report.words import slug


def made_of(found: Results, *, allow_partial: bool = False) -> dict[str, Table]:
    return {table.name: table for table in tables(summarise(found, allow_partial=allow_partial))}


RUNS = {
    "a": [
        Run(0, [3.0]),
        Run(1, [2.0, 1.0, 4.0]),
        Run(2, [None]),
        Run(3, [8.0, None]),
        *(Run(1, [v], "rerun", 10 + n) for n, v in enumerate([1.0, 2.0, 3.0])),
    ],
    "b": [Run(0, [None]), Run(1, [None]), Run(2, [None]), Run(3, [None])],
}
SMALL = results(RUNS, rerun=RERUN, baselines={"real": 0.1, "untrained": 20.0, "blank": 30.0})


def test_the_best_table_by_hand():
    table = made_of(SMALL)["best_toy"]
    assert table.header[:5] == ("model", "n search", "default", "median setting", "best setting")
    assert table.rows[0] == (
        "a",
        "4/2/2/0",
        "3.00",
        "8.00",
        "1.00",
        "3/3/0/0",
        "2.00 ± 1.00",
        "2.00 ± 1.00",
        "−1.00",
    )
    assert table.rows[1] == ("b", "4/0/4/0", "diverged", "diverged", "diverged", "0/0/0/0", "—", "—", "—")
    assert table.bold == {(0, 3), (0, 4), (0, 6)}
    row = table.frame.set_index("variant").loc["a"]
    assert (row["search_never_finite"], row["searched"], row["best"]) == (1, 1.0, 1.0)
    assert table.frame.set_index("variant").loc["b", "best"] == np.inf


def test_a_share_that_no_checkpoint_gave_is_diverged_not_zero():
    runs = {"a": [Run(0, [None]), Run(1, [None])], "b": [Run(0, [0.25]), Run(1, [None])]}
    found = made_of(results(runs, metric="f1_toy", direction="max"))
    assert [row[2:] for row in found["best_toy"].rows] == [
        ("diverged", "diverged", "diverged"),
        ("0.250", "diverged", "0.250"),
    ]
    assert [row[2] for row in found["metrics_toy"].rows] == ["diverged", "0.250"]


def test_of_several_rerun_settings_the_headline_shows_the_best_of_the_search():
    runs = [Run(0, [2.0]), Run(1, [1.0]), Run(0, [9.0], "rerun", 7), Run(1, [3.0], "rerun", 8)]
    found = made_of(results({"a": runs}, rerun={**RERUN, "top": 2, "seeds": 1}))
    (row,) = found["best_toy"].rows
    assert row[6] == "3.00"
    assert [row[2] for row in found["seeds_toy"].rows] == ["1", "0"]
    assert [row[4] for row in found["seeds_toy"].rows] == ["3.00", "9.00"]


def test_notes_say_what_the_numbers_mean():
    notes = " ".join(made_of(SMALL)["best_toy"].notes)
    for said in (
        "n is planned/done/diverged/failed",
        "never finite: a 1 (search), b 4 (search)",
        "Protocol proto [proto-1]",
        "Budget tiny: 100 D steps, batches of 4, scored every 10",
        "real against real (floor) 0.10",
        "untrained generator (ceiling) 20.00",
        "blank sample 30.00",
        "Nothing two-sided can be said at 95 % at any k with 3 random settings",
        "counts as the ceiling (FD (toy): untrained generator 20.00)",
        "robust z",
        "optimistic",
    ):
        assert said in notes


def test_every_table_carries_counts_and_the_protocol():
    for name, table in made_of(sweep()).items():
        assert any(heading.startswith("n") for heading in table.header), name
        assert any(note.startswith("Protocol proto") for note in table.notes), name
        counts = {"pairs_toy": {"n_a", "n_b"}, "crossings_toy": {"n_better", "n_worse"}}
        default = {"search_planned", "search_diverged", "search_failed"}
        assert counts.get(name, default) <= set(table.frame.columns), name


def test_metrics_have_the_baselines_below_a_rule():
    table = made_of(sweep())["metrics_toy"]
    assert table.rule == 2
    assert [row[0] for row in table.rows] == [
        "ns_gan", "vae", "real against real", "untrained generator", "blank sample",
    ]  # fmt: skip
    assert table.header[2:] == ("F1 (toy) ↑", "energy (toy) ↓")


def test_no_model_is_ranked_where_most_score_nothing():
    runs = {name: [Run(0, [value])] for name, value in (("a", 0.0), ("b", 0.0), ("c", 0.4))}
    table = made_of(results(runs, metric="f1_toy", direction="max"))["metrics_toy"]
    assert table.bold == frozenset()
    assert any("No model is ranked by F1 (toy)" in note for note in table.notes)


@pytest.mark.parametrize(("metric", "direction", "row"), [("fd_toy", "min", 1), ("f1_toy", "max", 0)])
def test_the_better_model_is_bold(metric: str, direction: str, row: int):
    made = results({"a": [Run(0, [0.9])], "b": [Run(0, [0.4])]}, metric=metric, direction=direction)
    assert made_of(made)["metrics_toy"].bold == {(row, 2)}


def test_seeds_by_hand():
    table = made_of(SMALL)["seeds_toy"]
    assert table.rows[0][4:] == ("2.00 ± 1.00", "2.00 ± 1.00", "2.00 [1.10, 2.90]", "0 %", "1.00", "−1.00")


def test_budgets_stop_at_half_of_the_settings():
    table = made_of(sweep(settings=9))["budget_toy"]
    assert table.header[3:] == ("k = 1", "k = 2", "k = 3")
    assert len(table.frame) == 2 * 2 * 9
    assert all(cell != "—" for row in table.rows for cell in row)


def test_a_band_is_in_the_table_while_it_has_two_sides():
    table = made_of(sweep(settings=25))["budget_toy"]
    cells = dict(zip(table.header, table.rows[0], strict=True))
    assert "[" in cells["k = 1"]
    assert "[" in cells["k = 2"]
    assert "[" not in cells["k = 3"]
    assert any("beyond k = 2 with 24 random settings" in note for note in table.notes)


def test_refused_bands_are_said_to_be_refused():
    table = made_of(sweep(search={"sampler": "tpe", "space": "wide", "trials": 9}))["budget_toy"]
    assert any("Sampler tpe does not draw independently" in note for note in table.notes)
    assert table.header == ("metric", "model", "n")


def test_ties_are_said():
    tied = results({"a": [Run(i, [v]) for i, v in enumerate([1.0, 2.0, 2.0])]})
    assert any("conservative" in note for note in made_of(tied)["budget_toy"].notes)
    untied = results({"a": [Run(i, [v]) for i, v in enumerate([2.0, 2.0, 1.0])]})
    assert not any("conservative" in note for note in made_of(untied)["budget_toy"].notes)


def test_both_default_learning_rates_are_shown_where_they_differ():
    rate = SMALL.trials["model"].map({"a": 2.0e-4, "b": 5.0e-5})
    variants = [
        {"choices": {"model": m, "dataset": "toy"}, "config": {"model": {"lr": 5.0e-5}}} for m in ("a", "b")
    ]
    found = replace(
        SMALL,
        trials=SMALL.trials.assign(**{"model.lr": rate}),
        definition={**SMALL.definition, "variants": variants},
    )
    notes = made_of(found)["best_toy"].notes
    assert any("rescaled to the budget: a 0.0002 (authors' 5e-5)." in note for note in notes)


def test_partial_is_stamped_and_explained():
    states = SMALL.trials["state"].mask(SMALL.trials.index == 0, "failed")
    for table in made_of(
        replace(SMALL, trials=SMALL.trials.assign(state=states)), allow_partial=True
    ).values():
        assert "(partial)" in table.title
        assert table.notes[0] == "Partial: 1 failed of 11 trials."


def test_one_trial_is_enough():
    found = made_of(results({"a": [Run(0, [1.0])]}))
    assert found["best_toy"].rows == (("a", "1/1/0/0", "1.00", "—", "1.00"),)
    assert any("No random setting" in note for note in found["best_toy"].notes)


@pytest.mark.parametrize(
    ("bare", "space", "key", "words"),
    [
        ("fd", "lenet28", "fd_lenet28", "FD (lenet28)"),
        ("fid", "inception", "fid_inception", "FID"),
        ("fd", "inception", "fd_inception", "FID"),
        ("median_distance", "polygons", "median_distance_polygons", "median distance (polygons)"),
    ],
)
def test_metric_names(bare: str, space: str, key: str, words: str):
    found = results({"a": [Run(0, [1.0])]}, metric=key)
    found.definition["protocols"]["toy"]["metrics"] = {"m": {"space": space, "directions": {bare: "min"}}}
    assert made_of(found)["best_toy"].caption == f"{words} ↓ on toy"


def test_thresholds_are_named():
    found = results({"a": [Run(0, [0.5])]}, metric="f1_polygons@3", direction="max")
    assert made_of(found)["best_toy"].caption == "F1 (polygons, δ = 3) ↑ on toy"


def test_file_names_are_safe():
    assert slug("a/b c@3") == "a-b-c-3"


def test_judgements_by_hand():
    """a has 1, 2, 3, 4 and b has 5, 6, 7, 8: a wins every duel, and is first whatever is drawn."""
    drawn = {"a": [1.0, 2.0, 3.0, 4.0], "b": [5.0, 6.0, 7.0, 8.0]}
    runs = {
        model: [Run(0, [9.0]), *(Run(n, [v]) for n, v in enumerate(ours, 1))] for model, ours in drawn.items()
    }
    found = made_of(results(runs))
    (pair,) = found["pairs_toy"].rows
    assert pair[:3] == ("a", "b", "4, 4")
    assert pair[3].startswith("1.00 [")
    assert pair[4:] == ("—", "—", "undecided", "—")
    assert found["ranks_toy"].rows == (
        ("a", "5/5/0/0", "1 [1, 1]", "100 %"),
        ("b", "5/5/0/0", "2 [2, 2]", "0 %"),
    )
    assert found["crossings_toy"].rows == (("a", "b", "4, 4", "> 2 [1, ∞]†"),)
    assert found["crossings_toy"].frame["verdict"].tolist() == ["undecided"]
    assert "sensitivity_toy" not in found  # no hyperparameter was drawn


def test_selection_gaps_by_hand():
    (row,) = made_of(SMALL)["gaps_toy"].rows
    # 1 searched, 1, 2 and 3 in the reruns: sd 1, so ± 4.30 / √3; one of three is as good
    assert row == ("a", "1", "3", "1.00", "2.00", "−1.00 [−3.48, 1.48]", "0.33 [0.01, 0.91]")


def test_what_matters_is_shown_where_settings_suffice():
    runs = {"a": [Run(n, [float(n % 2) + 1 + n / 1000]) for n in range(24)]}
    made = results(runs, default=None)
    trials = made.trials.assign(**{"model.switch": made.trials["index"] % 2})
    table = made_of(replace(made, trials=trials))["sensitivity_toy"]
    assert table.header == ("model", "n", "switch", "all together")
    assert table.rows[0][:2] == ("a", "24/24/0/0")
    assert float(table.rows[0][2].partition(" ")[0]) > 0.7


def test_crossing_budgets_of_huge_searches_are_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ganbench.report.judgements.CROSSED_UP_TO", 7)
    found = made_of(sweep(settings=9))
    assert "pairs_toy" in found
    assert "crossings_toy" not in found


def test_dependent_draws_give_no_judgement_but_gaps():
    found = made_of(sweep(search={"sampler": "tpe", "space": "wide", "trials": 9}))
    assert set(found) == {f"{name}_toy" for name in ("best", "metrics", "seeds", "budget", "gaps")}


def two_metrics(values: dict[str, dict[int, float]], reruns: list[Run]) -> Results:
    """Return one model whose settings have a score by FD, the headline, and by energy, which the rerun chooses by."""
    searched = [Run(i, [v]) for i, v in values["fd_toy"].items()]
    made = results({"a": [*searched, *reruns]}, rerun=RERUN, default=None)
    protocol = made.definition["protocols"]["toy"]
    protocol |= {"curve": "energy_toy", "select": "energy_toy"}
    protocol["metrics"]["m"]["directions"]["energy"] = "min"
    places = made.scores["trial_id"].map(made.trials.set_index("trial_id")["index"])
    energy = made.scores.assign(metric="energy_toy", value=places.map(values["energy_toy"]))
    return replace(made, scores=pd.concat([made.scores, energy], ignore_index=True))


AGAIN = [Run(1, [v], "rerun", 10 + n) for n, v in enumerate([2.0, 3.0, 4.0])]


def test_a_chosen_setting_that_is_not_the_best_is_marked_and_both_metrics_are_named():
    fd = {0: 1.0, 1: 2.0}
    for energy, mark, best in (({0: 9.0, 1: 5.0}, "†", "1.00"), ({0: 9.0, 1: 5.0}, "", "2.00")):
        scores = fd if mark else {0: 3.0, 1: 2.0}
        table = made_of(two_metrics({"fd_toy": scores, "energy_toy": energy}, AGAIN))["best_toy"]
        row = dict(zip(table.header, table.rows[0], strict=True))
        assert (row["best setting"], row["over seeds"]) == (best, f"3.00 ± 1.00{mark}")
        (said,) = (note for note in table.notes if note.startswith("Best setting: "))
        assert "best of the search by FD (toy)" in said
        assert "the setting with the best energy (toy) at its best checkpoint" in said
        frame = table.frame.set_index("variant")
        assert frame.loc["a", ["best_setting", "setting"]].tolist() == [0 if mark else 1, 1]


def test_a_rerun_setting_s_row_has_its_number_and_its_own_runs():
    runs = [Run(0, [2.0]), Run(1, [1.0]), Run(2, [5.0])]
    again = [(0, 9.0), (1, 3.0), (1, 3.5), (1, None)]
    runs += [Run(i, [v], "rerun", 20 + n) for n, (i, v) in enumerate(again)]
    found = made_of(results({"a": runs}, rerun={**RERUN, "top": 2, "seeds": [3, 1]}))
    table = found["seeds_toy"]
    assert table.header[1:4] == ("model", "setting", "n seeds")
    assert [row[1:4] for row in table.rows] == [("a", "1", "3/2/1/0"), ("a", "0", "1/1/0/0")]
    assert table.frame["rerun_planned"].tolist() == [3, 3, 1, 1]  # at best and last
    best = found["best_toy"]
    assert dict(zip(best.header, best.rows[0], strict=True))["n seeds"] == "3/2/1/0"


def test_what_a_metric_does_otherwise_than_its_protocol_is_said():
    made = sweep()
    protocol = made.protocol("toy")
    note = words.protocol_note(made, "toy")
    assert "50 generated against 50 real samples" in note
    assert "But" not in note
    key = next(iter(protocol["metrics"]))
    spec = protocol["metrics"][key] | {"n_fake": 7, "n_real": 50, "at": "best_last"}
    spec["space"], spec["directions"] = "toy", {"recall": "max", "f1": "max"}
    protocol["metrics"][key] = spec
    said = "But recall and F1 (toy): 7 generated, at the best and the last checkpoint."
    assert words.protocol_note(made, "toy").endswith(said)


def test_only_comparisons_that_were_tested_are_counted():
    """Of 7 settings k = 1 is tested, k = 5 and 10 are more than a quarter of them."""
    runs = {m: [Run(n, [base + n]) for n in range(8)] for m, base in (("a", 0.0), ("b", 100.0), ("c", 200.0))}
    notes = made_of(results(runs))["pairs_toy"].notes
    assert (
        notes[-1] == "3 of 3 comparisons are decided, 0 alike; 6 more could not be tested: too few settings."
    )
    many = {m: [Run(n, [base + n]) for n in range(41)] for m, base in (("a", 0.0), ("b", 100.0))}
    assert made_of(results(many))["pairs_toy"].notes[-1] == "3 of 3 comparisons are decided, 0 alike."


def test_stars_need_five_runs():
    for n, star in ((4, ""), (5, "**")):
        again = [Run(1, [1.0 + 0.1 * i], "rerun", 10 + i) for i in range(n - 1)]
        again.append(Run(1, [99.0], "rerun", 50))
        table = made_of(results({"a": [Run(0, [2.0]), Run(1, [1.0]), *again]}, rerun=RERUN))["seeds_toy"]
        row = dict(zip(table.header, table.rows[0], strict=True))
        assert row["without outliers"].endswith("*") is bool(star)
        assert row["left out"] == ("20 %" if star else "0 %")
    assert any("fewer than 5 runs none is judged an outlier, and no star" in note for note in table.notes)
