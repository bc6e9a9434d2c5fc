"""What the cache holds that can be computed again: listed and cleared. Torch-free."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ganbench.errors import DataError
from ganbench.metrics.cache import SUFFIX, about
from ganbench.places import computed


class Kind(NamedTuple):
    """A folder of the cache: how its files end, what a file is, and what else writers leave there."""

    folder: str
    suffix: str
    what: Callable[[Path], str]
    leftovers: re.Pattern[str]


class Entry(NamedTuple):
    """One file of the cache."""

    name: str
    what: str
    size: int  # bytes
    age: float  # seconds since it was written


KINDS = (
    Kind("statistics", SUFFIX, about, re.compile(r"\..+\.[0-9a-f]{32}")),
    Kind("compiled", ".pt2", lambda _: "a step as machine code", re.compile(r"[0-9a-f]{64}\.lock")),
    Kind("bands", ".npy", lambda _: "weights of a band", re.compile(r"tmp\w+\.tmp")),
)


def entries() -> list[Entry]:
    """List what is kept, the newest first; files of interrupted writers are not among it."""
    found = [_entry(kind, path) for kind in KINDS for path in _files(kind) if path.suffix == kind.suffix]
    return sorted(filter(None, found), key=lambda entry: (entry.age, entry.name))


def clear() -> tuple[int, int]:
    """Remove everything that is kept and what interrupted writers left; return how many files and bytes.

    Others may read and write meanwhile: they compute anew. Folders of interrupted compilations stay. Raises `DataError`
    where a file cannot be removed.
    """
    count = freed = 0
    for path in [path for kind in KINDS for path in _files(kind)]:
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            raise DataError(
                f"cannot remove {path} ({error.strerror}): remove the folder as its owner"
            ) from error
        count, freed = count + 1, freed + size
    return count, freed


def _files(kind: Kind) -> list[Path]:
    """Return the files that ganbench wrote."""
    try:
        found = sorted(computed(kind.folder).iterdir())
    except (OSError, RuntimeError):
        return []
    return [p for p in found if (p.suffix == kind.suffix or kind.leftovers.fullmatch(p.name)) and p.is_file()]


def _entry(kind: Kind, path: Path) -> Entry | None:
    try:
        status = path.stat()
        return Entry(path.stem, kind.what(path), status.st_size, max(time.time() - status.st_mtime, 0.0))
    except FileNotFoundError:
        return None
