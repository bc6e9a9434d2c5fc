"""What a sweep consists of beyond its plan: trials that are to come once others are done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganbench.reruns import seeds_by_rank
from ganbench.store.census import Count
from ganbench.store.states import DIVERGED, DONE

SEARCH, RERUN = "search", "rerun"
Key = tuple[str, ...]  # a variant's choices, then the stage


def to_come(definition: Mapping[str, Any], count: Count) -> dict[Key, int]:
    """Return how many trials of each variant and stage are not planned yet, for all that the sweep consists of.

    Reruns are planned at once when the search is done; a variant that was never finite has none.
    """
    search, rerun = definition.get("search") or {}, definition.get("rerun") or {}
    expected = {SEARCH: search.get("trials", 0)} | ({RERUN: sum(seeds_by_rank(rerun))} if rerun else {})
    planned = {key: sum(group.counts.values()) for key, group in count.groups.items()}
    chosen = any(key[-1] == RERUN for key in planned)
    found: dict[Key, int] = {}
    for variant in variants(definition, count):
        for stage, trials in expected.items():
            none = stage == RERUN and (chosen or _never_finite(count, variant))
            found[*variant, stage] = 0 if none else max(0, trials - planned.get((*variant, stage), 0))
    return {**found, **{key: 0 for key in planned if key not in found}}


def axes(definition: Mapping[str, Any], count: Count) -> tuple[str, ...]:
    """Return the axes whose choices make a variant."""
    return count.axes or tuple(next((v["choices"] for v in definition.get("variants", [])), {}))


def variants(definition: Mapping[str, Any], count: Count) -> list[Key]:
    """Return the variants of a sweep by their choices, in order."""
    names = axes(definition, count)
    frozen = [tuple(v["choices"][name] for name in names) for v in definition.get("variants", [])]
    return list(dict.fromkeys([*frozen, *(key[:-1] for key in count.groups)]))


def _never_finite(count: Count, variant: Key) -> bool:
    """Return whether a variant's search is over without one finite score: it has no setting to run again."""
    group = count.groups.get((*variant, SEARCH))
    if group is None or group.extremes:
        return False
    return not any(n for state, n in group.counts.items() if state not in (DONE, DIVERGED))
