"""A search that learns: sequential it is plain Optuna's, killed anywhere it ends as if it had not been."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from commands import SHORT, TINY, ganbench, plain_reports, refused, sweep
from learning import TPE, learn, planned, recomputed, store_of
from optuna.samplers import TPESampler
from slotwork import define
from stores import environment, wait_until

import ganbench as package
from ganbench import files
from ganbench.controller import ask_more
from ganbench.files import read_json
from ganbench.records import Trial
from ganbench.search import space
from ganbench.store import Store
from ganbench.store.asks import History
from ganbench.worker import packrun

MAIN = "from ganbench.cli import main; main()"
FILES = ("trials.jsonl", "history.jsonl")


@pytest.fixture(scope="module", autouse=True)
def _plain_reports() -> Iterator[None]:
    with plain_reports():
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A sequential search of eight settings that nothing disturbs."""
    results = tmp_path_factory.mktemp("undisturbed")
    assert learn(results).code == 0
    return store_of(results)


def best_energies(store: Store) -> list[float]:
    """Return each setting's best energy over its checkpoints, as stored."""
    table = package.load(store.folder)
    return list(table[table["metric"] == "energy_ring"].groupby("index")["value"].min())


def seed(*address: Any) -> int:
    digest = hashlib.blake2b(json.dumps(address).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % 2**32


def test_a_sequential_search_is_plain_optunas(undisturbed: Store) -> None:
    trials, scores = undisturbed.plan().trials, best_energies(undisturbed)
    distributions = space(undisturbed.definition()["variants"][0]["config"])
    study = optuna.create_study(direction="minimize")
    study.enqueue_trial(trials[0].params)
    for trial, score in zip(trials, scores, strict=True):
        address = seed(0, "model=ns_gan", trial.index)
        study.sampler = TPESampler(n_startup_trials=4, multivariate=True, seed=address)
        asked = study.ask(distributions)
        assert trial.params == asked.params
        study.tell(asked, score)
    assert [trial.is_default for trial in trials] == [True] + [False] * 7
    assert [trial.seed for trial in trials] == list(range(8))


def test_the_history_of_a_sequential_search(undisturbed: Store) -> None:
    scores = best_energies(undisturbed)
    events = [(e.event, e.index, e.state, e.value) for e in History(undisturbed.folder).read()]
    pairs = [(("ask", i, "", None), ("tell", i, "done", score)) for i, score in enumerate(scores)]
    assert events == [event for pair in pairs for event in pair][:-1]  # nobody asks after the last
    assert recomputed(undisturbed) == planned(undisturbed)
    assert [len(pack.trial_ids) for pack in undisturbed.plan().packs.values()] == [1] * 8


@pytest.mark.parametrize(
    ("name", "write", "late"),
    [("trials.jsonl", 6, False), ("trials.jsonl", 6, True), ("history.jsonl", 1, False)],
)
def test_killed_at_a_write_it_ends_as_if_it_had_not_been(
    tmp_path: Path, undisturbed: Store, name: str, write: int, late: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        die_at(patch, name, write, late=late)
        assert learn(tmp_path).code == 130
    before = History(tmp_path / "quickstart").read()
    assert len(before) < 15
    assert learn(tmp_path).code == 0
    for file in FILES:
        assert (tmp_path / "quickstart" / file).read_bytes() == (undisturbed.folder / file).read_bytes()


def die_at(patch: pytest.MonkeyPatch, name: str, write: int, *, late: bool) -> None:
    """Be interrupted when a file is written so many times, before it is there or just after."""
    left, real = [write], files.replace

    def replace(path: Path, writer: Any) -> None:
        left[0] -= path.name == name
        if left[0] or path.name != name or late:
            real(path, writer)
        if not left[0] and path.name == name:
            raise KeyboardInterrupt

    patch.setattr(files, "replace", replace)


def test_a_lost_history_is_told_anew(tmp_path: Path, undisturbed: Store) -> None:
    assert learn(tmp_path, trials=6).code == 0
    (tmp_path / "quickstart" / "history.jsonl").unlink()
    assert learn(tmp_path).code == 0
    assert planned(store_of(tmp_path)) == planned(undisturbed)


@pytest.mark.slow
def test_driver_and_slots_killed_with_two_in_flight(tmp_path: Path) -> None:
    few = ["model=ns_gan", "dataset=ring", "search.trials=2", "rerun=null"]
    words = [*few, *TINY, *SHORT, *TPE, "search.trials=6"]
    line = [sys.executable, "-c", MAIN, "sweep", "quickstart", *words, "--workers", "2"]
    process = subprocess.Popen([*line, "--results", str(tmp_path)], env=environment(), start_new_session=True)
    store = store_of(tmp_path)
    try:
        wait_until(lambda: len(History(store.folder).read()) >= 5, 120)
    finally:
        process.kill()
        process.wait()
        for number in read_records(store):
            os.kill(number, signal.SIGKILL)
    before = History(store.folder).read()
    assert 5 <= len(before) < 11
    ran = learn(tmp_path, "--workers", "2", trials=6, launcher="local")
    assert ran.code == 0, ran
    events = History(store.folder).read()
    assert events[: len(before)] == before
    assert sorted(e.index for e in events if e.event == "ask") == list(range(6))
    assert recomputed(store) == planned(store)
    assert store.counts() | {"done": 6, "total": 6} == store.counts()
    table = package.load(store.folder)
    assert not table.duplicated(["index", "step", "metric"]).any()
    assert set(table["index"]) == set(range(6))


def read_records(store: Store) -> list[int]:
    """Return the processes of slots that live."""
    records = [read_json(path) or {} for path in store.slots.glob("[0-9]*.json")]
    return [r["pid"] for r in records if "ended" not in r and Path(f"/proc/{r['pid']}").exists()]


def test_more_trials_continue_the_search(tmp_path: Path, undisturbed: Store) -> None:
    assert learn(tmp_path, trials=5).code == 0
    assert learn(tmp_path, trials=8).code == 0
    for file in FILES:
        assert (tmp_path / "quickstart" / file).read_bytes() == (undisturbed.folder / file).read_bytes()
    assert "nothing to train" in learn(tmp_path, trials=8).err


def test_packs_of_four_are_asked_for_together(tmp_path: Path) -> None:
    assert learn(tmp_path, "pack=4", "model=ns_gan,vae", trials=6).code == 0
    store = store_of(tmp_path)
    asks = [(e.variant["model"], e.index) for e in History(store.folder).read() if e.event == "ask"]
    fours = [("ns_gan", i) for i in range(4)] + [("vae", i) for i in range(4)]
    assert asks == [*fours, ("ns_gan", 4), ("ns_gan", 5), ("vae", 4), ("vae", 5)]
    assert sorted(len(pack.trial_ids) for pack in store.plan().packs.values()) == [2, 2, 4, 4]
    assert recomputed(store) == planned(store)


def test_shared_searches_share_seeds_not_scores(tmp_path: Path) -> None:
    assert learn(tmp_path, "model=ns_gan,vae", "search.shared=true", trials=6).code == 0
    trials = store_of(tmp_path).plan().trials
    first, second = ([t.params for t in trials if t.variant["model"] == m] for m in ("ns_gan", "vae"))
    assert first[1:4] == second[1:4]
    assert first[4:] != second[4:]


def test_the_best_setting_is_run_again(tmp_path: Path) -> None:
    assert learn(tmp_path, "rerun={top: 1, seeds: 2}", trials=5).code == 0
    store = store_of(tmp_path)
    best = best_energies(store)[:5]
    again = [t for t in store.plan().trials if t.stage == "rerun"]
    assert {t.index for t in again} == {best.index(min(best))}
    assert len(again) == 2


def test_a_failed_setting_teaches_nothing_until_it_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = packrun.pack_training

    def broken(definition: Any, pack: Any, trials: list[Trial], images: Any) -> Any:
        if trials[0].index == 2:
            raise RuntimeError("broken")
        return real(definition, pack, trials, images)

    with monkeypatch.context() as patch:
        patch.setattr(packrun, "pack_training", broken)
        assert learn(tmp_path, trials=5).code == 3
    store = store_of(tmp_path)
    told = {e.index: (e.state, e.value) for e in History(store.folder).read() if e.event == "tell"}
    assert told[2] == ("failed", None)
    assert learn(tmp_path, "--retry", "failed", trials=6).code == 0
    told = {e.index: (e.state, e.value) for e in History(store.folder).read() if e.event == "tell"}
    assert told[2][0] == "done"
    assert recomputed(store) == planned(store)


def test_nothing_is_asked_for_where_a_sweep_is_to_stop(tmp_path: Path) -> None:
    store = Store(tmp_path, "quickstart")
    store.create(define(*TPE))
    for unit in store.definition()["baselines"]:
        claimed = store.claim(unit["id"])
        assert claimed is not None
        claimed.finish("done")
    store.halts.request()
    assert not ask_more(store, lambda: False)
    assert store.plan().trials == []
    store.halts.withdraw()
    assert ask_more(store, lambda: False)
    assert [t.index for t in store.plan().trials] == [0]
    assert ask_more(store, lambda: True)  # a pack waits: nothing is asked for on top
    assert [t.index for t in store.plan().trials] == [0]


def test_searches_planned_up_front_ask_for_nothing(tmp_path: Path) -> None:
    assert sweep(tmp_path).code == 0
    store = store_of(tmp_path)
    assert "adaptive" not in store.definition()
    assert not ask_more(store, lambda: False)
    assert not (store.folder / "history.jsonl").exists()


def test_a_plan_says_that_settings_are_chosen_later(tmp_path: Path) -> None:
    words = ("plan", "quickstart", "model=ns_gan", *TPE, "--results", tmp_path)
    said = ganbench(*words).out
    assert "settings are chosen while the search runs" in said
    assert "planned now: 0 trials in 0 packs (0 new)" in said
    summary = ganbench(*words, "--json").json()
    assert (summary["adaptive"], summary["settings"], summary["planned"]) == (True, 8, 0)
    status = ganbench("status", "quickstart", "--results", tmp_path, "--json")
    assert status.code == 0, status


def test_bad_searches_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    for word, message in (
        ("sampler.n_startup_trails=3", "n_startup_trails"),
        ("sampler.n_startup_trials=x", "n_startup_trials"),
        ("rerun={select: {metric: fid}}", "fid"),
    ):
        assert message in refused(learn(tmp_path, word))
    assert list(tmp_path.iterdir()) == []
