"""Counted passes: recounted, by hand, and summed over the turns of a trial."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boards import board

from ganbench.analysis.costs import costs
from ganbench.analysis.passes import counted, g_turns, passes, recipe
from ganbench.analysis.selection import outcomes
from ganbench.procedures.adversarial import alternate

NS = "mlp: Adversarial(NoPenalty, NonSaturating)"


@pytest.fixture(scope="module")
def tool():
    path = Path(__file__).resolve().parents[2] / "tools" / "count_passes.py"
    spec = importlib.util.spec_from_file_location("count_passes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("model", ["ns_gan", "wgan_gp", "began", "vae"])
def test_the_file_holds_what_is_counted(tool, model: str):
    config = tool.composed(model, tool.FAMILIES[1])
    assert counted()[recipe(config)] == tool.count(config)


def test_a_step_of_the_mlp_by_hand():
    # Multiply-adds a sample. G: 64·64, 64·64, 64·2; D: 2·64, 64·64, 64·1. D is applied to real and fake, and each
    # time its weights' gradients cost as much again, its layers' inputs' too but for the first.
    g, d = 64 * 64 + 64 * 64 + 64 * 2, 2 * 64 + 64 * 64 + 64
    step = g + 2 * (d + d + (d - 2 * 64))
    assert counted()[NS]["d"] == pytest.approx(step / ((g + d) / 2), abs=0.005)
    # G's update: forward through both, D's inputs' gradients alone, G's weights' and inputs' but for the first.
    more = g + d + d + g + (g - 64 * 64)
    assert counted()[NS]["dg"] == pytest.approx((step + more) / ((g + d) / 2), abs=0.005)


def test_a_procedure_with_a_schedule_of_its_own_is_not_counted(tool, monkeypatch):
    config = tool.composed("ns_gan", tool.FAMILIES[1])
    monkeypatch.setattr("ganbench.procedures.adversarial.alternate", lambda step, d_steps: "d")
    assert tool.count(config) is None


@pytest.mark.parametrize("d_steps", [1, 2, 5])
def test_turns_of_g_are_the_schedule_s(d_steps: int):
    for steps in range(25):
        expected = sum(alternate(s, d_steps) == "dg" for s in range(steps))
        assert g_turns(np.array([steps]), np.array([d_steps]))[0] == expected


def config(d_steps="${model.d_steps}", loss="NonSaturating"):
    part = {
        "_target_": "ganbench.procedures.adversarial.Adversarial",
        "loss": "${loss}",
        "penalty": "${penalty}",
    }
    part |= {"generator": "${network.generator}"} | ({"d_steps": d_steps} if d_steps is not None else {})
    return {
        "model": {"d_steps": 5, "procedure": part},
        "loss": {"_target_": f"ganbench.losses.classic.{loss}"},
        "penalty": {"_target_": "ganbench.penalties.none.NoPenalty"},
        "network": {"generator": {"_target_": "ganbench.networks.mlp.Generator"}},
    }


def with_config(made, found):
    variants = [{"choices": {"model": "a", "dataset": "toy"}, "config": found}]
    return replace(made, definition={**made.definition, "variants": variants})


def test_recipes_name_parts_and_leave_networks_out():
    assert recipe(config()) == NS
    assert recipe(config(loss="Minimax")) == "mlp: Adversarial(Minimax, NoPenalty)"


def test_passes_follow_the_drawn_d_steps():
    params = {"a": {"model.d_steps": [1.0, 5.0, None]}}
    made = with_config(board({"toy": {"a": [1.0, 2.0, 3.0]}}, params=params), config())
    cost = counted()[NS]
    found = passes(made, made.plan(), pd.Series([11, 11, 11]))
    three = 8 * cost["d"] + 3 * cost["dg"]  # at 0, 1 and 6
    assert found.tolist() == [pytest.approx(11 * cost["dg"]), pytest.approx(three), pytest.approx(three)]


@pytest.mark.parametrize(("d_steps", "g"), [(2, 6), (None, 11)])
def test_passes_of_a_fixed_and_of_no_d_steps(d_steps, g: int):
    made = with_config(board({"toy": {"a": [1.0]}}), config(d_steps))
    cost = counted()[NS]
    expected = (11 - g) * cost["d"] + g * cost["dg"]
    assert passes(made, made.plan(), pd.Series([11])).tolist() == [pytest.approx(expected)]


def test_what_was_not_counted_is_not_known():
    made = with_config(board({"toy": {"a": [1.0]}}), config(loss="MyOwn"))
    assert passes(made, made.plan(), pd.Series([11])).isna().all()
    assert passes(board({"toy": {"a": [1.0]}}), made.plan(), pd.Series([11])).isna().all()


def test_costs_by_hand():
    made = board({"toy": {"a": [[2.0, 1.0], 3.0]}}, seconds={"a": [8.0, 5.0]})
    made = with_config(made, config(d_steps=None))
    rows = costs(made, outcomes(made))
    assert rows["d_steps"].tolist() == [20, 10]
    assert rows["images"].tolist() == [80, 40]
    assert rows["seconds"].tolist() == [8.0, 5.0]
    assert rows["passes"].tolist() == [pytest.approx(s * counted()[NS]["dg"]) for s in (20, 10)]
    assert rows["lanes"].tolist() == [2, 2]


def test_a_run_without_rows_is_charged_the_budget_and_its_variant_s_median_time():
    made = board({"toy": {"a": [1.0, 2.0, 3.0]}}, seconds={"a": [4.0, 6.0, 9.0]})
    made.trials.loc[2, "state"] = "diverged"
    gone = replace(made, scores=made.scores[made.scores["trial_id"] != made.trials.loc[2, "trial_id"]])
    row = costs(gone, outcomes(gone)).iloc[2]
    assert row[["d_steps", "images", "seconds"]].tolist() == [10, 40, 5.0]


def test_scores_without_times_cost_an_unknown_time():
    made = board({"toy": {"a": [1.0]}})
    bare = replace(made, scores=made.scores.drop(columns=["seconds", "images_seen"]))
    row = costs(bare, outcomes(bare)).iloc[0]
    assert np.isnan(row["seconds"])
    assert row["images"] == 40


def test_the_file_is_sorted_and_whole():
    text = (Path(__file__).resolve().parents[2] / "ganbench" / "analysis" / "passes.json").read_text("utf-8")
    found = json.loads(text)
    assert list(found) == sorted(found)
    assert all(row["dg"] >= row["d"] > 1 for row in found.values())
