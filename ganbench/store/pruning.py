"""Which files of finished attempts may go."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ganbench import files
from ganbench.errors import StoreError

KEEP = ("best", "none")
_WORK = ("scores.parquet", "packs/*/*/scores.jsonl", "packs/*/*/baselines.jsonl", "packs/*/*/checkpoint-*")
_PLANNED = ("sweep.yaml", "trials.jsonl", "history.jsonl")
_SNAPSHOT = re.compile(r"(?P<trial>.+)-(?P<step>\d+)\.safetensors")


def snapshot_key(path: Path) -> tuple[str, int] | None:
    """Return (trial, step) of `<trial_id>-<step>.safetensors`; None for any other name."""
    match = _SNAPSHOT.fullmatch(path.name)
    return (match["trial"], int(match["step"])) if match else None


def prune(folders: Iterable[Path], keep: str, best: Mapping[str, int]) -> int:
    """Remove what attempts no longer need; return the bytes that went. Raises `StoreError`."""
    if keep not in KEEP:
        raise StoreError(f"--keep is {' or '.join(KEEP)}, not {keep}")
    size = 0
    for folder in folders:
        with files.mendable(folder):
            for path in _superfluous(folder, keep, best):
                if not path.parent.resolve().is_relative_to(folder.parents[2].resolve()):
                    continue  # a link leads out of the sweep
                size += path.lstat().st_size
                path.unlink()
    return size


def _superfluous(folder: Path, keep: str, best: Mapping[str, int]) -> Iterator[Path]:
    yield from list(folder.glob("checkpoint-*.pt"))
    yield from list(folder.rglob(f"{files.TEMPORARY}*"))
    for path in list(folder.glob("snapshots/*.safetensors")):
        key = snapshot_key(path)
        if key and (keep == "none" or best.get(key[0], key[1]) != key[1]):
            yield path


def is_begun(folder: Path) -> bool:
    """Return whether a sweep's folder holds anything that was trained or scored."""
    return any(next(folder.glob(pattern), None) is not None for pattern in _WORK)


def withdraw(folder: Path) -> None:
    """Remove definition, plan and empty attempts; what launching left (slots' output) stays to be read."""
    with files.mendable(folder):
        for name in _PLANNED:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "packs", ignore_errors=True)
