"""What an analysis accepts, and how it refuses the rest."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic import RERUN, Run, results, sweep

from ganbench.analysis.results import ReportError, Results, refuse_mixture
from ganbench.analysis.selection import outcomes
from ganbench.analysis.summary import summarise
from ganbench.errors import UserError


def test_import_is_torch_free():
    code = "import sys, ganbench.analysis.summary, ganbench.report.build; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("key", "bare", "at", "direction"),
    [
        ("f1_polygons@3", "f1", "3", "max"),
        ("f1_polygons@0.75", "f1", "0.75", "max"),
        ("median_distance_polygons", "median_distance", "", "min"),
        ("fid", "fid", "", "min"),
    ],
)
def test_a_metric_key_is_taken_apart(key: str, bare: str, at: str, direction: str):
    made = results({"a": [Run(0, [1.0])]})
    made.definition["protocols"]["toy"]["metrics"] = {
        "p": {"space": "polygons", "directions": {"f1": "max", "median_distance": "min"}},
        "i": {"space": "inception", "directions": {"fid": "min"}},
    }
    metric = made.metric("toy", key)
    assert (metric.bare, metric.at, metric.direction) == (bare, at, direction)


def test_a_metric_the_protocol_does_not_know_is_refused():
    with pytest.raises(ReportError, match="'proto' has no metric 'kid_toy'"):
        results({"a": [Run(0, [1.0])]}).metric("toy", "kid_toy")


def test_metrics_come_headline_first_then_naturally():
    made = results({"a": [Run(0, [1.0])]}, metric="f1_toy", direction="max")
    keys = ["f1_toy@12", "f1_toy@3", "f1_toy@0.75", "f1_toy"]
    rows = pd.concat([made.scores.assign(metric=key) for key in keys])
    found = replace(made, scores=rows).metrics("toy")
    assert [metric.key for metric in found] == ["f1_toy", "f1_toy@0.75", "f1_toy@3", "f1_toy@12"]


def test_what_has_no_better_side_is_described_and_ranks_nothing():
    made = results({"a": [Run(0, [1.0])]}, metric="sharpness_toy", direction="none")
    assert made.metrics("toy") == []
    assert [metric.key for metric in made.described("toy")] == ["sharpness_toy"]


def test_further_axes_are_part_of_the_variant():
    made = results({"a": [Run(0, [1.0]), Run(1, [2.0])]})
    trials = made.trials.assign(**{"model.d_steps": ["1", "5"]})
    axes = {"model": ["a"], "dataset": ["toy"], "model.d_steps": [1, 5]}
    made = replace(made, trials=trials, definition={**made.definition, "axes": axes})
    assert made.variants == ["a model.d_steps=1", "a model.d_steps=5"]
    assert outcomes(made)["variant"].tolist() == made.variants
    assert made.label({"model": "a", "dataset": "toy", "model.d_steps": "5"}) == made.variants[1]


def test_a_baseline_of_another_protocol_is_not_shown():
    made = results({"a": [Run(0, [1.0])]}, baselines={"real": 0.5})
    assert made.baseline("toy", "real", "fd_toy") == 0.5
    other = replace(made, baselines=made.baselines.assign(protocol="proto-2"))
    assert np.isnan(other.baseline("toy", "real", "fd_toy"))


def refused(made: Results, *, allow_partial: bool = False) -> str:
    with pytest.raises(UserError) as error:
        summarise(made, allow_partial=allow_partial)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_nothing_scored():
    made = sweep()
    assert "no scores yet: run `ganbench sweep toy`" in refused(replace(made, scores=made.scores.iloc[:0]))
    assert "no scores yet" in refused(replace(made, trials=made.trials.iloc[:0]), allow_partial=True)


def test_nothing_finished():
    made = results({"a": [Run(0, [1.0], state="running")]})
    assert "no trial of sweep 'toy' has finished" in refused(made, allow_partial=True)


def test_a_missing_column_is_named():
    made = sweep()
    assert "'status'" in refused(replace(made, scores=made.scores.drop(columns="status")))
    assert "'state'" in refused(replace(made, trials=made.trials.drop(columns="state")))


def test_mixed_protocols_are_both_named():
    made = sweep()
    mixed = replace(made, scores=pd.concat([made.scores, made.scores.assign(protocol="other-9")]))
    message = refused(mixed, allow_partial=True)
    assert "scores of 'toy'" in message
    assert "'other-9' and 'proto-1'" in message
    assert "`ganbench score NAME --protocol" in message


def test_any_table_can_refuse_a_mixture():
    refuse_mixture([], "rows")
    refuse_mixture(["a-1", "a-1"], "rows")
    with pytest.raises(ReportError, match=r"^rows come from several protocols.*'a-1' and 'a-2' and 'b-1'"):
        refuse_mixture(["b-1", "a-2", "a-1", "a-1"], "rows")


def test_an_incomplete_sweep_names_counts_and_the_way_on():
    made = sweep()
    states = (
        made.trials["state"]
        .mask(made.trials.index == 0, "failed")
        .mask(made.trials.index.isin([1, 2]), "running")
    )
    made = replace(made, trials=made.trials.assign(state=states))
    message = refused(made)
    assert "2 running, 1 failed of 24 trials" in message
    assert "--allow-partial" in message
    summary = summarise(made, allow_partial=True)
    assert summary.partial
    assert summary.missing == "2 running, 1 failed of 24 trials"


def test_a_rerun_that_is_due_is_missing_and_one_that_is_not_is_not():
    runs = {"a": [Run(0, [1.0])], "b": [Run(0, [None])]}
    message = refused(results(runs, rerun=RERUN))
    assert "no rerun of a on toy" in message
    assert "b on toy" not in message
    assert summarise(results(runs), allow_partial=False).missing == ""


def test_settings_that_a_search_is_still_to_choose_are_missing():
    runs = {"a": [Run(0, [1.0]), Run(1, [2.0])], "b": [Run(0, [1.0])]}
    made = results(runs, search={"trials": 4})
    assert "5 settings not planned yet" in refused(made)
    made = replace(made, definition={**made.definition, "imported": {}})
    assert summarise(made, allow_partial=False).missing == "", "nothing says what else was planned"


AGAIN = [Run(0, [1.0], "rerun", seed=7), Run(0, [1.5], "rerun", seed=8)]


@pytest.mark.parametrize(
    ("rerun", "missing"),
    [
        ({"top": 1, "seeds": 2}, ""),
        ({"top": 1, "seeds": 4}, "2 more reruns of a on toy"),
        ({"top": 2, "seeds": 2}, "2 more reruns of a on toy"),
        ({"top": 3, "seeds": [2, 1, 5]}, "1 more reruns of a on toy"),  # the third setting was never finite
    ],
)
def test_reruns_that_the_definition_asks_for_are_missing(rerun: dict[str, object], missing: str):
    runs = [Run(0, [1.0]), Run(1, [2.0]), Run(2, [None])]
    made = results({"a": [*runs, *AGAIN]}, rerun={**RERUN, **rerun})
    assert summarise(made, allow_partial=True).missing == missing
    late = results({"a": [*runs, Run(3, [1.0], state="running"), *AGAIN]}, rerun={**RERUN, **rerun})
    assert "more reruns" not in summarise(late, allow_partial=True).missing, "it may yet be the best"


def test_no_rerun_is_due_where_the_last_checkpoint_chooses_and_none_is_finite():
    rerun = {**RERUN, "select": {"metric": None, "at": "last"}}
    assert summarise(results({"a": [Run(0, [1.0, None])]}, rerun=rerun), allow_partial=False).missing == ""


def test_a_model_without_trials_is_missing():
    made = sweep()
    axes = {"model": ["ns_gan", "ghost", "vae"], "dataset": ["toy"]}
    made = replace(made, definition={**made.definition, "axes": axes})
    assert "no trial of ghost on toy" in refused(made)
    summary = summarise(made, allow_partial=True)
    assert summary.counts.loc[summary.counts["variant"] == "ghost", "planned"].tolist() == [0, 0]


def test_an_empty_analysis_is_empty_and_not_an_error():
    made = results({"a": [Run(0, [1.0])]})
    assert outcomes(replace(made, scores=made.scores.iloc[:0])).empty
