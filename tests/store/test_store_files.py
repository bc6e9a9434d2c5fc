from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stores import claimed, planned, score

from ganbench import files
from ganbench.errors import StoreError
from ganbench.store import Store


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel refuses to grow files beyond `size`, after writing what fits: as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_append_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    files.append_lines(path, [{"n": 1}])
    before = path.read_bytes()
    with file_size_limit(len(before) + 4), pytest.raises(StoreError, match="cannot write to") as caught:
        files.append_lines(path, [{"n": 2}])
    assert path.read_bytes() == before
    assert str(tmp_path) in str(caught.value)
    assert "the same command continues" in str(caught.value)
    files.append_lines(path, [{"n": 3}])
    assert files.read_lines(path) == [{"n": 1}, {"n": 3}]


def test_a_disk_that_is_full_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").symlink_to("/dev/full")
    with pytest.raises(
        StoreError, match="the disk is full: free some space, or choose another folder with --results"
    ):
        files.append_lines(tmp_path / "rows.jsonl", [{"n": 1}])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_every_way_of_writing_names_the_folder_and_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    store = planned(tmp_path)
    attempt = claimed(store, "p0")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    acts = [
        lambda: attempt.append_scores([score("t0")]),
        lambda: attempt.write("checkpoint-1.pt", lambda path: path.write_text("x")),
        lambda: attempt.finish("stopped"),
        lambda: store.claim("p1"),
        store.compact,
        lambda: Store(tmp_path, "other").create({"budget": {"steps": 1}}),
        lambda: store.driver().__enter__(),
    ]
    for act in acts:
        with pytest.raises(StoreError, match=f"cannot write to .*{words}") as caught:
            act()
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)
    monkeypatch.undo()
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"sweep.yaml", "trials.jsonl", "claim.json", "scores.jsonl"}
    assert attempt.scores() == []
    assert store.states()["p1"] == "planned"


def test_an_error_that_is_not_the_disks_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Interrupted"), files.mendable(tmp_path):
        raise OSError(errno.EINTR, "Interrupted")
    with pytest.raises(FileNotFoundError):
        files.replace(tmp_path / "copy", lambda path: path.write_bytes((tmp_path / "none").read_bytes()))


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(StoreError, match="a file stands where a folder is needed"):
        Store(tmp_path / "results", "toy").create({"budget": {"steps": 1}})


def test_a_folder_that_vanishes_is_named(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    (tmp_path / "toy").rename(tmp_path / "moved")
    with pytest.raises(StoreError, match="the folder is gone"):
        attempt.append_scores([score("t0")])


def test_a_replaced_file_is_the_old_one_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    files.replace_text(path, "old")

    def interrupted(temporary: Path) -> None:
        assert temporary.suffix == ".txt", "writers tell formats by it"
        assert temporary.parent == path.parent, "a rename does not cross file systems"
        temporary.write_text("ne")
        assert path.read_text() == "old"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.replace(path, interrupted)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_temporary_names_are_unique(tmp_path: Path) -> None:
    names: list[str] = []
    for _ in range(3):
        files.replace(tmp_path / "f", lambda path: names.append(path.name) or path.write_text("x"))
    assert len(set(names)) == 3


def test_a_library_that_hides_a_full_disk_is_seen_through(tmp_path: Path) -> None:
    def writer(path: Path) -> None:
        path.write_bytes(bytes(1000))
        raise RuntimeError("PytorchStreamWriter failed writing file")

    with pytest.raises(RuntimeError, match="PytorchStreamWriter"):
        files.replace(tmp_path / "a.pt", writer)
    with file_size_limit(2000), pytest.raises(StoreError, match="cannot write to"):
        files.replace(tmp_path / "a.pt", writer)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_room_is_not_writable(tmp_path: Path) -> None:
    files.check_writable(tmp_path)
    with file_size_limit(100), pytest.raises(StoreError):
        files.check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tail", [b"", b'{"n"', b'{"n": 2}', b"\x00\x00\x00", b"\xff\xfe"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n": 0}\n{"n": 1}\n' + tail)
    assert files.read_lines(path) == [{"n": 0}, {"n": 1}]


def test_no_file_is_no_rows_and_a_first_line_may_be_torn(tmp_path: Path) -> None:
    assert files.read_lines(tmp_path / "none") == []
    (tmp_path / "torn").write_bytes(b'{"n": 0')
    assert files.read_lines(tmp_path / "torn") == []


def test_damage_in_the_middle_is_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n": 0}\n{"n": \n{"n": 2}\n')
    with pytest.raises(StoreError, match=r"rows\.jsonl is damaged at line 2: restore the file"):
        files.read_lines(path)


def test_text_of_any_kind_survives_a_line(tmp_path: Path) -> None:
    rows = [{"text": "a\nb\r\u2028\x85 é", "n": None, "v": 0.1}]
    files.append_lines(tmp_path / "rows.jsonl", rows)
    assert files.read_lines(tmp_path / "rows.jsonl") == rows


def test_a_cache_reads_again_what_was_replaced_or_has_grown(tmp_path: Path) -> None:
    cache, path, reads = files.Cache(), tmp_path / "f", []

    def read(where: Path) -> str:
        reads.append(where)
        return where.read_text() if where.exists() else "nothing"

    assert [cache.read(path, read) for _ in range(2)] == ["nothing"] * 2
    files.replace_text(path, "one")
    assert [cache.read(path, read) for _ in range(2)] == ["one"] * 2
    files.replace_text(path, "two")
    assert cache.read(path, read) == "two"
    assert len(reads) == 3


def test_a_claim_is_won_once_and_is_whole(tmp_path: Path) -> None:
    assert files.claim_folder(tmp_path / "p" / "attempt-1", {"pid": 1})
    assert not files.claim_folder(tmp_path / "p" / "attempt-1", {"pid": 1})
    claim = files.read_json(tmp_path / "p" / "attempt-1" / "claim.json")
    assert claim is not None
    assert claim["pid"] == 1
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["attempt-1"]


def test_a_rename_that_a_network_file_system_repeats_is_still_won(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def twice(self: Path, target: Path) -> Path:
        real(self, target)
        return real(self, target)  # the answer was lost: the client asks again

    monkeypatch.setattr(Path, "rename", twice)
    assert files.claim_folder(tmp_path / "attempt-1", {"pid": 1})


def test_numbers_of_folders(tmp_path: Path) -> None:
    for name in ("attempt-2", "attempt-10", "attempt-x", ".tmp-1", "other-3"):
        (tmp_path / name).mkdir()
    assert files.numbered(tmp_path, "attempt-") == [10, 2]
    assert files.numbered(tmp_path / "none", "attempt-") == []
