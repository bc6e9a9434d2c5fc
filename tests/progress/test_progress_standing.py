from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stores import DEFINITION, claimed, finish, pack_of, planned, score, trial

from ganbench.progress.standing import Standing
from ganbench.store import Store

COUNTS = ("planned", "running", "done", "lost", "diverged", "failed")
CHOICES = {"model": "a", "dataset": "ring"}
METRIC = {"_target_": "x", "space": "ring", "directions": {"f1": "max", "energy": "min"}, "at": "every"}
WHOLE = {
    **DEFINITION,
    "variants": [
        {"choices": {**CHOICES, "model": model}, "config": {"budget": {"steps": 20}}} for model in ("a", "b")
    ],
    "axes": {"model": ["a", "b"], "dataset": ["ring"]},
    "protocols": {"ring": {"name": "p", "id": "p0", "headline": "energy_ring", "metrics": {"ring": METRIC}}},
    "search": {"trials": 2},
    "rerun": {"top": 2, "seeds": [3, 1]},
    "baselines": [{"id": "base"}],
}


def defined(results: Path, **changes: Any) -> Store:
    """A sweep of the variants a and b, two settings each, of which a's are planned."""
    store = Store(results, "toy")
    store.create({**WHOLE, **changes})
    return store


def plan(store: Store, *names: int, stage: str = "search", model: str = "a") -> None:
    trials = [trial(number, f"p{number}", stage=stage) for number in names]
    trials = [type(t)(**{**t.to_json(), "variant": {**CHOICES, "model": model}}) for t in trials]
    store.extend_plan(trials, [pack_of(t) for t in trials])


def do(store: Store, *names: int, value: float | None = 0.5) -> None:
    for number in names:
        finish(claimed(store, f"p{number}"), score(f"t{number}", value=value, metric="energy_ring"))


def row(found: dict[str, Any], model: str, stage: str) -> dict[str, Any]:
    (mine,) = [r for r in found["rows"] if (r["model"], r["stage"]) == (model, stage)]
    return mine


def test_a_sweep_that_is_not_planned_yet(tmp_path: Path) -> None:
    found = Standing(defined(tmp_path)).look()
    assert found["state"] == "not planned"
    assert (found["total"], found["to_come"]) == (0, 2 * (2 + 4))
    assert [(r["model"], r["stage"], r["to_come"]) for r in found["rows"]] == [
        ("a", "search", 2), ("b", "search", 2), ("a", "rerun", 4), ("b", "rerun", 4)
    ]  # fmt: skip
    assert (found["eta_seconds"], found["device_hours"]["left"]) == (None, None)


def test_a_planned_one_has_begun_nothing(tmp_path: Path) -> None:
    store = defined(tmp_path)
    plan(store, 0, 1)
    found = Standing(store).look()
    assert (found["state"], found["planned"], found["to_come"]) == ("planned", 2, 2 + 8)


def test_a_running_one_says_when_it_will_be_over(tmp_path: Path) -> None:
    store = defined(tmp_path, rerun=None)
    plan(store, 0, 1)
    plan(store, 2, 3, model="b")
    do(store, 0)
    attempt = claimed(store, "p1")
    found = Standing(store).look()
    assert (found["state"], found["running"], found["slots"], found["to_come"]) == ("running", 1, 1, 0)
    assert found["rate"]["trials"] == 1
    assert found["eta_seconds"] == pytest.approx(3600 * found["device_hours"]["left"], abs=0.5)
    assert "1 packs that run now" in found["assumes"]
    attempt.finish("stopped")
    halted = Standing(store).look()
    assert (halted["state"], halted["lost"], halted["eta_seconds"]) == ("halted", 1, None)
    assert any("the same command resumes them" in note for note in halted["notes"])


def test_reruns_are_to_come_until_they_are_planned(tmp_path: Path) -> None:
    store = defined(tmp_path)
    plan(store, 0, 1)
    plan(store, 2, 3, model="b")
    do(store, 0, 1, value=0.25)
    do(store, 2, 3, value=None)
    finish(claimed(store, "base"))
    found = Standing(store).look()
    assert row(found, "a", "rerun")["to_come"] == 4
    assert row(found, "b", "rerun")["to_come"] == 0  # never finite: nothing to run again
    assert found["state"] == "halted"
    assert any(note.startswith("reruns are planned when") for note in found["notes"])
    plan(store, 10, 11, stage="rerun")
    assert Standing(store).look()["to_come"] == 0
    do(store, 10, 11)
    assert Standing(store).look()["state"] == "complete"


def test_one_that_ended_with_failures_says_so(tmp_path: Path) -> None:
    store = defined(tmp_path, rerun=None, variants=WHOLE["variants"][:1])
    plan(store, 0, 1)
    do(store, 0)
    finish(claimed(store, "base"))
    claimed(store, "p1").fail("Traceback\nValueError: no")
    found = Standing(store).look()
    assert (found["state"], found["failed"]) == ("finished with failures", 1)
    assert found["notes"] == [f"1 packs failed: see `ganbench failures toy --results {tmp_path}`"]
    assert found["device_hours"]["left"] == 0.0


LEARNS = {"adaptive": True, "rerun": None, "variants": WHOLE["variants"][:1]}


def test_a_search_that_learns_is_not_finished_while_settings_are_to_come(tmp_path: Path) -> None:
    store = defined(tmp_path, **LEARNS)
    plan(store, 0)
    claimed(store, "p0").fail("Traceback\nValueError: no")
    finish(claimed(store, "base"))
    assert Standing(store).look()["state"] == "halted"
    with store.driver():
        assert Standing(store).look()["state"] == "waiting"
    plan(store, 1)
    do(store, 1)
    assert Standing(store).look()["state"] == "finished with failures"


def test_reruns_are_not_waited_for_where_a_pack_failed(tmp_path: Path) -> None:
    store = defined(tmp_path, variants=WHOLE["variants"][:1])
    plan(store, 0, 1)
    do(store, 0)
    claimed(store, "p1").fail("Traceback\nValueError: no")
    finish(claimed(store, "base"))
    assert Standing(store).look()["state"] == "finished with failures"


def test_baselines_run_before_a_search_that_learns_has_chosen_anything(tmp_path: Path) -> None:
    store = defined(tmp_path, **LEARNS)
    assert Standing(store).look()["state"] == "not planned"
    attempt = claimed(store, "base")
    assert Standing(store).look()["state"] == "running"
    finish(attempt)
    assert Standing(store).look()["state"] == "halted"
    with store.driver():
        assert Standing(store).look()["state"] == "waiting"


def test_a_baseline_that_is_missing_keeps_it_from_being_complete(tmp_path: Path) -> None:
    store = defined(tmp_path, rerun=None, variants=WHOLE["variants"][:1])
    plan(store, 0, 1)
    do(store, 0, 1)
    assert Standing(store).look()["state"] == "halted"
    assert Standing(store).look()["baselines"] == {"planned": 1}


@pytest.mark.parametrize(("headline", "best"), [("energy_ring", 0.25), ("f1_ring", 0.75)])
def test_the_best_score_heeds_the_headlines_direction_and_protocol(
    tmp_path: Path, headline: str, best: float
) -> None:
    protocol = {**WHOLE["protocols"]["ring"], "headline": headline}
    store = defined(tmp_path, protocols={"ring": protocol})
    plan(store, 0, 1)
    values = [score(t, value=v, metric=headline) for t, v in (("t0", 0.25), ("t0", 0.75))]
    elsewhere = score("t0", 5, value=-5.0 if headline == "energy_ring" else 5.0, metric=headline)
    attempt = claimed(store, "p0")
    other = type(elsewhere)(**{**elsewhere.to_json(), "protocol": "another"})
    finish(attempt, values[0], type(values[1])(**{**values[1].to_json(), "step": 5}), other)
    found = row(Standing(store).look(), "a", "search")
    assert (found["best"], found["metric"]) == (best, headline)
    assert row(Standing(store).look(), "b", "search")["best"] is None


def test_a_definition_of_few_words_is_enough(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=2)
    finish(claimed(store, "p0"), score("t0"))
    found = Standing(store).look()
    assert {name: found[name] for name in COUNTS} | {"total": found["total"]} == store.counts()
    (only,) = found["rows"]
    assert (only["best"], only["metric"], only["to_come"]) == (None, None, 0)


def test_looking_writes_nothing(tmp_path: Path) -> None:
    store = defined(tmp_path)
    plan(store, 0, 1)
    do(store, 0)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    Standing(store).look()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_one_that_somebody_sees_to_waits(tmp_path: Path) -> None:
    store = defined(tmp_path)
    plan(store, 0, 1)
    with store.driver():
        found = Standing(store).look()
    assert found["state"] == "waiting"
    assert found["driver"].startswith("process ")
    assert Standing(store).look()["state"] == "planned"


def test_jobs_in_a_queue_are_asked_for_only_where_it_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganbench.launch import slurm
    from ganbench.launch.jobs import folder_of
    from ganbench.scheduler import Job

    store, asked = defined(tmp_path), []
    plan(store, 0, 1)
    do(store, 0)

    def queued(_: Store) -> slurm.Queued:
        asked.append(1)
        return slurm.Queued([Job("7", "7_0", "PENDING", 0, "toy")], [])

    monkeypatch.setattr(slurm, "queued", queued)
    assert (Standing(store).look()["state"], asked) == ("halted", [])  # never on a cluster
    folder_of(store).mkdir(parents=True)
    found = Standing(store).look()
    assert (found["state"], found["jobs"], asked) == ("waiting", 1, [1])
    claimed(store, "p1")
    assert (Standing(store).look()["state"], asked) == ("running", [1])
