"""A slot at work: the scored steps, diverged trials, what is scored at the end, and the snapshots that stay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import plain_reports, sweep
from slotwork import define, diverge, planned, plant, run, snapshots

from ganbench.config import compose, resolve
from ganbench.errors import ConfigError, DataError, UserError
from ganbench.growth import extend
from ganbench.planning import search_settings
from ganbench.records import Pack
from ganbench.scoring import Scorer
from ganbench.store.attempts import Attempt
from ganbench.training import PackTraining
from ganbench.worker import run_slot, slot
from ganbench.worker.bench import checkpoint_steps, direction_of, trial_config


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [
        (
            15625,
            3906,
            [3906, 7812, 11718, 15624, 15625],
        ),  # the study's: five checkpoints, the last two a step apart
        (8, 2, [2, 4, 6, 8]),
        (8, 3, [3, 6, 8]),
        (2, 5, [2]),
        (1, 1, [1]),
    ],
)
def test_scored_are_every_so_many_steps_and_the_last(steps: int, every: int, expected: list[int]) -> None:
    assert checkpoint_steps({"steps": steps, "every": every}) == expected


@pytest.mark.parametrize("dataset", ["ring", "fashion_mnist"])
def test_the_studys_budget_has_its_schedule(dataset: str) -> None:
    budget = resolve(compose([f"dataset={dataset}", "budget=study"]).config)["budget"]
    assert len(checkpoint_steps(budget)) == 5


def test_a_slot_refuses_another_plugin_than_the_sweep_was_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path)
    (tmp_path / "my_parts.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    definition = {**store.definition(), "plugins": {"my_parts": "0" * 64}}
    monkeypatch.setattr(type(store), "definition", lambda _: definition)
    with pytest.raises(ConfigError, match="--plugin my_parts has changed"):
        run(store)
    assert store.scores().empty


def test_every_checkpoint_of_every_lane_is_scored(tmp_path: Path) -> None:
    scores = run(planned(tmp_path))
    assert scores.groupby(["index", "metric"])["step"].apply(list).map(tuple).unique().tolist() == [
        (2, 4, 6, 8)
    ]
    assert set(scores["status"]) == {"ok"}
    assert (scores["images_seen"] == 16 * scores["step"]).all()
    assert scores.groupby("trial_id")["seconds"].apply(lambda s: s.is_monotonic_increasing).all()


def test_a_diverged_lane_has_rows_without_numbers_and_its_pack_mate_is_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run(planned(tmp_path / "alone"))
    diverge(monkeypatch, {step: [False, True] for step in (2, 4, 6, 8)})
    store = planned(tmp_path / "diverged")
    scores = run(store)
    lost, kept = (scores[scores["index"] == index] for index in (0, 1))
    assert set(lost["status"]) == {"diverged"}
    assert lost["value"].isna().all()
    assert len(lost) == len(kept)
    assert kept["value"].equals(alone.loc[alone["index"] == 1, "value"])
    (pack,) = store.plan().packs
    rows = [
        row for attempt in store.attempts(pack) for row in attempt.scores() if row["status"] == "diverged"
    ]
    assert {row["value"] for row in rows} == {None}
    assert (store.counts()["diverged"], store.counts()["done"]) == (1, 1)
    assert (snapshots(store, 0), len(snapshots(store, 1)) > 0) == ([], True)


def test_datasets_stay_apart_and_one_short_pack_does_not_end_the_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path, "model=ns_gan,vae", "dataset=ring,grid", "protocol=null", "pack=1")
    now, taken = [0.0], list[tuple[str, str]]()

    def attempt(_: Any, attempt: Attempt, work: Any, *__: Any) -> None:
        if isinstance(work, Pack):
            now[0] += 0.0 if len(taken) == 2 else 120.0
            taken.append((work.variant["dataset"], work.variant["model"]))
        attempt.finish("done")

    monkeypatch.setattr(slot, "_attempt", attempt)
    monkeypatch.setattr(slot, "time", SimpleNamespace(monotonic=lambda: now[0]))
    run_slot(str(tmp_path), store.name, 0, lambda: False)
    assert taken == [(dataset, model) for dataset in ("ring", "grid") for model in ("ns_gan", "vae") * 2]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (120.0, ["ns_gan", "lsgan", "vae", "ns_gan", "lsgan", "vae", "lsgan"]),
        (119.0, ["ns_gan", "ns_gan", "lsgan", "lsgan", "vae", "vae", "lsgan"]),
    ],
)
def test_long_packs_are_taken_from_all_variants_in_turn(
    seconds: float, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = ("model=ns_gan,lsgan,vae", "pack=1")
    store, more = planned(tmp_path, *models), search_settings(define(*models, "search.trials=3"))
    extend(store, define(*models), [s for s in more if s.variant["model"] == "lsgan"])
    now, taken = [0.0], list[str]()

    def attempt(_: Any, attempt: Attempt, work: Any, *__: Any) -> None:
        if isinstance(work, Pack):
            now[0] += seconds
            taken.append(work.variant["model"])
        attempt.finish("done")

    monkeypatch.setattr(slot, "_attempt", attempt)
    monkeypatch.setattr(slot, "time", SimpleNamespace(monotonic=lambda: now[0]))
    run_slot(str(tmp_path), store.name, 0, lambda: False)
    assert taken == expected


def test_weights_that_overflow_are_found_without_help(tmp_path: Path) -> None:
    scores = run(planned(tmp_path, "search.space=fixed", "model.lr=1.0e+38"))
    assert set(scores["status"]) == {"diverged"}
    assert scores["value"].isna().all()


def test_a_score_that_is_not_finite_is_a_diverged_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, [[1.0, 1.0], [math.nan, 1.0], [math.inf, 1.0], [2.0, 1.0]])
    store = planned(tmp_path)
    scores = run(store)
    first = scores[scores["index"] == 0].groupby("step")["status"].unique().map(list).to_dict()
    assert first == {2: ["ok"], 4: ["diverged"], 6: ["diverged"], 8: ["ok"]}
    assert set(scores.loc[scores["index"] == 1, "status"]) == {"ok"}
    assert snapshots(store, 0) == [2, 8]


def test_what_a_trial_raises_is_a_record_and_the_slot_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PackTraining.advance

    def advance(self: PackTraining) -> Any:
        if self.lanes == 2:
            raise ZeroDivisionError("a bug")
        return real(self)

    monkeypatch.setattr(PackTraining, "advance", advance)
    store = planned(tmp_path, "pack=2", "search.trials=3")
    run(store)
    assert (store.counts()["failed"], store.counts()["done"]) == (2, 1)
    monkeypatch.setattr(PackTraining, "advance", real)
    run(store)
    assert store.counts()["failed"] == 2
    run(store, retry_failed=True)
    assert store.counts()["done"] == 3


def test_what_the_user_can_mend_ends_the_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def advance(self: PackTraining) -> Any:
        raise DataError("get the data")

    monkeypatch.setattr(PackTraining, "advance", advance)
    store = planned(tmp_path)
    with pytest.raises(DataError, match="get the data"):
        run(store)
    assert store.counts()["failed"] == 0


def test_logs_are_kept_at_a_tenth_of_the_interval_and_never_hold_nan(tmp_path: Path) -> None:
    store = planned(tmp_path, "budget.steps=40", "budget.every=20", "search.space=fixed", "model.lr=1.0e+38")
    run(store)
    (pack,) = store.plan().packs
    logs = store.attempts(pack)[0].logs()
    assert sorted({row["step"] for row in logs}) == list(range(2, 41, 2))
    assert len(logs) == 2 * 20
    values = [v for row in logs for k, v in row.items() if k not in ("trial_id", "step")]
    assert None in values


def test_lanes_beyond_the_trials_are_discarded(tmp_path: Path) -> None:
    store = planned(tmp_path, "search.trials=3")
    scores = run(store)
    (pack,) = store.plan().packs.values()
    assert (pack.lanes, len(pack.trial_ids)) == (4, 3)
    assert scores["trial_id"].nunique() == 3
    assert store.counts()["done"] == 3


def test_baselines_are_scored_once_with_the_real_samples(tmp_path: Path) -> None:
    store = planned(tmp_path)
    run(store)
    table = store.baselines()
    assert set(table["baseline"]) == {"real", "replay", "blank", "untrained"}
    assert table.loc[(table["baseline"] == "real") & (table["metric"] == "f1_ring"), "value"].item() > 0.9
    (unit,) = store.definition()["baselines"]
    assert [attempt.number for attempt in store.attempts(unit["id"])] == [1]
    assert store.work()[unit["id"]] == "done"


def test_configs_of_trials_come_from_the_frozen_definition(tmp_path: Path) -> None:
    store = planned(tmp_path)
    trial = store.plan().trials[1]
    config = trial_config(store.definition(), trial.variant, trial.params)
    assert config["model"]["lr"] == trial.params["model.lr"] == config["optimizer"]["lr"]
    assert config["budget"]["steps"] == 8


def test_a_metrics_direction_is_the_protocols_word() -> None:
    protocol = resolve(compose(["dataset=polygons"]).config)["protocol"]
    assert direction_of(protocol, "f1_polygons@3") == "max"
    assert direction_of(protocol, "fd_lenet28") == "min"
    with pytest.raises(UserError, match="gives no metric 'f1_ring'"):
        direction_of(protocol, "f1_ring")


@pytest.fixture(autouse=True)
def _plain() -> Iterator[None]:
    with plain_reports():
        yield


def test_baselines_that_fail_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def baselines(self: Scorer, untrained: Any) -> Any:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(Scorer, "baselines", baselines)
        ran = sweep(tmp_path)
    assert ran.code == 3
    assert "0 trials (1 packs) failed: see `ganbench failures quickstart --results" in ran.err
    assert sweep(tmp_path, "--retry", "failed").code == 0
