"""What SLURM says when it is asked: of jobs, and of itself. None where it cannot be asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

TIMEOUT_S = 20.0
FRESH_S = 10.0  # many claims are judged by one answer
_LIVE = frozenset(
    {"RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"}
)
_FIELDS = ("JobID", "ArrayJobID", "ArrayTaskID", "State", "RestartCnt", "Name")


@dataclass(frozen=True)
class Job:
    """One job, or one element of an array."""

    array: str  # the whole array's id; the job's own where it is none
    key: str  # `<array>_<task>`, or the job's id
    state: str
    restarts: int
    name: str

    @property
    def runs(self) -> bool:
        """Return whether its processes exist, as far as SLURM knows."""
        return self.state in _LIVE


def job_key(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key of the job an environment belongs to; None outside of any."""
    if "SLURM_ARRAY_TASK_ID" in environment:
        return f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"
    return environment.get("SLURM_JOB_ID")


def ask(*command: str) -> str | None:
    """Return what a command of SLURM prints; None where there is none, or it fails or takes too long."""
    configured = Path(
        os.environ.get("SLURM_CONF", "/")
    )  # SLURM would wait a minute for a file that is not there
    if shutil.which(command[0]) is None or not configured.exists():
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def queued(*filters: str) -> list[Job] | None:
    """Return the jobs that wait or run and that squeue's filters (`--user=…`, `--name=…`) let through."""
    return _jobs("--states=PENDING," + ",".join(sorted(_LIVE)), *filters)


def known(arrays: list[str]) -> list[Job]:
    """Return what is known of the elements of arrays, ended ones included: by memory, else by accounting."""
    found = _jobs("--states=all", f"--jobs={','.join(arrays)}") or []
    return found or _accounted(arrays)


def _jobs(*filters: str) -> list[Job] | None:
    said = ask("squeue", "--noheader", "--array", "--Format", ",".join(f"{f}:|" for f in _FIELDS), *filters)
    return None if said is None else [_job(line) for line in said.splitlines() if line.count("|") >= 5]


def _job(line: str) -> Job:
    own, array, task, state, restarts, name = (cell.strip() for cell in line.split("|")[:6])
    key = f"{array}_{task}" if task.isdecimal() else own
    return Job(array, key, state, int(restarts or 0), name)


def _accounted(arrays: list[str]) -> list[Job]:
    said = ask("sacct", "-X", "-n", "-P", "-o", "JobID,State", "-j", ",".join(arrays)) or ""
    rows = (line.split("|")[:2] for line in said.splitlines() if "|" in line)
    return [Job(key.partition("_")[0], key, state.split()[0], 0, "") for key, state in rows if state]


def site() -> dict[str, str] | None:
    """Return SLURM's configuration (`scontrol show config`), asked for until it is known."""
    try:
        return _site()
    except LookupError:
        return None


@lru_cache(maxsize=1)
def _site() -> dict[str, str]:
    said = ask("scontrol", "show", "config")
    if said is None:
        raise LookupError
    pairs = (line.partition("=") for line in said.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def pre_empts_silently(site: Mapping[str, str]) -> bool:
    """Return whether this site takes nodes away without the signal that a job asked for (`--signal`)."""
    pre_empts = site.get("PreemptType", "preempt/none") not in ("preempt/none", "(null)")
    return pre_empts and "preempt_send_user_signal" not in site.get("SlurmctldParameters", "")


class Scheduler:
    """Tells whether the job that made a claim still runs: one squeue call for all claims of a user at a time."""

    def __init__(
        self,
        look: Callable[..., list[Job] | None] = queued,
        settings: Callable[[], Mapping[str, str] | None] = site,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._settings, self._clock = look, settings, clock
        self._seen: dict[int, tuple[float, dict[str, Job] | None]] = {}

    def __call__(self, claim: Mapping[str, Any]) -> bool | None:
        """Return whether it runs; None: this cluster is another one, does not answer, or does not show it."""
        slurm, user = claim["slurm"], claim.get("uid", os.getuid())
        key, jobs = job_key(slurm), self._jobs(user)
        if key is None or jobs is None or not self._shown(slurm, user):
            return None
        job = jobs.get(key)
        return job is not None and job.runs and job.restarts == int(slurm.get("SLURM_RESTART_COUNT", 0))

    def _shown(self, slurm: Mapping[str, str], user: int) -> bool:
        """Return whether a job that is not listed has ended: it is of this cluster, and jobs of others can be seen."""
        settings = self._settings()
        if (
            settings is None
            or slurm.get("SLURM_CLUSTER_NAME", settings["ClusterName"]) != settings["ClusterName"]
        ):
            return False
        hidden = {"jobs", "all"} & set(settings.get("PrivateData", "").split(","))
        return user == os.getuid() or not hidden

    def _jobs(self, user: int) -> dict[str, Job] | None:
        now = self._clock()
        if user not in self._seen or now - self._seen[user][0] > FRESH_S:
            jobs = self._look(f"--user={user}")
            self._seen[user] = now, None if jobs is None else {job.key: job for job in jobs}
        return self._seen[user][1]
