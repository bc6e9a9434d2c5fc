"""Where ganbench keeps what it can compute or fetch again. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path


def cache_home() -> Path:
    """Return `$GANBENCH_CACHE`, else `$XDG_CACHE_HOME/ganbench`, else `~/.cache/ganbench`.

    A relative `XDG_CACHE_HOME` is ignored, as the XDG base directory specification asks. Raises `RuntimeError`
    where neither is set and there is no home.
    """
    if given := os.environ.get("GANBENCH_CACHE"):
        return Path(given)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "ganbench"


def computed(kind: str) -> Path:
    """Return the cache's folder of one kind of what can be computed again; raises as `cache_home` does."""
    return cache_home() / kind
