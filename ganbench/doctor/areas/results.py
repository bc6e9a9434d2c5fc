"""The results folder: whether its file system keeps the promises that claims and rows rest on, and has room."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ganbench import files
from ganbench.doctor.check import HERE, Asked, Check
from ganbench.errors import StoreError

ORDER = 4
LOW_GIB, LOW_INODES = 5.0, 100_000  # a pack takes about ten files
_SKEW_S = 60.0


def checks(asked: Asked = HERE) -> Iterator[Check]:
    """Try in a folder of its own, which goes again, what the store does in earnest."""
    place = asked.results.absolute()
    place = next(folder for folder in (place, *place.parents) if folder.is_dir())
    yield _room(place)
    yield _inodes(place)
    try:
        with files.mendable(place):
            trial = Path(tempfile.mkdtemp(prefix=".ganbench-doctor-", dir=place))
    except StoreError as error:
        yield Check("results: writing", ok=False, found="refused", fix=str(error))
        return
    try:
        yield from _promises(trial)
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def _room(place: Path) -> Check:
    free = shutil.disk_usage(place).free / 2**30
    fix = "" if free > LOW_GIB else "free some, or use --results DIR elsewhere"
    return Check("results: room", ok=not fix, found=f"{free:.0f} GiB free in {place}", fix=fix)


def _inodes(place: Path) -> Check:
    stat = os.statvfs(place)
    if not stat.f_files:
        return Check("results: inodes", ok=True, found="not limited")
    fix = "" if stat.f_favail > LOW_INODES else "remove files, or use --results DIR elsewhere"
    return Check("results: inodes", ok=not fix, found=f"{stat.f_favail:,} free", fix=fix)


def _promises(trial: Path) -> Iterator[Check]:
    wanted: tuple[tuple[str, Callable[[Path], bool]], ...] = (
        ("a name is made once (O_EXCL)", _exclusive),
        ("a claim is won once (rename onto a folder)", _claim),
        ("a file is replaced whole (rename)", _replaced),
        ("a written line is there (append, fsync)", _appended),
    )
    broken = [what for what, keeps in wanted if not _kept(keeps, trial)]
    yield Check(
        "results: promises",
        ok=not broken,
        found="kept: " + "; ".join(what for what, _ in wanted)
        if not broken
        else f"broken: {'; '.join(broken)}",
        fix="put --results on another file system" if broken else "",
    )
    skew = (trial / "line").stat().st_mtime - time.time() if (trial / "line").exists() else 0.0
    fix = "" if abs(skew) < _SKEW_S else "harmless here, where nothing compares clocks; tell the site"
    yield Check(
        "results: clock", ok=not fix, found=f"the file server's differs by {abs(skew):.0f} s", fix=fix
    )


def _kept(keeps: Callable[[Path], bool], trial: Path) -> bool:
    try:
        return keeps(trial)
    except OSError:
        return False


def _exclusive(trial: Path) -> bool:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    os.close(os.open(trial / "once", flags))
    try:
        os.close(os.open(trial / "once", flags))
    except FileExistsError:
        return True
    return False


def _claim(trial: Path) -> bool:
    for name in ("first", "second"):
        (trial / name).mkdir()
        (trial / name / "claim").touch()
    try:
        (trial / "second").rename(trial / "first")
    except OSError as error:
        return error.errno in (errno.ENOTEMPTY, errno.EEXIST)
    return False


def _replaced(trial: Path) -> bool:
    files.replace_text(trial / "whole", "old")
    files.replace_text(trial / "whole", "new")
    return (trial / "whole").read_text(encoding="utf-8") == "new"


def _appended(trial: Path) -> bool:
    for number in range(2):
        files.append_lines(trial / "line", [{"number": number}])
    return files.read_lines(trial / "line") == [{"number": 0}, {"number": 1}]
