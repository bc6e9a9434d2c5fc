"""Whole sweeps of real trainings: to their report without anybody logged in, and bit for bit as undisturbed ones."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from commands import plain_reports, refused, sweep, values
from slurmwork import logs, tell, wait_for

from ganbench.files import read_json
from ganbench.launch.jobs import folder_of, word
from ganbench.scheduler import job_key
from ganbench.store import Store

# checkpoints on the way, and more steps than are taken before they are traced
LONG = ("budget.steps=1600", "budget.every=800", "budget.checkpoint_seconds=0.1")
RERUN = "rerun={top: 1, seeds: 2}"
SITE = ("launcher.mem=500M", "launcher.signal_s=30", "--workers", "2")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The scores of the same sweep, trained in this process and not disturbed."""
    results = tmp_path_factory.mktemp("undisturbed")
    with plain_reports():
        assert sweep(results, *LONG, RERUN).code == 0
    return values(results / "quickstart")


def interrupted(results: Path) -> tuple[int, str, Path]:
    """Wait until a slot has saved a checkpoint, halt it there; return its process, its job's key and the attempt."""

    def saved() -> list[Path]:
        return sorted(results.glob("quickstart/packs/*/attempt-1/checkpoint-*.pt"))

    wait_for(saved)
    claim = read_json(saved()[0].parent / "claim.json") or {}
    os.kill(claim["pid"], signal.SIGSTOP)
    return claim["pid"], str(job_key(claim["slurm"])), saved()[0].parent


def is_told(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    pending = next(line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd:"))
    return bool(int(pending, 16) & 1 << (number - 1))


@pytest.mark.slow
def test_a_sweep_pre_empted_on_its_way_ends_with_the_values_of_an_undisturbed_one(
    tmp_path: Path, watched: Callable[[Store], Store], undisturbed: pd.DataFrame
) -> None:
    store = watched(Store(tmp_path, "quickstart"))
    ran = sweep(tmp_path, *LONG, RERUN, *SITE, launcher="slurm")
    assert (ran.code, ran.out) == (0, ""), ran.err
    assert "2 slots submitted as job " in ran.err, "for the baselines and one pack"
    pid, key, attempt = interrupted(tmp_path)
    tell("scancel", "--signal=USR2", key)
    wait_for(lambda: is_told(pid, signal.SIGUSR2))
    os.kill(pid, signal.SIGCONT)
    ran = sweep(tmp_path, *LONG, RERUN, *SITE, "--watch", launcher="slurm")
    assert (ran.code, word(store)) == (0, ""), logs(store)
    assert "F1 (ring)" in ran.out, "who watches sees the end"
    assert values(store.folder).equals(undisturbed), logs(store)
    assert (store.folder / "report" / "report.json").exists()
    assert (read_json(attempt / "outcome.json") or {})["outcome"] == "stopped"
    again = (store.attempts(attempt.parent.name)[1].claim() or {})["slurm"]
    assert (job_key(again), again["SLURM_RESTART_COUNT"]) == (key, "1")
    seconds_add_up(store, attempt)
    assert "nothing to train" in sweep(tmp_path, *LONG, RERUN, *SITE, launcher="slurm").err


def seconds_add_up(store: Store, first: Path) -> None:
    """The clock of a resumed pack starts where the checkpoint left it."""
    (checkpoint,) = first.glob("checkpoint-*.pt")
    before = torch.load(checkpoint, weights_only=True)
    rows = store.scores()
    lanes = len(store.plan().packs[first.parent.name].trial_ids)
    mine = rows[rows["trial_id"].isin(store.plan().packs[first.parent.name].trial_ids)]
    final = mine.loc[mine["step"] == 1600, "seconds"].unique()
    assert len(final) == 1
    assert final[0] > before["seconds"] / lanes > 0


def test_a_login_that_watches_is_told_why_nothing_goes_on(
    tmp_path: Path, watched: Callable[[Store], Store]
) -> None:
    store = watched(Store(tmp_path, "quickstart"))
    ran = sweep(tmp_path, *SITE, "launcher.setup=[exit 3]", "--watch", launcher="slurm")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("ganbench: nothing of quickstart waits or runs in SLURM")
    assert str(folder_of(store)) in ran.err
    assert "there is no setting" in refused(sweep(tmp_path, "launcher.partitoin=x", launcher="slurm"))
