"""What a launch does with SLURM's queue, where a few functions stand in for SLURM."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import plain_reports, refused, sweep
from stores import planned

from ganbench.errors import ConfigError, StoreError
from ganbench.launch import Launched, launch, launcher_settings, slurm
from ganbench.launch.base import Orders
from ganbench.launch.jobs import folder_of
from ganbench.launch.rounds import left, progress
from ganbench.launch.sbatch import Queue
from ganbench.scheduler import Job
from ganbench.store import Store


class Site:
    """A cluster that lists the jobs that it is given and numbers what is submitted."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.submitted: list[str] = []
        self.told: list[tuple[str, ...]] = []
        self.refuses: dict[str, str] = {}  # by how a job's name ends: sbatch's words

    def queued(self, *filters: str) -> list[Job]:
        """Stand in for squeue."""
        names = filters[0].removeprefix("--name=").split(",")
        return [job for job in self.jobs if job.name in names]

    def submit(self, queue: Queue, work: Sequence[Any]) -> str:
        """Stand in for sbatch: nothing starts by itself."""
        name = queue.parameters["job_name"]
        Path(queue.folder).mkdir(parents=True, exist_ok=True)
        if words := next((words for end, words in self.refuses.items() if name.endswith(end)), ""):
            raise ConfigError(f"sbatch refuses: {words}")
        self.submitted.append(name)
        number = str(100 + len(self.submitted))
        self.jobs += [Job(number, f"{number}_{task}", "PENDING", 0, name) for task in range(len(work))]
        return number

    def ask(self, *command: str) -> str | None:
        """Stand in for scancel, and be silent on everything else."""
        self.told.append(command)
        if command[0] != "scancel":
            return None
        self.jobs = [job for job in self.jobs if job.array not in command]
        return ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site()
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(slurm.scheduler, "queued", made.queued)
    monkeypatch.setattr(slurm.scheduler, "ask", made.ask)
    monkeypatch.setattr(slurm.scheduler, "site", lambda: {"ClusterName": "made"})
    monkeypatch.setattr(slurm, "submit", made.submit)
    return made


def start(store: Store, **more: Any) -> Launched:
    settings: Mapping[str, Any] = {**launcher_settings("slurm"), **more}
    return launch(store, settings, then="somewhere.go_on")


def test_a_continuation_keeps_its_own_pickle(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is queued again after a failure of its node reads it once more."""
    store = planned(tmp_path, packs=2)
    folder_of(store).mkdir(parents=True)
    for key in ("7_0", "8"):
        (folder_of(store) / f"{key}_submitted.pkl").touch()
    site.jobs = [Job("8", "8", "RUNNING", 0, f"{slurm.job_name(store)}-then")]
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert start(store).started == 2
    assert [path.name for path in folder_of(store).glob("*.pkl")] == ["8_submitted.pkl"]


def test_slots_go_with_the_continuation_that_is_refused(tmp_path: Path, site: Site) -> None:
    store = planned(tmp_path, packs=2)
    site.refuses = {"-then": "Requested partition configuration not available now"}
    with pytest.raises(ConfigError) as caught:
        start(store)
    assert str(caught.value) == (
        "no job can continue after the slots (launcher.continuation): "
        "sbatch refuses: Requested partition configuration not available now; "
        "job 101 of the slots was cancelled"
    )
    assert site.told == [("scancel", "101")]
    assert not slurm.queued(store).any


@pytest.mark.parametrize("obeys", [True, False])
def test_a_sweep_is_withdrawn_only_where_none_of_its_jobs_is_left(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, obeys: bool
) -> None:
    site.refuses = {"-then": "no"}
    if not obeys:
        monkeypatch.setattr(slurm.scheduler, "ask", lambda *command: None)
    message = refused(sweep(tmp_path, launcher="slurm"))
    assert message.endswith("cancelled" if obeys else "`scancel 101`")
    assert (tmp_path / "quickstart" / "trials.jsonl").exists() is not obeys
    assert bool(site.jobs) is not obeys


def test_a_continuation_finds_that_somebody_has_begun_another_round(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for a driver that submitted slots: that those before them did nothing is no matter any more."""
    store = planned(tmp_path, packs=2)
    last = {"jobs": ["7"], "progress": progress(store, left(store.work()))}
    monkeypatch.setattr(slurm.scheduler, "known", lambda arrays: [Job("7", "7_0", "CANCELLED", 0, "")])
    with pytest.raises(StoreError, match="7_0 of toy was cancelled"):
        start(store, round=last)
    assert start(store).started == 2
    before = list(site.submitted)
    assert start(store, round=last).detached == "2 slots still wait or run"
    assert site.submitted == before


RERUN = "rerun={top: 1, seeds: 2}"


@pytest.mark.parametrize("died", ["before the reruns", "before the report", "never"])
def test_watching_ends_well_only_where_the_sweep_is_at_its_end(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, died: str
) -> None:
    """What slots and continuation do is done here in the moment in which they are submitted."""
    real = slurm.run

    def run(store: Store, settings: Mapping[str, Any], orders: Orders) -> Launched:
        done = real(store, settings, orders)
        site.jobs.clear()
        rerun = "rerun=null" if died == "before the reruns" else RERUN
        inline = sweep(tmp_path / "elsewhere", rerun)
        assert inline.code == 0
        for name in ("trials.jsonl", "packs"):
            there = tmp_path / "elsewhere" / "quickstart" / name
            shutil.move(there, store.folder / name)
        if died == "never":
            shutil.move(tmp_path / "elsewhere" / "quickstart" / "report", store.folder / "report")
        return done

    monkeypatch.setattr(slurm, "run", run)
    with plain_reports():
        ran = sweep(tmp_path, RERUN, "--watch", launcher="slurm")
    if died == "never":
        assert ran.code == 0, ran.err
    else:
        assert ran.code == 2
        assert "nothing of quickstart waits or runs in SLURM, and it is not at its end" in ran.err
        assert ran.err.endswith("; the same command continues\n")
