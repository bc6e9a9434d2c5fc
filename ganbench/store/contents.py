"""What scores.parquet was made of: attempts whose rows it holds need not be read again.

`packs/compacted.json` lies beside what it speaks of, so a clone has neither. It names the very bytes of the Parquet
file and, by pack, each attempt with size and time of its scores: rows are only ever appended, so what has grown, is
new or was touched is told apart from what was read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from ganbench import files
from ganbench.store.attempts import Attempt

Stamps: TypeAlias = list[list[int]]  # of each attempt: number, bytes of its scores, their time in ns
Contents: TypeAlias = dict[str, Stamps]  # by pack

_FILE = "compacted.json"


def stamps(attempts: list[Attempt]) -> Stamps:
    """Return what tells the scores of a pack's attempts from later ones. Take it before reading them."""
    return [[attempt.number, *_stamp(attempt.folder / "scores.jsonl")] for attempt in attempts]


def begun(packs: Mapping[str, object], attempts: Callable[[str], list[Attempt]]) -> Contents:
    """Return the stamps of all packs that were attempted."""
    return {pack_id: stamps(found) for pack_id in packs if (found := attempts(pack_id))}


def read_contents(folder: Path) -> Contents:
    """Return the packs whose scores are in scores.parquet as it lies there; empty where that is not known."""
    told = files.read_json(folder / "packs" / _FILE)
    if told is None or told.get("parquet") != _digest(folder / "scores.parquet"):
        return {}
    found: Contents = told["packs"]
    return found


def write_contents(folder: Path, parquet: str, contents: Contents) -> None:
    """Say what a Parquet file of this digest holds; nothing where nothing was attempted."""
    if contents:
        text = json.dumps({"parquet": parquet, "packs": contents})
        files.replace_text(folder / "packs" / _FILE, text)


def _digest(path: Path) -> str | None:
    try:
        return files.sha256(path)
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, int]:
    try:
        # a network file system answers `stat` from memory, `open` it asks
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return (0, 0)
    try:
        stat = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return (stat.st_size, stat.st_mtime_ns)
