"""One driver a folder: numbered claims, so that a dead driver is succeeded without a moment for two."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganbench import files
from ganbench.errors import StoreError
from ganbench.store.liveness import alive, identity

_PREFIX = "driver-"


@contextmanager
def only_driver(folder: Path) -> Iterator[None]:
    """Hold the newest claim `driver-<n>` of a folder. Raises `StoreError` while another driver lives."""
    claim = _take(folder)
    try:
        yield
    finally:
        files.replace_text(claim / "released", "")


def _take(folder: Path) -> Path:
    while True:
        newest = max(files.numbered(folder, _PREFIX), default=0)
        _refuse_second(folder / f"{_PREFIX}{newest}")
        claim = folder / f"{_PREFIX}{newest + 1}"
        if files.claim_folder(claim, identity()):
            _forget_before(folder, newest)
            return claim


def _refuse_second(claim: Path) -> None:
    holder = files.read_json(claim / "claim.json")
    if holder is None or (claim / "released").exists():
        return
    living = alive(holder)
    who = f"process {holder['pid']} on {holder['host']}"
    if living:
        raise StoreError(f"{claim.parent.parent} is driven by {who}: wait for it, or stop it first")
    if living is None:
        raise StoreError(
            f"{claim.parent.parent} may still be driven by {who}, which cannot be seen from here: "
            f"stop it there, or remove {claim} if it is gone"
        )


def _forget_before(folder: Path, number: int) -> None:
    """Remove older claims; the newest always stays, so that numbers are never used twice."""
    for old in files.numbered(folder, _PREFIX):
        if old <= number:
            shutil.rmtree(folder / f"{_PREFIX}{old}", ignore_errors=True)
