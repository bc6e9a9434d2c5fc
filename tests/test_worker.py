"""A slot at work: the scored steps, diverged trials, what is scored at the end, and the snapshots that stay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from commands import SHORT, TINY, plain_reports, sweep
from safetensors import SafetensorError

from ganbench.config import compose, resolve
from ganbench.errors import DataError, UserError
from ganbench.planning import definition_of, extend, search_settings
from ganbench.scoring import Scorer
from ganbench.store import Store
from ganbench.sweepfile import load_sweep, variants
from ganbench.training import PackTraining
from ganbench.worker import checkpoint_steps, direction_of, load_snapshot, run_slot, trial_config

EIGHT = ("budget.steps=8", "budget.every=2")


def planned(results: Path, *overrides: str) -> Store:
    """Plan a tiny sweep of one model with two settings, which fill one pack."""
    few = ["model=ns_gan", "dataset=ring", "search.trials=2", "rerun=null"]
    spec = load_sweep("quickstart", [*few, *TINY, *SHORT, *EIGHT, *overrides])
    definition = {**definition_of(spec, variants(spec)), "plugins": {}}
    store = Store(results, "quickstart")
    store.create(definition)
    extend(store, definition, search_settings(definition))
    return store


def run(store: Store, **options: Any) -> pd.DataFrame:
    run_slot(str(store.results), store.name, 0, lambda: False, **options)
    return store.tidy()


def plant(monkeypatch: pytest.MonkeyPatch, energies: list[list[float]]) -> None:
    """Let the two lanes have these energies at their scored checkpoints; baselines are scored as they are."""
    left = [value for checkpoint in energies for value in checkpoint]
    real = Scorer.score

    def score(self: Scorer, fakes: Any, procedure: Any, at: tuple[str, ...] = ("every",)) -> dict[str, float]:
        values = real(self, fakes, procedure, at)
        return values | {"energy_ring": left.pop(0)} if "energy_ring" in values else values

    monkeypatch.setattr(Scorer, "score", score)
    monkeypatch.setattr(Scorer, "baselines", lambda self, untrained: {})


def diverge(monkeypatch: pytest.MonkeyPatch, steps: dict[int, list[bool]]) -> None:
    """Let lanes be found with NaN at these steps."""
    real = PackTraining.finite

    def finite(self: PackTraining) -> torch.Tensor:
        return real(self) & torch.tensor(steps.get(self.progress.step, [True, True]))

    monkeypatch.setattr(PackTraining, "finite", finite)


def snapshots(store: Store, index: int) -> list[int]:
    """Return the steps at which a setting's snapshot is kept."""
    trial = store.plan().trials[index]
    return sorted(step for name, step in store.snapshots(trial.pack_id) if name == trial.trial_id)


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


def test_the_best_finite_checkpoint_is_kept_before_and_after_divergence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # lane 0 is finite at 2 and 6 only, lane 1 from step 4 on
    diverge(monkeypatch, {2: [True, False], 4: [False, True], 8: [False, True]})
    plant(monkeypatch, [[0.5], [0.7], [0.4, 0.9], [0.8]])
    store = planned(tmp_path)
    scores = run(store)
    assert snapshots(store, 0) == [6]
    assert snapshots(store, 1) == [4, 8]
    energy = scores[scores["metric"] == "energy_ring"].pivot_table(
        index="index", columns="step", values="value"
    )
    assert energy.loc[0].to_dict() == pytest.approx({2: 0.5, 4: math.nan, 6: 0.4, 8: math.nan}, nan_ok=True)
    assert store.counts()["diverged"] == 2


@pytest.mark.parametrize(
    ("keep", "expected"),
    [("best_last", ([4, 8], [8])), ("all", ([2, 4, 6, 8], [2, 4, 6, 8])), ("none", ([], []))],
)
def test_snapshots_that_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str, expected: tuple[list[int], list[int]]
) -> None:
    plant(monkeypatch, [[0.5, 0.5], [0.2, 0.4], [0.3, 0.4], [0.4, 0.1]])
    store = planned(tmp_path, f"budget.keep={keep}")
    run(store)
    assert (snapshots(store, 0), snapshots(store, 1)) == expected
    assert not list(tmp_path.rglob("checkpoint-*.pt"))


def test_the_earliest_of_equal_checkpoints_is_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, [[0.5, 0.5], [0.5, 0.4], [0.5, 0.4], [0.5, 0.4]])
    store = planned(tmp_path)
    run(store)
    assert (snapshots(store, 0), snapshots(store, 1)) == ([2, 8], [4, 8])


def test_a_metric_to_maximise_selects_the_largest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, [[0.1, 0.1], [0.9, 0.2], [0.3, 0.9], [0.4, 0.4]])
    store = planned(tmp_path, "protocol.metrics.energy_ring.directions={energy: max}")
    run(store)
    assert (snapshots(store, 0), snapshots(store, 1)) == ([4, 8], [6, 8])


def test_metrics_that_wait_for_the_end_are_scored_at_the_best_and_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(planned(tmp_path / "whole"))
    monkeypatch.setattr(Scorer, "baselines", lambda self, untrained: {})
    diverge(monkeypatch, {8: [False, True]})
    scores = run(planned(tmp_path / "late", "protocol.metrics.fd_pixels.at=best_last"))
    energy = whole[(whole["metric"] == "energy_ring") & ~((whole["index"] == 0) & (whole["step"] == 8))]
    best = energy.loc[energy.groupby("index")["value"].idxmin()].set_index("index")["step"]
    for index in (0, 1):
        mine = scores[scores["index"] == index]
        assert set(mine.loc[mine["metric"] == "energy_ring", "step"]) == {2, 4, 6, 8}
        assert set(mine.loc[mine["metric"] == "fd_pixels", "step"]) == {int(best[index]), 8}
    at_8 = scores[(scores["index"] == 0) & (scores["step"] == 8)]
    assert set(at_8["status"]) == {"diverged"}
    assert {"fd_pixels", "energy_ring"} <= set(at_8["metric"])
    # a snapshot read back gives the scores that the generator in memory gave
    keys = ["index", "step", "metric"]
    both = scores[scores["status"] == "ok"].merge(whole, on=keys, suffixes=("", "_then"))
    assert both["value"].equals(both["value_then"])
    assert "fd_pixels" in set(both.loc[both["step"] < 8, "metric"])


def test_a_resumed_pack_scores_a_best_snapshot_of_an_earlier_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = "protocol.metrics.ring.at=best_last"
    energies = [[0.1, 0.5], [0.5, 0.1], [0.5, 0.5], [0.5, 0.5]]
    with monkeypatch.context() as patch:
        plant(patch, energies)
        whole = run(planned(tmp_path / "whole", late))
    store = planned(tmp_path / "resumed", late)
    with monkeypatch.context() as patch:
        plant(patch, energies[:2])
        calls: list[int] = []
        run_slot(str(store.results), store.name, 0, lambda: calls.append(0) or len(calls) > 6)  # type: ignore[func-returns-value]
    (pack,) = store.plan().packs
    assert store.states()[pack] == "lost"
    with monkeypatch.context() as patch:
        plant(patch, energies[2:])
        scores = run(store)
    assert [attempt.number for attempt in store.attempts(pack)] == [1, 2]
    changing = ["seconds", "score_seconds", "attempt"]
    assert scores.drop(columns=changing).equals(whole.drop(columns=changing))
    assert set(scores.loc[(scores["index"] == 0) & (scores["metric"] == "f1_ring"), "step"]) == {2, 8}


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


def test_a_snapshot_that_is_cut_is_not_read(tmp_path: Path) -> None:
    store = planned(tmp_path)
    run(store)
    path = next(iter(store.snapshots(next(iter(store.plan().packs))).values()))
    assert load_snapshot(path).generator
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(SafetensorError):
        load_snapshot(path)


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
    assert "0 trials (1 packs) failed: see `ganbench failures quickstart`" in ran.err
    assert sweep(tmp_path, "--retry", "failed").code == 0
