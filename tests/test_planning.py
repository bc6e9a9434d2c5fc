"""What a sweep plans: settings, seeds, reruns of the best, and what a longer plan adds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ganbench import config, sweep
from ganbench.analysis.results import Results
from ganbench.errors import ConfigError
from ganbench.growth import added, extend
from ganbench.packing import Setting
from ganbench.planning import definition_of, rerun_settings, search_settings
from ganbench.records import Pack, Trial
from ganbench.store import Store
from ganbench.store.definition import final_step
from ganbench.store.plan import Plan
from ganbench.sweepfile import load_sweep, variants

NOTHING = Plan([], {})
Energies = Mapping[str, list[float | None]]


@lru_cache(maxsize=64)
def define(*overrides: str) -> dict[str, Any]:
    spec = load_sweep("quickstart", ["model=ns_gan,vae", "dataset=ring", "search.trials=4", *overrides])
    return definition_of(spec, variants(spec))


def searched(definition: dict[str, Any]) -> list[Trial]:
    return added(definition, search_settings(definition), NOTHING)[0]


def plan_of(trials: list[Trial], packs: list[Pack]) -> Plan:
    return Plan(trials, {pack.pack_id: pack for pack in packs})


def results(
    definition: dict[str, Any], trials: list[Trial], last: Energies, first: Energies | None = None
) -> Results:
    """Score each model's settings at the two last checkpoints; None is diverged."""
    rows = [
        {"trial_id": t.trial_id, "step": step, "metric": "energy_ring", "protocol": "p", "value": value}
        for t in trials
        for step, energies in ((1, first or last), (2, last))
        for value in [energies[t.variant["model"]][t.index]]
    ]
    scores = pd.DataFrame(rows)
    scores["value"] = scores["value"].astype(float)
    scores["status"] = scores["value"].notna().map({True: "ok", False: "diverged"})
    lines = [{**t.to_json(), **t.variant, "state": "done"} for t in trials]
    return Results("quickstart", definition, pd.DataFrame(lines), scores, pd.DataFrame(), {})


FOLDER = ("model=ns_gan", "dataset=image_folder", "protocol=gray28_1k")


@pytest.mark.parametrize("axis", ["dataset.root=/a,/b", "dataset=one,two"])
def test_two_folders_of_one_name_are_refused(axis: str, tmp_path: Path) -> None:
    """What lies where is no part of a trial, so both would be the same trials."""
    written = Path(config.__file__).parents[1] / "conf" / "dataset" / "image_folder.yaml"
    (tmp_path / "dataset").mkdir()
    for name, root in (("one", "/a"), ("two", "/b")):
        text = written.read_text().replace('root: ""', f"root: {root}")
        (tmp_path / "dataset" / f"{name}.yaml").write_text(text)
    spec = load_sweep("quickstart", [*FOLDER, "search.trials=2", axis], tmp_path)
    with pytest.raises(ConfigError, match=r"dataset.root '/a' and '/b' .* dataset.name"):
        definition_of(spec, variants(spec, tmp_path))
    named = (tmp_path / "dataset" / "two.yaml").read_text().replace('name: ""', "name: two")
    (tmp_path / "dataset" / "two.yaml").write_text(named)
    if axis == "dataset=one,two":
        trials = searched(definition_of(spec, variants(spec, tmp_path)))
        assert len({trial.trial_id for trial in trials}) == len(trials) == 4


def reruns(definition: dict[str, Any], last: Energies, first: Energies | None = None) -> list[Setting]:
    trials = searched(definition)
    return rerun_settings(definition, results(definition, trials, last, first), trials)


def places(settings: list[Setting]) -> list[tuple[str, int, int]]:
    return [(s.variant["model"], s.index, s.seed) for s in settings]


def test_the_first_setting_is_the_authors_and_marked() -> None:
    settings = search_settings(define("search.space=wide"))
    assert [(s.index, s.is_default) for s in settings] == 2 * [(0, True), (1, False), (2, False), (3, False)]
    default = settings[0]
    assert default.params["model.lr"] == 5.0e-5
    assert default.params["model.d_steps"] == 1
    drawn = search_settings(define("search.space=wide", "search.default_first=false"))
    assert not any(s.is_default for s in drawn)
    assert [s.params for s in drawn[1:4]] == [s.params for s in settings[1:4]]


def test_seeds_of_the_search_are_the_settings_numbers_or_one_for_all() -> None:
    assert [s.seed for s in search_settings(define())] == [0, 1, 2, 3] * 2
    assert {s.seed for s in search_settings(define("search.seed=7"))} == {7}


def test_models_draw_independently_unless_draws_are_shared() -> None:
    def rates(*overrides: str) -> list[list[float]]:
        settings = search_settings(define("search.space=wide", *overrides))
        return [
            [s.params["model.lr"] for s in settings if s.variant["model"] == m][1:] for m in ("ns_gan", "vae")
        ]

    own, shared = rates(), rates("search.shared=true")
    assert not set(own[0]) & set(own[1])
    assert shared[0] == shared[1]


def test_the_best_setting_is_trained_again_with_seeds_the_search_did_not_use() -> None:
    definition = define("rerun={top: 1, seeds: 3, first_seed: 1}")
    energies = {"ns_gan": [0.4, 0.2, 0.3, 0.5], "vae": [0.1, 0.2, 0.3, 0.4]}
    settings = reruns(definition, energies)
    assert places(settings) == [(m, i, s) for m, i in (("ns_gan", 1), ("vae", 0)) for s in (4, 5, 6)]
    assert [s.is_default for s in settings] == 3 * [False] + 3 * [True]
    assert {s.stage for s in settings} == {"rerun"}
    chosen = search_settings(definition)[1]
    assert all(s.params == chosen.params and s.resolved == chosen.resolved for s in settings[:3])


def test_reruns_skip_only_seeds_that_were_used() -> None:
    energies = {"ns_gan": [1.0] * 4, "vae": [1.0] * 4}
    words = ("search.seed=2", "rerun={top: 1, seeds: 3, first_seed: 1}")
    assert [s.seed for s in reruns(define(*words), energies)[:3]] == [1, 3, 4]
    again = reruns(define(*words, "rerun.reuse_search_seeds=true"), energies)
    assert [s.seed for s in again[:3]] == [1, 2, 3]


def test_the_top_two_in_order_ties_by_index() -> None:
    definition = define("rerun={top: 2, seeds: 1, first_seed: 9}")
    settings = reruns(definition, {"ns_gan": [0.4, 0.2, 0.3, 0.2], "vae": [0.5, 0.1, 0.1, 0.1]})
    assert places(settings) == [("ns_gan", 1, 9), ("ns_gan", 3, 9), ("vae", 1, 9), ("vae", 2, 9)]


def test_the_best_may_get_more_seeds_than_the_others() -> None:
    definition = define("rerun={top: 2, seeds: [3, 1], first_seed: 9}")
    settings = reruns(definition, {"ns_gan": [0.4, 0.2, 0.3, 0.5], "vae": [None] * 4})
    assert places(settings) == [("ns_gan", 1, 9), ("ns_gan", 1, 10), ("ns_gan", 1, 11), ("ns_gan", 2, 9)]
    with pytest.raises(ConfigError, match=r"lists 2 numbers for rerun\.top=1"):
        define("rerun={top: 1, seeds: [3, 1]}")


def test_a_longer_search_leaves_a_chosen_setting_its_seeds() -> None:
    """With 4 settings the seeds are 4, 5; six settings use those, and would otherwise push them to 6, 7."""
    energies = {"ns_gan": [0.4, 0.2, 0.3, 0.5], "vae": [0.1, 0.2, 0.3, 0.4]}
    rule = "rerun={top: 1, seeds: 2, first_seed: 1}"
    before = define(rule)
    planned = added(before, [*search_settings(before), *reruns(before, energies)], NOTHING)[0]
    longer = define(rule, "search.trials=6")
    grown = {model: [*values, 0.9, 0.9] for model, values in energies.items()}
    trials = searched(longer)
    table = results(longer, trials, grown)
    assert places(rerun_settings(longer, table, trials + [t for t in planned if t.stage == "rerun"])) == [
        ("ns_gan", 1, 4), ("ns_gan", 1, 5), ("vae", 0, 4), ("vae", 0, 5)
    ]  # fmt: skip
    more = rerun_settings({**longer, "rerun": {**longer["rerun"], "seeds": 3}}, table, planned)
    assert [s.seed for s in more[:3]] == [4, 5, 6]


def test_best_and_last_choose_differently() -> None:
    last = {"ns_gan": [0.4, 0.2, 0.3, 0.5], "vae": [0.1, 0.2, 0.3, 0.4]}
    first = {"ns_gan": [0.1, 0.9, 0.9, 0.9], "vae": [0.9, 0.9, 0.9, 0.9]}
    at = "rerun={top: 1, seeds: 1, first_seed: 9, select: {at: %s}}"
    assert places(reruns(define(at % "best"), last, first))[0] == ("ns_gan", 0, 9)
    assert places(reruns(define(at % "last"), last, first))[0] == ("ns_gan", 1, 9)


def test_a_variant_that_always_diverged_has_no_rerun() -> None:
    definition = define("rerun={top: 2, seeds: 1, first_seed: 9}")
    settings = reruns(definition, {"ns_gan": [None] * 4, "vae": [None, None, 0.3, None]})
    assert places(settings) == [("vae", 2, 9)]


def test_settings_that_are_equal_share_a_trial_and_keep_their_lines() -> None:
    trials, packs = added(*_fixed(3), NOTHING)
    assert [t.index for t in trials] == [0, 1, 2] * 2
    assert len({t.trial_id for t in trials}) == 2
    assert [len(p.trial_ids) for p in packs] == [1, 1]
    more, new_packs = added(*_fixed(5), plan_of(trials, packs))
    assert [t.index for t in more] == [3, 4] * 2
    assert new_packs == []
    assert {t.pack_id for t in more} == {p.pack_id for p in packs}


def _fixed(trials: int) -> tuple[dict[str, Any], list[Setting]]:
    definition = define("search.space=fixed", "search.seed=0", f"search.trials={trials}")
    return definition, search_settings(definition)


def test_a_rerun_that_the_search_has_trained_is_not_trained_again() -> None:
    definition = define("search.seed=2", "rerun={top: 1, seeds: 2, first_seed: 2, reuse_search_seeds: true}")
    planned, before = added(definition, search_settings(definition), NOTHING)
    settings = reruns(definition, {"ns_gan": [1.0] * 4, "vae": [1.0] * 4})
    trials, packs = added(definition, settings, plan_of(planned, before))
    assert [(t.stage, t.seed) for t in trials[:2]] == [("rerun", 2), ("rerun", 3)]
    assert trials[0].trial_id == planned[0].trial_id
    assert trials[0].pack_id == planned[0].pack_id
    assert all(p.trial_ids == (trials[2 * n + 1].trial_id,) for n, p in enumerate(packs))


def test_more_trials_add_settings_and_change_none() -> None:
    few, many = define("search.trials=4", "pack=2"), define("search.trials=7", "pack=2")
    planned, packs = added(few, search_settings(few), NOTHING)
    trials, new = added(many, search_settings(many), plan_of(planned, packs))
    assert [(t.variant["model"], t.index) for t in trials] == [
        (m, i) for m in ("ns_gan", "vae") for i in (4, 5, 6)
    ]
    assert not {p.pack_id for p in packs} & {p.pack_id for p in new}
    alone = {(t.variant["model"], t.index): t.trial_id for t in searched(many)}
    assert {(t.variant["model"], t.index): t.trial_id for t in planned + trials} == alone
    assert added(many, search_settings(many), plan_of(planned + trials, packs + new)) == ([], [])


def test_extend_writes_what_the_plan_lacks(tmp_path: Path) -> None:
    definition, store = define(), Store(tmp_path, "quickstart")
    store.create(definition)
    assert extend(store, definition, search_settings(definition)) == 8
    before = (tmp_path / "quickstart" / "trials.jsonl").stat().st_mtime_ns
    assert extend(store, definition, search_settings(definition)) == 0
    assert (tmp_path / "quickstart" / "trials.jsonl").stat().st_mtime_ns == before


def test_one_unit_of_baselines_per_dataset_and_protocol() -> None:
    assert len(define()["baselines"]) == 1
    units = define("dataset=ring,ring_hard")["baselines"]
    assert [unit["dataset"] for unit in units] == ["ring", "ring_hard"]
    assert len({unit["id"] for unit in units}) == 2


def test_the_definition_survives_its_file(tmp_path: Path) -> None:
    definition, store = define(), Store(tmp_path, "quickstart")
    store.create(definition)
    assert store.definition() == definition
    assert store.difference(define()) == ""
    assert "search.trials: 4 → 5" in store.difference(define("search.trials=5"))


def test_a_variant_ends_at_its_own_budget() -> None:
    definition = define("model=vae", "dataset=ring,cifar10", "budget=study")
    steps = {v["choices"]["dataset"]: final_step(definition, v["choices"]) for v in definition["variants"]}
    assert steps == {"ring": 15625, "cifar10": 78125}


REFUSED = {
    "budget.steps=0": "`budget.steps` must be at least 1, not 0",
    "protocol.standing_passes=0": "`protocol.standing_passes` must be at least 1, not 0",
    "protocol.headline=f1": "`protocol.headline`: protocol ring gives no metric `f1`, only f1_ring",
    "protocol.curve=fd_lenet28": "`protocol.curve`: protocol ring gives no metric",
    "rerun.select.metric=f1": "`rerun.select.metric`: protocol ring gives no metric `f1`",
    "dataset=fashion_mnist protocol=gray28_study protocol.headline=sharpness_pixels": (
        "gives no metric `sharpness_pixels`, only"
    ),
}


@pytest.mark.parametrize("override", REFUSED)
def test_what_cannot_be_planned(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        define(*override.split())
    assert REFUSED[override] in str(caught.value)


def test_a_metric_that_waits_for_the_end_selects_no_checkpoint() -> None:
    define("protocol.metrics.ring.at=best_last")
    define("protocol.select=f1_ring")
    with pytest.raises(ConfigError, match="no metric `f1_ring` at every checkpoint"):
        define("protocol.metrics.ring.at=best_last", "protocol.select=f1_ring")
    define("dataset=polygons", "rerun.select.metric=f1_polygons@3")


def test_the_summary_counts_what_is_ahead(tmp_path: Path) -> None:
    request = sweep.Request(
        "quickstart", ["model=ns_gan", "search.trials=3", "rerun={top: 2, seeds: 5}"], tmp_path
    )
    seen, script = sweep.preview(request)
    assert (seen["variants"], seen["planned"], seen["reruns"]) == (1, 3, 10)
    assert seen["trial_steps"] == 4000 * 13
    assert (script, list(tmp_path.iterdir())) == ("", [])
