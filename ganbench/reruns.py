"""How often the best settings of a search are run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def seeds_by_rank(rerun: Mapping[str, Any]) -> list[int]:
    """Return how many seeds each of the best settings gets, the best first."""
    seeds = rerun["seeds"]
    return list(seeds) if isinstance(seeds, list) else [seeds] * rerun["top"]
