"""How a plan grows: settings it lacks become lines and packs. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganbench.identity import digest
from ganbench.nodes import resolve, set_values
from ganbench.packing import Mode, Setting, pack_settings
from ganbench.records import Pack, Trial
from ganbench.search import Draw
from ganbench.store import Store


def setting_of(definition: Mapping[str, Any], variant: Mapping[str, Any], draw: Draw) -> Setting:
    """Return a draw of a variant's search with its seed and its resolved config."""
    seed = definition["search"]["seed"]
    return Setting(
        variant["choices"],
        "search",
        draw.index,
        draw.index if seed == "trial_index" else seed,
        draw.is_default,
        draw.params,
        resolve(set_values(variant["config"], draw.params)),
    )


def extend(store: Store, definition: Mapping[str, Any], settings: list[Setting]) -> int:
    """Add the settings the plan lacks; returns how many."""
    planned = store.plan().trials
    trials, packs = added(definition, settings, planned)
    if trials:
        store.extend_plan(trials, packs)
    return len(trials)


def added(
    definition: Mapping[str, Any], settings: list[Setting], planned: list[Trial]
) -> tuple[list[Trial], list[Pack]]:
    """Return the lines and packs that the settings add to what is planned."""
    have = {(t.stage, digest(t.variant), t.index, t.seed) for t in planned}
    fresh = [s for s in settings if (s.stage, digest(s.variant), s.index, s.seed) not in have]
    known = {t.trial_id: (t.pack_id, t.lane) for t in planned}
    return pack_settings(fresh, Mode(definition["pack"], definition["mode"], definition["threads"]), known)
