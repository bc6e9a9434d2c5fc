"""The cache: atomic, shared, and never a reason to fail."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from ganbench import compiling, kept, places
from ganbench.analysis import bands
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


DAMAGES = ["half", "empty", "garbage", "folder", "one bit", "no hash", "notes", "name"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_cannot_be_read_is_computed_anew(folder: Path, damage: str) -> None:
    compute = Counted()
    cache.cached("a", compute, {"what": "some"})
    path = folder / "a.safetensors"
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(damaged(data, damage))
    assert cache.cached("a", compute)["trace"].item() == 2.0
    if damage != "folder":
        assert cache.cached("a", compute)["trace"].item() == 2.0
    assert [p.name for p in folder.iterdir()] == ["a.safetensors"]


def damaged(data: bytes, how: str) -> bytes:
    if how == "one bit":
        return data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]
    if how == "no hash":
        return save(load(data))
    if how == "notes":
        return data.replace(b'"some"', b'"none"', 1)
    if how == "name":
        return data.replace(b'"mu"', b'"nu"', 1)
    return {"half": data[: len(data) // 2], "empty": b"", "garbage": os.urandom(2000)}[how]


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


def test_notes_are_kept_with_the_tensors(folder: Path) -> None:
    x = torch.arange(6).view(2, 3).T  # not contiguous
    cache.keep("a", {"x": x, "one": torch.tensor(1.0)}, {"what": "six numbers"})
    kept = cache.read("a")
    assert kept is not None
    assert torch.equal(kept.tensors["x"], x)
    assert kept.tensors["one"].shape == ()
    assert kept.about == {"what": "six numbers"}
    assert cache.read("b") is None


def test_entries_say_what_size_and_age(folder: Path) -> None:
    cache.keep(
        cache.key("old"), {"mu": torch.zeros(3), "root": torch.zeros(3, 2), "trace": torch.tensor(1.0)}
    )
    cache.keep(cache.key("new"), {"x": torch.zeros(1)}, {"what": "ten faces"})
    (folder / "torn.safetensors").write_bytes(b"\x10")
    (folder / f".new.{32 * '0'}").write_bytes(b"an interrupted writer's")
    (folder / "notes.txt").write_text("somebody else's")
    for age, path in enumerate((cache.key("new"), cache.key("old"), "torn")):
        moment = time.time() - 1000 * age - 10
        os.utime(folder / f"{path}.safetensors", (moment, moment))
    new, old, torn = kept.entries()
    assert (new.name, new.what) == (cache.key("new"), "ten faces")
    assert (old.name, old.what) == (cache.key("old"), "mu 3, root 3×2, trace 1")
    assert torn.what.startswith("unreadable")
    assert new.size == (folder / f"{new.name}.safetensors").stat().st_size
    assert [round(entry.age, -1) for entry in (new, old, torn)] == [10, 1010, 2010]


def test_clear_removes_what_it_wrote_and_nothing_else(folder: Path) -> None:
    assert kept.clear() == (0, 0)
    assert kept.entries() == []
    cache.keep("a", {"x": torch.zeros(10)})
    size = (folder / "a.safetensors").stat().st_size
    (folder / f".a.{32 * 'f'}").write_bytes(b"12345")
    (folder / "notes.txt").write_text("somebody else's")
    (folder / "folder.safetensors").mkdir()
    assert kept.clear() == (2, size + 5)
    assert {path.name for path in folder.iterdir()} == {"notes.txt", "folder.safetensors"}
    assert cache.cached("a", Counted())["trace"].item() == 1.0


def test_every_folder_of_what_is_computed_is_known() -> None:
    folders = {cache.folder(), compiling.folder(), bands._cache_folder()}
    assert {places.computed(kind.folder) for kind in kept.KINDS} == folders


def test_compiled_steps_and_bands_are_listed_and_cleared_and_downloads_are_not(
    folder: Path, tmp_path: Path
) -> None:
    cache.keep("a", {"x": torch.zeros(10)})
    for name in ("compiled", "bands", "weights", "datasets"):
        (tmp_path / name).mkdir()
    library = tmp_path / "compiled" / f"{64 * 'a'}.pt2"
    library.write_bytes(b"1234")
    library.with_suffix(".lock").touch()
    (tmp_path / "bands" / "ld-n9-0.95.npy").write_bytes(b"12")
    (tmp_path / "bands" / "tmp8x_z.tmp").write_bytes(b"1")
    for other in ("weights/inception.safetensors", "datasets/a.npy", "compiled/README"):
        (tmp_path / other).write_bytes(b"123")
    found = {entry.name: (entry.what, entry.size) for entry in kept.entries()}
    assert found.pop("a")[0] == "x 10"
    assert found == {library.stem: ("a step as machine code", 4), "ld-n9-0.95": ("weights of a band", 2)}
    assert kept.clear()[0] == 5
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"weights/inception.safetensors", "datasets/a.npy", "compiled/README"}


def test_files_that_others_remove_meanwhile_are_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_files", lambda _: [folder / "gone.safetensors"])
    assert kept.entries() == []
    assert kept.clear() == (0, 0)


def test_it_lies_in_the_home_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANBENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "ganbench" / "statistics"


def test_without_a_home_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GANBENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    compute = Counted()
    assert [cache.cached("a", compute)["trace"].item() for _ in range(2)] == [1.0, 2.0]
    assert kept.entries() == []
    assert kept.clear() == (0, 0)


def test_keys_keep_their_parts_apart_and_their_order() -> None:
    assert cache.key("a", "b") == "a-" + hashlib.sha256(b'["a", "b"]').hexdigest()
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ("ab", "c", "")]
    assert len({cache.key(*part) for part in parts}) == len(parts)


WRITER = """
import sys, time, torch
from pathlib import Path
from ganbench import kept
from ganbench.metrics import cache
me, meeting = int(sys.argv[1]), Path(sys.argv[2])
file = cache.folder() / "a.safetensors"
def compute():
    (meeting / str(me)).touch()
    while len(list(meeting.iterdir())) < 2:  # until the other computes too
        time.sleep(0.01)
    return {"x": torch.full((500_000,), float(me))}
for i in range(20):
    x = cache.cached("a", compute)["x"]
    assert len(x) == 500_000 and x.min() == x.max(), "half of one file and half of the other"
    if me == 0 and i % 4 == 0:
        kept.clear()
    if me == 1 and i % 4 == 1:  # as a disk might leave it: in place, half, or of another moment
        data = torch.full((500_000,), 7.0).numpy().tobytes()
        with open(file, "r+b") if file.exists() else open(file, "wb") as target:
            target.seek(1000 * i)
            target.write(data[: 75_000 * i])
    kept.entries()
"""


def test_processes_never_see_half_a_file_or_fail(folder: Path, tmp_path: Path, root: Path) -> None:
    (tmp_path / "meeting").mkdir()
    command = [sys.executable, "-c", WRITER]
    racing = [
        subprocess.Popen([*command, str(i), str(tmp_path / "meeting")], cwd=root, stderr=subprocess.PIPE)
        for i in range(2)
    ]
    assert [process.communicate(timeout=100)[1].decode() for process in racing] == ["", ""]
    assert [process.returncode for process in racing] == [0, 0]
    assert {path.name for path in folder.iterdir()} <= {"a.safetensors"}


LISTER = """
import sys
from ganbench import kept
kept.entries()
kept.clear()
print("torch" in sys.modules)
"""


def test_to_list_and_to_clear_needs_no_torch(root: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", LISTER], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
