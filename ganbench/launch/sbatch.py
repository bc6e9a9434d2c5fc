"""The door to SLURM's queue: submitit's executor with a site's settings."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import submitit

from ganbench import files
from ganbench.errors import ConfigError
from ganbench.launch.slots import ONE_THREAD

_FOR_EVER = 10**9  # submitit counts time limits; how often a pack may fail is ours to say
_OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")
_OF_THE_SITE = ("SLURM_CONF", "SUBMITIT_PREEMPT_SIGNAL")

logging.getLogger("submitit").setLevel(logging.WARNING)


class Queue(submitit.SlurmExecutor):
    """submitit's executor, which also tells the script that it would submit."""

    @classmethod
    def affinity(cls) -> int:
        """Return that there is a SLURM: whoever submits has asked it already, and a script needs none."""
        return 2

    def script(self, slots: int) -> str:
        """Return the batch script for so many slots."""
        if slots > 1:
            self.parameters["map_count"] = slots
        text: str = self._make_submission_file_text(self._submitit_command_str, "")
        return text


def slot_queue(folder: Path, settings: Mapping[str, Any], name: str) -> Queue:
    """Return the queue for slots: told to save before their limit, and allowed to queue again."""
    signalled = {} if settings["use_srun"] else {"signal": f"B:USR2@{settings['signal_s']}"}
    return _queue(
        folder,
        settings,
        job_name=name,
        time=settings["time_min"],
        cpus_per_task=settings["cpus"],
        mem=settings["mem"],
        gres=settings["gres"],
        gpus_per_node=settings["gpus"],
        partition=settings["partition"],
        qos=settings["qos"],
        use_srun=settings["use_srun"],
        # since SLURM 22.05 srun no longer knows what sbatch was told
        srun_args=[f"--cpus-per-task={settings['cpus']}", *settings["srun"]],
        signal_delay_s=settings["signal_s"],
        additional_parameters={"requeue": True, **signalled, **settings["sbatch"]},
    )


def continuation_queue(folder: Path, settings: Mapping[str, Any], name: str, after: Sequence[str]) -> Queue:
    """Return the queue for a continuation: it starts when the jobs `after` have ended, however they did."""
    own = settings["continuation"]
    return _queue(
        folder,
        settings,
        job_name=name,
        time=own["time_min"],
        cpus_per_task=own["cpus"],
        mem=own["mem"],
        partition=own["partition"] or settings["partition"],
        qos=own["qos"] or settings["qos"],
        use_srun=False,
        dependency=f"afterany:{':'.join(after)}" if after else None,
        additional_parameters={"requeue": True, **settings["sbatch"]},
    )


def _queue(folder: Path, settings: Mapping[str, Any], **more: Any) -> Queue:
    python = settings["python"] or shlex.quote(sys.executable)
    # without srun the signals of SLURM reach the batch process only: that must be Python itself
    queue = Queue(folder.absolute(), _FOR_EVER, python=python if more["use_srun"] else f"exec {python}")
    threads = [f"export {variable}={count}" for variable, count in ONE_THREAD.items()]
    own = {k: settings[k] for k in ("account", "constraint", "exclude", "nodelist", "comment", "wckey")}
    setup = [*threads, *settings["setup"]]
    queue.update_parameters(**own, **more, setup=setup, stderr_to_stdout=True, array_parallelism=_FOR_EVER)
    return queue


def submit(queue: Queue, work: Sequence[Any]) -> str:
    """Submit one job, or one array; return its id. Raises `ConfigError` with sbatch's words if it is refused."""
    folder = Path(queue.folder)
    with files.mendable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        before = set(folder.glob("*.pkl"))
        try:
            with _outside_of_any_job():
                jobs = queue.submit_array(list(work))
        except submitit.core.utils.FailedJobError as error:
            for path in set(folder.glob("*.pkl")) - before:
                path.unlink(missing_ok=True)
            raise ConfigError(f"sbatch refuses: {_why(error)}; change it with launcher.<setting>=…") from None
    return str(jobs[0].job_id).partition("_")[0]


def _why(error: Exception) -> str:
    """Return sbatch's own words without submitit's frame."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line.partition("error: ")[2] for line in lines if line.startswith("sbatch: error: ")]
    return "; ".join(said) or " ".join(lines)


def forget_ended(folder: Path, live: set[str]) -> None:
    """Remove the pickles of jobs that are gone, and submitit's links; records, scripts and output stay."""
    for path in (*folder.glob("*.pkl"), *folder.glob(".submission_file_*.sh")):
        key = path.name.removesuffix("_submitted.pkl").removesuffix("_0_result.pkl")
        if key not in live:
            with suppress(OSError):
                path.unlink()


@contextmanager
def _outside_of_any_job() -> Iterator[None]:
    """Hide the job that this process runs in: what it submits would inherit its shape.

    submitit's `clean_env` also hides SLURM_CONF and the user's own defaults for sbatch (SBATCH_ACCOUNT …).
    """
    hidden = {k: v for k, v in os.environ.items() if k.startswith(_OF_A_JOB) and k not in _OF_THE_SITE}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
