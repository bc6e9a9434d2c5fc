"""A cluster: whether SLURM answers, what it allows and how it tells a job to stop, and what its nodes see."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ganbench import scheduler
from ganbench.doctor.check import HERE, Asked, Check
from ganbench.launch import launcher_settings

ORDER = 3
_WAIT_S = 10  # for a free node; no longer, since a person waits for the answer
_SKEW_S = 60.0


def checks(asked: Asked = HERE) -> Iterator[Check]:
    """Look at SLURM, where there is one, with the settings that `--launcher slurm` would have."""
    if shutil.which("scontrol") is None:
        yield Check("SLURM", ok=True, found="none here; --launcher local runs on this machine")
        return
    settings, site = launcher_settings("slurm", overrides=list(asked.launcher)), scheduler.site()
    yield _controller(site)
    if site is None:
        return
    yield from _limits(site, settings)
    yield _pre_emption(site)
    yield _requeue(site)
    yield _wckey(site, settings)
    yield _accounting(site)
    yield from _nodes(settings, asked.results)


def _controller(site: Mapping[str, str] | None) -> Check:
    if site is None:
        return Check(
            "SLURM",
            ok=False,
            found="its commands are here, but its controller does not answer",
            fix="log in where `scontrol ping` says UP, or set SLURM_CONF",
        )
    return Check("SLURM", ok=True, found=f"{site.get('SLURM_VERSION', '?')}, cluster {site['ClusterName']}")


def _limits(site: Mapping[str, str], settings: Mapping[str, Any]) -> Iterator[Check]:
    said = scheduler.ask("sinfo", "--noheader", "--format=%R|%a|%l|%D|%G") or ""
    rows = [line.split("|") for line in said.splitlines() if line.count("|") == 4]
    open_ = [
        f"{name} (nodes {nodes}, limit {limit}, {gres})"
        for name, up, limit, nodes, gres in rows
        if up == "up"
    ]
    yield Check(
        "SLURM partitions",
        ok=bool(open_),
        found=", ".join(open_) or "none that is up",
        fix="" if open_ else "ask the site when they come back",
    )
    most, wanted = int(site.get("MaxArraySize", 1001)), settings["workers"]
    yield Check(
        "SLURM MaxArraySize",
        ok=wanted <= most,
        found=f"{most} slots at once ({wanted} asked for)",
        fix="" if wanted <= most else f"--workers {most}, or launcher.workers={most}",
    )


def _pre_emption(site: Mapping[str, str]) -> Check:
    kind, name = site.get("PreemptType", "preempt/none"), "SLURM pre-emption"
    if kind in ("preempt/none", "(null)"):
        return Check(name, ok=True, found="none; time limits are announced by signal")
    if not scheduler.pre_empts_silently(site):
        return Check(name, ok=True, found=f"{kind}, announced by signal: slots save and queue again")
    return Check(
        name,
        ok=False,
        found=f"{kind}, announced by SIGTERM at most: slots save if there is a grace time, but cannot queue again",
        fix="the continuation submits them again; ask for SlurmctldParameters=preempt_send_user_signal",
    )


def _requeue(site: Mapping[str, str]) -> Check:
    default = site.get("JobRequeue") == "1"
    how = "the site's default" if default else "not the site's default, slots ask for it"
    return Check(
        "SLURM requeue", ok=True, found=f"{how}; {site.get('KillWait', '30 sec')} from SIGTERM to SIGKILL"
    )


def _wckey(site: Mapping[str, str], settings: Mapping[str, Any]) -> Check:
    wanted = "wckeys" in site.get("AccountingStorageEnforce", "") and settings["wckey"] is None
    return Check(
        "SLURM wckey",
        ok=not wanted,
        found="demanded" if wanted else settings["wckey"] or "off",
        fix="launcher.wckey=NAME" if wanted else "",
    )


def _accounting(site: Mapping[str, str]) -> Check:
    memory = site.get("MinJobAge", "300 sec")
    works = scheduler.ask("sacct", "--noheader", "--allocations") is not None
    found = (
        "sacct answers" if works else f"none: SLURM forgets a job {memory} after its end, the store does not"
    )
    return Check("SLURM accounting", ok=True, found=found)


def _nodes(settings: Mapping[str, Any], results: Path) -> Iterator[Check]:
    """Ask one node what it sees, by a job of a second."""
    folder = _existing(results.absolute())
    mark = folder / f".ganbench-doctor-{uuid.uuid4().hex}"
    answer = mark.with_name(f"{mark.name}-answer")
    try:
        mark.touch()
        said, error = _on_a_node(settings, mark, answer)
        if said is None:
            yield _unasked(error)
        else:
            yield from _seen(said, folder, came_back=answer.exists())
    except OSError as error:
        yield Check(
            "SLURM nodes", ok=False, found=f"cannot write to {folder}: {error.strerror}", fix="--results DIR"
        )
    finally:
        for path in (mark, answer):
            path.unlink(missing_ok=True)


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _on_a_node(settings: Mapping[str, Any], mark: Path, answer: Path) -> tuple[dict[str, str] | None, str]:
    """Return what a node says, or why it could not be asked."""
    python = settings["python"] or shlex.quote(sys.executable)
    probe = (
        "echo host=$(hostname); echo clock=$(date +%s.%N); "
        f"test -e {shlex.quote(str(mark))} && echo seen=yes; touch {shlex.quote(str(answer))}; "
        "command -v scontrol >/dev/null && echo scontrol=yes; "
        f"{python} -c 'import ganbench' 2>/dev/null && echo python=yes; echo end=yes"
    )
    names = ("partition", "account", "qos", "constraint", "exclude")
    options = [f"--{name}={settings[name]}" for name in names if settings[name] is not None]
    command = ["srun", f"--immediate={_WAIT_S}", "--ntasks=1", "--time=2", *options, "bash", "-c"]
    script = "\n".join([*settings["setup"], probe])
    try:
        done = subprocess.run([*command, script], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return None, "it took longer than a minute"
    if "end=yes" not in done.stdout:
        return None, " ".join(done.stderr.split())
    return {k: v for k, _, v in (line.partition("=") for line in done.stdout.splitlines())}, ""


def _unasked(error: str) -> Check:
    name = "SLURM nodes"
    if any(word in error for word in ("busy", "Immediate", "immediate", "longer")):
        return Check(name, ok=True, found=f"not asked: none was free within {_WAIT_S} seconds")
    fix = "name what the site wants, such as launcher.partition=… launcher.account=…"
    return Check(name, ok=False, found=f"srun refuses: {error}", fix=fix)


def _seen(said: Mapping[str, str], folder: Path, *, came_back: bool) -> Iterator[Check]:
    host = said["host"]
    shared = "seen" in said and came_back
    yield Check(
        "SLURM nodes: folder",
        ok=shared,
        found=f"{host} {'shares' if shared else 'does not share'} {folder}",
        fix="" if shared else "put --results on a file system that all nodes mount",
    )
    for key, what, fix in (
        (
            "python",
            "runs this Python and finds ganbench",
            "install on a shared file system, or launcher.setup=[…]",
        ),
        (
            "scontrol",
            "has scontrol, with which a slot queues again",
            "ask for it; the continuation does without",
        ),
    ):
        ok = key in said
        yield Check(
            f"SLURM nodes: {key}",
            ok=ok,
            found=f"{host} {what}" if ok else f"{host}: no",
            fix="" if ok else fix,
        )
    skew = float(said["clock"]) - time.time()
    fine = abs(skew) < _SKEW_S
    found = f"{host} is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    fix = "" if fine else "harmless here, where nothing compares clocks; tell the site"
    yield Check("SLURM nodes: clock", ok=fine, found="as here" if abs(skew) < 2 else found, fix=fix)
