"""What scores.parquet was made of: attempts whose rows it holds need not be read again.

`packs/compacted.json` lies beside what it speaks of, so a clone has neither. It names the very bytes of the Parquet
file and, by pack, each attempt with size and time of its scores: rows are only ever appended, so what has grown, is
new or was touched is told apart from what was read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from ganbench import files
from ganbench.store.attempts import PREFIX

Stamps: TypeAlias = list[list[int]]  # of each attempt: number, bytes of its scores, their time in ns
Contents: TypeAlias = dict[str, Stamps]  # by pack

_FILE = "compacted.json"


def begun(folder: Path, packs: Iterable[str]) -> Contents:
    """Return what tells the scores of a sweep's packs from later ones. Take it before reading them.

    Packs that were never attempted are left out.
    """
    packs_folder = str(folder / "packs")  # as text: making paths takes longer than asking the disk
    return {pack_id: found for pack_id in packs if (found := _stamps(f"{packs_folder}/{pack_id}"))}


def _stamps(pack: str) -> Stamps:
    numbers = reversed(files.numbered(pack, PREFIX))
    return [[number, *_stamp(f"{pack}/{PREFIX}{number}/scores.jsonl")] for number in numbers]


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


def _stamp(path: str) -> tuple[int, int]:
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
