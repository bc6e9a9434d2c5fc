"""What is gathered for an analysis: the store's scores, texts as categories, wherever they are read from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from stores import DEFINITION, claimed, finish, pack_of, score, trial

from ganbench.analysis.results import ReportError
from ganbench.analysis.selection import outcomes
from ganbench.analysis.summary import summarise
from ganbench.gather import gather, gather_under
from ganbench.store import Store
from ganbench.store.later import remember

METRIC = {"space": "ring", "directions": {"f1": "max", "energy": "min"}}
ROLES = ("headline", "curve", "select")
RULES = {"metrics": {"all": METRIC}, **dict.fromkeys(ROLES, "f1_ring")}
TEXTS = ["trial_id", "metric", "protocol", "status", "pack_id"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two packs, named against the order in which they were planned: one done, one on its way."""
    made = Store(tmp_path, "toy")
    axes = {"model": ["a"], "dataset": ["ring"]}
    made.create({**DEFINITION, "axes": axes, "protocols": {"ring": {"id": "p0", "name": "own", **RULES}}})
    trials = [trial(1, "q"), trial(0, "p")]
    made.extend_plan(trials, [pack_of(t) for t in trials])
    finish(
        claimed(made, "q"), score("t1", 10, None), score("t1", metric="f1_ring"), score("t1", metric="energy")
    )
    claimed(made, "p").append_scores([score("t0", 10)])
    return made


def plain(store: Store) -> pd.DataFrame:
    scores = Store(store.results, store.name).scores().drop(columns=["model", "dataset"])
    return scores.astype(dict.fromkeys(TEXTS, "category"))


def gathered(store: Store) -> pd.DataFrame:
    return gather(Store(store.results, store.name)).scores


def test_scores_of_attempts_are_the_store_s(store: Store) -> None:
    pd.testing.assert_frame_equal(gathered(store), plain(store))


def test_compacted_scores_are_the_store_s(store: Store) -> None:
    store.compact()
    found = gathered(store)
    pd.testing.assert_frame_equal(found, plain(store))
    assert found["trial_id"].tolist() == ["t1", "t1", "t1", "t0"]
    assert found["trial_id"].cat.categories.tolist() == ["t0", "t1"]


def test_what_came_after_compaction_joins_it(store: Store) -> None:
    store.compact()
    again = store.attempts("p")[-1].folder / "scores.jsonl"
    before = again.read_text()
    again.write_text(before + before.replace('"step": 10', '"step": 20'))
    found = gathered(store)
    pd.testing.assert_frame_equal(found, plain(store))
    assert sorted(found.loc[found["trial_id"] == "t0", "step"]) == [10, 20]


def test_texts_that_are_missing_stay_missing(store: Store) -> None:
    path = store.compact()
    table = pd.read_parquet(path)
    table.assign(pack_id=table["pack_id"].where(table["pack_id"] == "q")).to_parquet(path)
    found = gathered(store)  # the file is another than was compacted: attempts are read, too, and newer
    assert found["pack_id"].notna().all()
    for name in ("p", "q"):
        (store.folder / "packs" / name).rename(store.folder / name)
    found = gathered(store)
    assert found["pack_id"].tolist()[:3] == ["q"] * 3
    assert found["pack_id"].isna().tolist() == [False] * 3 + [True]


def test_a_plan_that_outcomes_settle_needs_no_scores(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.compact()
    store.attempts("p")[-1].folder.joinpath("outcome.json").write_text('{"outcome": "done"}')
    monkeypatch.setattr("ganbench.store.frames.read_reached", lambda _: pytest.fail("read"))
    assert Store(store.results, store.name).trial_states()["state"].tolist() == ["diverged", "done"]


@pytest.mark.parametrize("compacted", [False, True])
def test_a_checkpoint_that_diverged_in_training_is_diverged_under_any_protocol(
    store: Store, *, compacted: bool
) -> None:
    remember(store, "p1", {"name": "later", **RULES})
    store.add_scores([replace(score("t1", 5, 0.75), protocol="p1")])
    if compacted:
        store.compact()
    found = gather_under(Store(store.results, store.name), "later")
    assert set(found.scores["protocol"]) == {"p1"}
    rows = found.scores.set_index("step")[["trial_id", "metric", "value", "status"]].T
    assert rows[5].tolist() == ["t1", "f1_ring", 0.75, "ok"]
    assert rows[10].fillna("none").tolist() == ["t1", "f1_ring", "none", "diverged"]
    assert found.own is not None
    assert set(found.own[0].scores["protocol"]) == {"p0"}
    assert found.protocol("ring")["id"] == "p1"
    run = outcomes(found).iloc[0]
    assert (run["best"], run["last"], run["divergence"]) == (0.75, 0.0, "diverged later")
    with pytest.raises(ReportError, match="1 of 1 finished trials are not scored at their last checkpoint"):
        summarise(found, allow_partial=False)


def test_what_one_later_protocol_could_not_score_says_nothing_of_another(store: Store) -> None:
    for name, value in (("p1", 0.75), ("p2", None)):
        remember(store, name, {"name": name, **RULES})
        store.add_scores([replace(score("t1", 5, value), protocol=name)])
    store.add_scores([replace(score("t1", 7, None), protocol="p2")])
    rows = gather_under(store, "p1").scores.set_index("step")["status"]
    assert rows.to_dict() == {5: "ok", 10: "diverged"}


def test_a_finite_trial_that_waits_to_be_scored_is_not_called_diverged(store: Store) -> None:
    remember(store, "p1", {"name": "later", **RULES})
    store.add_scores([replace(score("t0", 10), protocol="p1")])
    assert set(gather_under(store, "later").scores["trial_id"]) == {"t0"}


def test_each_dataset_is_under_its_own_protocol(tmp_path: Path) -> None:
    made, datasets = Store(tmp_path, "toy"), {"ring": "p0", "grid": "p1"}
    rules = {name: {"id": identity, "name": identity, **RULES} for name, identity in datasets.items()}
    made.create({**DEFINITION, "axes": {"model": ["a"], "dataset": [*datasets]}, "protocols": rules})
    trials = [
        replace(trial(number, f"q{number}"), variant={"model": "a", "dataset": dataset})
        for number, dataset in enumerate(datasets)
    ]
    made.extend_plan(trials, [pack_of(t) for t in trials])
    finish(claimed(made, "q0"), score("t0"))
    finish(claimed(made, "q1"), replace(score("t1"), protocol="p1"))
    made.add_scores([replace(score("t0", value=0.25), protocol="p1")])
    pairs = [["t0", "p0"], ["t1", "p1"]]
    assert gather(made).scores[["trial_id", "protocol"]].to_numpy().tolist() == pairs
    under = gather_under(made, "p1")
    assert under.scores[["trial_id", "protocol"]].to_numpy().tolist() == [["t0", "p1"], ["t1", "p1"]]
    assert {dataset: under.later(dataset) for dataset in datasets} == {"ring": True, "grid": False}
