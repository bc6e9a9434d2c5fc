"""How bytes reach the store: files by replacement, lines by one fsynced append, claims by one rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shlex
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ganbench.errors import StoreError

TEMPORARY = ".tmp-"  # what an interrupted replacement may leave behind starts like this
_PROBE_BYTES = 1 << 16
NAME = r"[A-Za-z0-9][A-Za-z0-9._=+@-]{0,127}"
T = TypeVar("T")

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the file size limit is reached: raise it (ulimit -f)",
    errno.EROFS: "the file system is read-only: make it writable",
    errno.EACCES: "permission denied: make it writable",
    errno.EPERM: "permission denied: make it writable",
    errno.ENOENT: "the folder is gone: leave it where it is while a sweep runs",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away",
    errno.EEXIST: "a file stands where a folder is needed: move it away",
    errno.EIO: "input/output error: check the disk",
    errno.ESTALE: "the network file system lost the file: check the mount",
}


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bare_name(name: str) -> str:
    """Return a name that stays one folder below its parent; raises `StoreError` for any other."""
    if not re.fullmatch(NAME, name):
        raise StoreError(
            f"{name!r} cannot name a folder of results: use letters, digits and . _ - + = @ only"
        )
    return name


def called(folder: Path) -> str:
    """Return how a command names the sweep of a folder: with `--results`, unless it lies in `results`."""
    where = "" if str(folder.parent) == "results" else f" --results {shlex.quote(str(folder.parent))}"
    return f"{folder.name}{where}"


class Cache:
    """Reads a file again only when it has been replaced or has grown."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int, int], Any]] = {}

    def read(self, path: Path, reader: Callable[[Path], T]) -> T:
        """Return what `reader` makes of a file, which need not exist."""
        stamp = _stamp(path)
        if path not in self._known or self._known[path][0] != stamp:
            self._known[path] = (stamp, reader(path))
        content: T = self._known[path][1]
        return content


@contextmanager
def masked(umask: str | None) -> Iterator[None]:
    """Take the rights in `umask`, octal digits, from what this process makes meanwhile; None takes no more."""
    if not umask:
        yield
        return
    before = os.umask(int(umask, 8))
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def mendable(folder: Path) -> Iterator[None]:
    """Turn a failed write that the user can mend into a `StoreError` that names the folder and the fix."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0)
        if reason is None or (error.errno == errno.ENOENT and folder.is_dir()):
            raise
        raise StoreError(
            f"cannot write to {folder}: {reason}, or choose another folder with --results; "
            "nothing finished is lost, the same command continues"
        ) from error


def replace(path: Path, writer: Callable[[Path], None]) -> None:
    """Write a whole file so that readers see the old one or the new one: unique name + fsync + rename.

    `writer` gets the temporary path, which keeps the suffix of `path`. Raises `StoreError` where it cannot.
    """
    temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}-{path.name}")
    with mendable(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.touch()
            rights = temporary.stat().st_mode
            _write(temporary, writer)
            if temporary.stat().st_mode != rights:
                temporary.chmod(
                    rights
                )  # safetensors keeps its files from everybody else, whatever the umask says
            _sync(temporary)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync(path.parent)


def replace_bytes(path: Path, data: bytes) -> None:
    """Replace a file's bytes atomically."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    replace(path, write)


def replace_text(path: Path, text: str) -> None:
    """Replace a text file atomically."""
    replace_bytes(path, text.encode())


def replace_json(path: Path, content: Any) -> None:
    """Replace a JSON file atomically."""
    replace_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def check_writable(folder: Path) -> None:
    """Raise `StoreError` if the folder cannot take a few kilobytes more."""
    probe = folder / f"{TEMPORARY}probe"
    replace_bytes(probe, bytes(_PROBE_BYTES))
    probe.unlink()


def append_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Append rows to a JSONL file by one write and one fsync; on failure the file is as it was before.

    Raises `StoreError` where the disk refuses, `ValueError` for numbers that are not finite.
    """
    data = encode_lines(rows)
    if not data:
        return
    with mendable(path.parent):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _append(descriptor, data)
        finally:
            os.close(descriptor)


def encode_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file, without a torn last line; no file is no rows.

    Raises `StoreError` where a line in the middle cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = data[: data.rfind(b"\n") + 1].splitlines()
    try:
        rows: list[dict[str, Any]] = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        number = next(n for n, line in enumerate(lines, start=1) if not _is_json(line))
        raise StoreError(
            f"{path} is damaged at line {number}: restore the file, or delete that line"
        ) from None
    return rows


def read_json(path: Path | str) -> dict[str, Any] | None:
    """Return a JSON file's content; None where there is no file or it holds none. Raises `PermissionError`."""
    try:
        # making a Path costs as much as reading, and a buffer as much again: ten thousand packs
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            content: dict[str, Any] = json.loads(file.read())
    except PermissionError:  # absent would mean that a pack that is done is lost
        raise
    except (OSError, ValueError):
        return None
    return content


def numbered(folder: Path | str, prefix: str) -> list[int]:
    """Return the numbers n of a folder's entries `<prefix><n>`, descending."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 — names only: this runs once a pack at every look at the store
    except (FileNotFoundError, NotADirectoryError):
        return []
    digits = (name[len(prefix) :] for name in names if name.startswith(prefix))
    return sorted((int(n) for n in digits if n.isdecimal()), reverse=True)


def claim_folder(folder: Path, claim: dict[str, Any]) -> bool:
    """Create a folder with `claim.json` in it, unless it exists; of several processes exactly one gets True.

    The folder is prepared aside and renamed, which fails onto a folder that is not empty: nobody ever sees a
    claim without its claimer, and a process that dies leaves none half made.
    """
    nonce = uuid.uuid4().hex
    prepared, claim = folder.with_name(f"{TEMPORARY}{nonce}"), {**claim, "nonce": nonce}
    with mendable(folder.parent):
        prepared.mkdir(parents=True)
        try:
            (prepared / "claim.json").write_text(json.dumps(claim) + "\n", encoding="utf-8")
            _sync(prepared / "claim.json")
            won = _rename(prepared, folder, claim)
        finally:
            shutil.rmtree(prepared, ignore_errors=True)
        _sync(folder.parent)
    return won


def _rename(prepared: Path, folder: Path, claim: dict[str, Any]) -> bool:
    try:
        prepared.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
        # a network file system may repeat a rename that succeeded: the content says who won
        return read_json(folder / "claim.json") == claim
    return True


def _write(temporary: Path, writer: Callable[[Path], None]) -> None:
    try:
        writer(temporary)
    except OSError:
        raise
    except Exception:
        # torch and safetensors report a full disk as errors of their own: let the disk say whether it is full
        with temporary.open("ab") as file:
            file.write(bytes(_PROBE_BYTES))
        raise


def _append(descriptor: int, data: bytes) -> None:
    before = os.fstat(descriptor).st_size
    try:
        written = 0
        while written < len(data):  # the rest after a short write, or the reason for it
            written += os.write(descriptor, data[written:])
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0, 0)
    return (stat.st_ino, stat.st_mtime_ns, stat.st_size)
