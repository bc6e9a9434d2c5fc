"""The doctor without a cluster, and on the results folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import ganbench, refused

from ganbench import scheduler
from ganbench.doctor import Asked, Check
from ganbench.doctor.areas import results, site


def test_no_slurm_is_one_neutral_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(site.checks()) == [
        Check("SLURM", ok=True, found="none here; --launcher local runs on this machine")
    ]


def test_a_controller_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scontrol").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    scheduler._site.cache_clear()
    (check,) = site.checks()
    assert not check.ok
    assert "SLURM_CONF" in check.fix


def found(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in results.checks(Asked(folder))}


def test_a_results_folder_in_good_health_is_left_as_it_was(tmp_path: Path) -> None:
    checks = found(tmp_path / "not" / "there" / "yet")
    assert checks.keys() == {
        *("results: room", "results: inodes", "results: promises", "results: clock"),
    }
    assert checks["results: promises"].ok
    assert checks["results: promises"].found.startswith("kept: a name is made once")
    assert checks["results: clock"].ok
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_breaks_its_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "O_EXCL", 0)
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        return self if self.name == "second" else real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    promises = found(tmp_path)["results: promises"]
    assert not promises.ok
    assert promises.found == (
        "broken: a name is made once (O_EXCL); a claim is won once (rename onto a folder)"
    )
    assert "--results" in promises.fix


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise OSError(30, "Read-only file system", str(tmp_path))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    writing = found(tmp_path)["results: writing"]
    assert not writing.ok
    assert "the file system is read-only" in writing.fix


def test_room_and_inodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)

    def full(_: object) -> os.statvfs_result:
        values = list(real)
        values[7] = 12  # f_favail
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "statvfs", full)
    inodes = found(tmp_path)["results: inodes"]
    assert (inodes.ok, inodes.found) == (False, "12 free")
    monkeypatch.setattr(results, "LOW_GIB", 1e9)
    assert not found(tmp_path)["results: room"].ok


def test_only_settings_of_the_launcher_are_taken() -> None:
    assert "`model=wgan` is no setting of the launcher" in refused(ganbench("doctor", "model=wgan"))
