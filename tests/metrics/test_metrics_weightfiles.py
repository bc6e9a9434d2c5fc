"""Weight files: where they are looked for, what names them, and that nothing in them is run."""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ganbench.errors import DataError
from ganbench.metrics import weightfiles
from ganbench.metrics.weightfiles import WeightFile

CONTENT = b"weights"
HASH = hashlib.sha256(CONTENT).hexdigest()
FILE = WeightFile("toy", "", HASH, "https://example.org/toy-weights.pth", download=False)
FIX = (
    r"get https://example\.org/toy-weights\.pth and name the file with protocol\.extractors\.toy\.weights=PATH, "
    r"or set protocol\.extractors\.toy\.download=true"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and no network."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a download was not asked for")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


def from_disk(tmp_path: Path, content: bytes = CONTENT) -> WeightFile:
    """The same file, its address on this disk."""
    served = tmp_path / "served" / "toy-weights.pth"
    served.parent.mkdir(exist_ok=True)
    served.write_bytes(content)
    return replace(FILE, url=served.as_uri(), download=True)


def error_of(file: WeightFile) -> str:
    with pytest.raises(DataError) as caught:
        file.hash()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("path", ["", "no/such/file.pth"])
def test_missing_weights_say_where_they_are_and_which_setting_names_them(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    with pytest.raises(DataError, match=FIX):
        replace(FILE, path=path).hash()


def test_a_path_that_is_wrong_is_not_filled_by_a_download(tmp_path: Path, cache: Path) -> None:
    file = replace(from_disk(tmp_path), path=str(tmp_path / "typo.pth"))
    assert "no weights at" in error_of(file)
    assert not (tmp_path / "typo.pth").exists()
    assert not cache.exists()


def test_a_download_is_kept_and_found_by_those_who_may_not_download(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = from_disk(tmp_path)
    assert file.hash() == HASH
    assert [path.name for path in cache.iterdir()] == ["toy-weights.pth"]
    offline(monkeypatch)
    assert replace(file, download=False).located() == cache / "toy-weights.pth"


def test_a_download_of_something_else_is_not_kept(tmp_path: Path, cache: Path) -> None:
    message = error_of(from_disk(tmp_path, b"something else"))
    assert "cannot download" in message
    assert HASH in message
    assert hashlib.sha256(b"something else").hexdigest() in message
    assert list(cache.iterdir()) == []


def test_a_server_that_does_not_answer(tmp_path: Path, cache: Path) -> None:
    message = error_of(replace(FILE, url=(tmp_path / "nowhere.pth").as_uri(), download=True))
    assert "protocol.extractors.toy.weights=PATH" in message
    assert list(cache.iterdir()) == []


def test_wrong_weights_name_the_found_and_the_expected_hash(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    message = error_of(replace(FILE, path=str(path)))
    assert f"has sha256 {found}, not {HASH}" in message
    assert f"protocol.extractors.toy.sha256={found}" in message
    assert replace(FILE, path=str(path), sha256=found).hash() == found


def test_a_hash_is_read_once_and_again_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(CONTENT)
    file = replace(FILE, path=str(path))
    weightfiles.sha256_of.cache_clear()
    assert file.hash() == file.hash() == HASH
    assert weightfiles.sha256_of.cache_info().misses == 1
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(1, 1))
    assert "has sha256" in error_of(file)


class Trap:
    """What a pickle can do to whoever loads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("content", ["trap", "garbage", "empty", "tensor"])
def test_a_file_of_anything_else_is_refused_and_never_run(content: str, tmp_path: Path) -> None:
    path, sprung = tmp_path / "weights.pth", tmp_path / "sprung"
    objects = {"trap": Trap(sprung), "tensor": torch.zeros(3)}
    if content in objects:
        torch.save(objects[content], path)
    else:
        path.write_bytes(b"garbage" if content == "garbage" else b"")
    with pytest.raises(DataError, match="does not hold weights of toy"):
        replace(FILE, path=str(path)).state()
    assert not sprung.exists()


def test_the_trap_is_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


def test_a_state_dict_comes_back_and_can_be_read_by_others(tmp_path: Path) -> None:
    state = nn.Linear(2, 3).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    read = replace(FILE, path=str(tmp_path / "weights.pth")).state()
    again = torch.load(weightfiles.rewritten(read), weights_only=True)
    assert all(torch.equal(again[name], value) for name, value in state.items())
