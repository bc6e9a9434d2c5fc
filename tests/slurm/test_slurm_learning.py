"""A search that learns, on a cluster with nobody logged in: slots ask for what they train next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from learning import learn, planned, recomputed, store_of
from slurmwork import logs, wait_for

from ganbench.launch.jobs import word
from ganbench.scheduler import job_key
from ganbench.store import Store
from ganbench.store.asks import History

SITE = ("launcher.mem=500M", "launcher.signal_s=30", "--workers", "2", "rerun={top: 1, seeds: 2}")


def test_two_slots_search_and_the_continuation_runs_the_best_again(
    tmp_path: Path, watched: Callable[[Store], Store]
) -> None:
    store = watched(store_of(tmp_path))
    ran = learn(tmp_path, *SITE, trials=7, launcher="slurm")
    assert (ran.code, ran.out) == (0, ""), ran.err
    assert "2 slots submitted as job " in ran.err, "though nothing is planned yet"
    wait_for((store.folder / "report" / "report.json").exists)
    assert word(store) == "", logs(store)
    asks = [event.index for event in History(store.folder).read() if event.event == "ask"]
    assert asks == list(range(7))
    assert recomputed(store) == planned(store)
    assert store.counts() | {"done": 9, "total": 9} == store.counts(), logs(store)
    arrays = {job_key((store.attempts(p)[0].claim() or {})["slurm"]) for p in store.plan().packs}
    assert len({str(key).partition("_")[0] for key in arrays}) == 2, "one array searches, one runs again"
