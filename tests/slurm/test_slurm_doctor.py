"""What the doctor finds on a real cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import ganbench

from ganbench import scheduler
from ganbench.doctor import Asked, Check
from ganbench.doctor.areas import site


def found(results: Path, *launcher: str) -> dict[str, Check]:
    return {check.name: check for check in site.checks(Asked(results, launcher))}


def test_a_site_in_good_health(tmp_path: Path) -> None:
    checks = found(tmp_path / "results")
    assert [check for check in checks.values() if not check.ok] == []
    assert checks["SLURM"].found.endswith("cluster virtual")
    assert "main (nodes 3, limit infinite, gpu:2)" in checks["SLURM partitions"].found
    assert checks["SLURM MaxArraySize"].found == "1001 slots at once (16 asked for)"
    assert "announced by signal" in checks["SLURM pre-emption"].found
    assert checks["SLURM requeue"].found == "the site's default; 5 sec from SIGTERM to SIGKILL"
    assert (checks["SLURM wckey"].found, checks["SLURM accounting"].found) == ("off", "sacct answers")
    assert checks["SLURM nodes: folder"].found.endswith(f"shares {tmp_path}")
    assert {"SLURM nodes: python", "SLURM nodes: scontrol", "SLURM nodes: clock"} <= checks.keys()
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_folder_that_nodes_do_not_share(tmp_path: Path) -> None:
    """A node that finds no file of ours, played by a shell whose `test` always fails."""
    folder = found(tmp_path, "launcher.setup=['test() { false; }']")["SLURM nodes: folder"]
    assert not folder.ok
    assert f"does not share {tmp_path}" in folder.found
    assert "all nodes mount" in folder.fix


def test_what_the_user_named_wrongly(tmp_path: Path) -> None:
    nodes = found(tmp_path, "launcher.partition=moon")["SLURM nodes"]
    assert not nodes.ok
    assert "invalid partition" in nodes.found
    assert "launcher.partition=" in nodes.fix
    python = found(tmp_path, "launcher.python=/no/such/python")["SLURM nodes: python"]
    assert not python.ok
    assert "launcher.setup" in python.fix


def test_what_a_site_may_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = scheduler.site()
    assert real is not None
    poor = {
        **real,
        "MaxArraySize": "4",
        "SlurmctldParameters": "",
        "JobRequeue": "0",
        "AccountingStorageEnforce": "wckeys",
    }
    monkeypatch.setattr(scheduler, "site", lambda: poor)
    checks = found(tmp_path)
    assert {name for name, check in checks.items() if not check.ok} == {
        "SLURM MaxArraySize",
        "SLURM pre-emption",
        "SLURM wckey",
    }
    assert checks["SLURM MaxArraySize"].fix == "--workers 4, or launcher.workers=4"
    assert "preempt_send_user_signal" in checks["SLURM pre-emption"].fix
    assert checks["SLURM requeue"].found.startswith("not the site's default, slots ask for it")


def test_the_command_takes_what_a_sweep_would(tmp_path: Path) -> None:
    ran = ganbench("doctor", "launcher.partition=low", "--results", tmp_path, "--json")
    assert ran.code == 0
    names = {row["name"] for row in ran.json()}
    assert {"SLURM nodes: folder", "results: promises", "python"} <= names
