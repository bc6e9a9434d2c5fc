"""What squeue, scontrol and sacct are asked, and how their answers judge a claim. The programs here are scripts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench import scheduler
from ganbench.scheduler import Job, Scheduler, ask, job_key, known, pre_empts_silently, queued, site

SITE = {"ClusterName": "blue", "PrivateData": "none"}
ELEMENT = {"SLURM_JOB_ID": "19", "SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "2"}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put a script on the PATH that notes what it is asked."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("SLURM_CONF", raising=False)
    scheduler._site.cache_clear()

    def write(name: str, body: str) -> Path:
        asked = tmp_path / f"{name}.asked"
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$*" >>{asked}\n{body}\n')
        (tmp_path / name).chmod(0o755)
        return asked

    return write


def test_jobs_are_read_from_one_table(program: Callable[[str, str], Path]) -> None:
    asked = program(
        "squeue",
        "cat <<END\n17   |17  |3   |PENDING|0|a b\n19   |17  |2   |RUNNING|1|a b\n21   |N/A |N/A |COMPLETING|0|c\nEND",
    )
    assert queued("--user=7") == [
        Job("17", "17_3", "PENDING", 0, "a b"),
        Job("17", "17_2", "RUNNING", 1, "a b"),
        Job("N/A", "21", "COMPLETING", 0, "c"),
    ]
    assert asked.read_text().count("\n") == 1
    assert "--user=7" in asked.read_text()
    assert "--array" in asked.read_text(), "pending elements one by one"


def test_ended_jobs_are_remembered_by_the_controller_or_by_accounting(
    program: Callable[[str, str], Path],
) -> None:
    program("squeue", "echo '19|17|2|CANCELLED|0|a'")
    assert [(job.key, job.state) for job in known(["17"])] == [("17_2", "CANCELLED")]
    program("squeue", "exit 1")
    program("sacct", "printf '17_2|CANCELLED by 0\\n17_3|COMPLETED\\n'")
    assert [(job.key, job.state) for job in known(["17"])] == [("17_2", "CANCELLED"), ("17_3", "COMPLETED")]
    program("sacct", "exit 1")
    assert known(["17"]) == []


def test_a_program_that_fails_or_is_not_there_says_nothing(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("squeue", "echo half; exit 1")
    assert (ask("squeue"), queued()) == (None, None)
    assert ask("no-such-program-of-slurm") is None
    program("squeue", "sleep 5")
    monkeypatch.setattr(scheduler, "TIMEOUT_S", 0.1)
    assert ask("squeue") is None


def test_a_configuration_that_is_gone_is_not_waited_for(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = program("scontrol", "echo 'ClusterName = blue'")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    assert site() is None
    assert not asked.exists()
    (tmp_path / "slurm.conf").touch()
    assert (site(), site()) == ({"ClusterName": "blue"}, {"ClusterName": "blue"})
    assert asked.read_text() == "show config\n", "asked until it is known, and no more"


def test_keys_of_jobs_and_elements() -> None:
    assert job_key(ELEMENT) == "17_2"
    assert job_key({"SLURM_JOB_ID": "19"}) == "19"
    assert job_key({}) is None


def claim(**more: Any) -> dict[str, Any]:
    return {"uid": os.getuid(), "slurm": ELEMENT, **more}


def judge(
    jobs: list[Job] | None, claim: dict[str, Any], settings: dict[str, str] | None = SITE
) -> bool | None:
    return Scheduler(lambda *_: jobs, lambda: settings)(claim)


@pytest.mark.parametrize(
    ("jobs", "verdict"),
    [
        ([Job("17", "17_2", "RUNNING", 0, "a")], True),
        ([Job("17", "17_2", "COMPLETING", 0, "a")], True),
        ([Job("17", "17_2", "PENDING", 0, "a")], False),
        ([Job("17", "17_2", "RUNNING", 1, "a")], False),
        ([Job("17", "17_3", "RUNNING", 0, "a")], False),
        ([], False),
        (None, None),
    ],
)
def test_a_claim_lives_while_the_very_run_of_its_job_does(
    jobs: list[Job] | None, verdict: bool | None
) -> None:
    assert judge(jobs, claim()) is verdict


def test_a_run_after_a_requeue_is_told_from_the_one_before() -> None:
    later = claim(slurm={**ELEMENT, "SLURM_RESTART_COUNT": "1"})
    assert judge([Job("17", "17_2", "RUNNING", 1, "a")], later) is True


def test_what_cannot_be_seen_is_not_dead() -> None:
    foreign = claim(slurm={**ELEMENT, "SLURM_CLUSTER_NAME": "red"})
    assert judge([], foreign) is None, "another cluster's numbers mean nothing here"
    assert judge([], claim(slurm={**ELEMENT, "SLURM_CLUSTER_NAME": "blue"})) is False
    others = claim(uid=os.getuid() + 1)
    assert judge([], others) is False
    assert judge([], others, {**SITE, "PrivateData": "jobs,usage"}) is None
    assert judge([], claim(), {**SITE, "PrivateData": "jobs,usage"}) is False
    assert judge([], claim(), None) is None


def test_many_claims_are_judged_by_one_call() -> None:
    calls, clock = [], [0.0]

    def look(*filters: str) -> list[Job]:
        calls.append(filters)
        return [Job("17", f"17_{n}", "RUNNING", 0, "a") for n in range(50)]

    told = Scheduler(look, lambda: SITE, lambda: clock[0])
    for number in range(60):
        alive = told(claim(slurm={**ELEMENT, "SLURM_ARRAY_TASK_ID": str(number)}))
        assert alive is (number < 50)
    assert calls == [(f"--user={os.getuid()}",)]
    clock[0] = scheduler.FRESH_S + 1
    told(claim())
    assert len(calls) == 2, "an answer grows old"


@pytest.mark.parametrize(
    ("settings", "silent"),
    [
        ({}, False),
        ({"PreemptType": "preempt/none"}, False),
        ({"PreemptType": "preempt/qos"}, True),
        ({"PreemptType": "preempt/qos", "SlurmctldParameters": "a,preempt_send_user_signal"}, False),
    ],
)
def test_whether_pre_emption_is_announced(settings: dict[str, str], silent: bool) -> None:
    assert pre_empts_silently(settings) is silent
