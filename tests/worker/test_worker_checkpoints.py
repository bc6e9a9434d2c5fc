"""Which checkpoints of a trial are the best, what is scored at the end, and the snapshots that stay."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from safetensors import SafetensorError
from slotwork import diverge, planned, plant, run, snapshots

from ganbench.scoring import Scorer
from ganbench.worker import run_slot
from ganbench.worker.snapshots import load_snapshot


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
    changing = ["seconds", "score_seconds", "compile_seconds", "attempt"]
    assert scores.drop(columns=changing).equals(whole.drop(columns=changing))
    assert set(scores.loc[(scores["index"] == 0) & (scores["metric"] == "f1_ring"), "step"]) == {2, 8}


def test_a_snapshot_that_is_cut_is_not_read(tmp_path: Path) -> None:
    store = planned(tmp_path)
    run(store)
    path = next(iter(store.snapshots(next(iter(store.plan().packs))).values()))
    assert load_snapshot(path).generator
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(SafetensorError):
        load_snapshot(path)
