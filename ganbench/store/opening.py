"""Opening a sweep that must be there."""

from __future__ import annotations

from pathlib import Path

from ganbench.errors import StoreError
from ganbench.files import called
from ganbench.store.folder import Store


def open_store(name: str, results: Path) -> Store:
    """Open a sweep that exists; raises `StoreError` naming those that do."""
    store = Store(results, name)
    if not store.exists():
        there = ", ".join(sorted(p.parent.name for p in results.glob("*/sweep.yaml"))) or "none"
        raise StoreError(
            f"no sweep {name!r} under {results} (there: {there}): name its folder with --results, or start it with"
            f" `ganbench sweep {called(store.folder)}`"
        )
    return store
