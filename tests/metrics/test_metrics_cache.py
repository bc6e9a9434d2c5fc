"""The cache: atomic, shared, and never a reason to fail."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganbench.metrics import cache


class Counted:
    """A computation that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, Tensor]:
        self.calls += 1
        return {"mu": torch.arange(1000, dtype=torch.float64), "trace": torch.tensor(float(self.calls))}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    return tmp_path / "statistics"


def test_what_is_kept_is_not_computed_again(folder: Path) -> None:
    compute = Counted()
    first, second = cache.cached("a", compute), cache.cached("a", compute)
    assert compute.calls == 1
    assert torch.equal(first["mu"], second["mu"])
    assert second["mu"].dtype == torch.float64
    assert [path.name for path in folder.iterdir()] == ["a.safetensors"]
    assert cache.cached("b", compute)["trace"].item() == 2.0


@pytest.mark.parametrize("damage", ["half", "empty", "garbage", "folder"])
def test_a_file_that_cannot_be_read_is_computed_anew(folder: Path, damage: str) -> None:
    compute = Counted()
    cache.cached("a", compute)
    path = folder / "a.safetensors"
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes({"half": data[: len(data) // 2], "empty": b"", "garbage": os.urandom(2000)}[damage])
    assert cache.cached("a", compute)["trace"].item() == 2.0
    if damage != "folder":
        assert cache.cached("a", compute)["trace"].item() == 2.0
    assert [p.name for p in folder.iterdir()] == ["a.safetensors"]


def test_a_cache_that_cannot_be_written_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "file"))
    compute = Counted()
    assert [cache.cached("a", compute)["trace"].item() for _ in range(2)] == [1.0, 2.0]


def test_a_full_disk_leaves_nothing_half_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cache.cached("a", Counted())["trace"].item() == 1.0
    assert list(folder.iterdir()) == []


def test_a_file_gets_its_name_when_all_of_it_is_on_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[os.stat_result] = []
    monkeypatch.setattr(os, "fsync", lambda file: written.append(os.fstat(file)))
    cache.cached("a", Counted())
    kept = (folder / "a.safetensors").stat()
    assert [(kept.st_ino, kept.st_size)] == [(status.st_ino, status.st_size) for status in written]


def test_an_error_of_the_computation_is_the_callers() -> None:
    def broken() -> dict[str, Tensor]:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        cache.cached("a", broken)
    assert caught.value.__context__ is None


def test_it_lies_in_the_home_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANBENCH_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "ganbench" / "statistics"


def test_without_a_home_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GANBENCH_CACHE")
    monkeypatch.setattr(Path, "home", homeless)
    compute = Counted()
    assert [cache.cached("a", compute)["trace"].item() for _ in range(2)] == [1.0, 2.0]


def test_keys_keep_their_parts_apart_and_their_order() -> None:
    assert cache.key("a", "b") == hashlib.sha256(b'["a", "b"]').hexdigest()
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ("ab", "c", "")]
    assert len({cache.key(*part) for part in parts}) == len(parts)


WRITER = """
import sys, time, torch
from pathlib import Path
from ganbench.metrics import cache
me, meeting = sys.argv[1], Path(sys.argv[2])
def compute():
    (meeting / me).touch()
    while len(list(meeting.iterdir())) < 2:  # until the other process computes too
        time.sleep(0.01)
    return {"x": torch.full((500_000,), float(me))}
for i in range(40):
    x = cache.cached("a", compute)["x"]
    assert len(x) == 500_000 and x.min() == x.max(), "half of one file and half of the other"
    if i % 4 == int(me):
        (cache.folder() / "a.safetensors").unlink(missing_ok=True)
"""


def test_two_processes_never_see_half_a_file(folder: Path, tmp_path: Path, root: Path) -> None:
    (tmp_path / "meeting").mkdir()
    command = [sys.executable, "-c", WRITER]
    both = [
        subprocess.Popen([*command, str(i), str(tmp_path / "meeting")], cwd=root, stderr=subprocess.PIPE)
        for i in range(2)
    ]
    assert [process.communicate(timeout=100)[1].decode() for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert {path.name for path in folder.iterdir()} <= {"a.safetensors"}
