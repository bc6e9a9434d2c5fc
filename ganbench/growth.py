"""How a plan grows: settings it lacks become lines and packs. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganbench.analysis.passes import TARGET
from ganbench.choices import AUTO, batched, choose, work_of
from ganbench.choices.choice import COMPILED
from ganbench.identity import digest, signature, training_config
from ganbench.nodes import resolve, set_values
from ganbench.packing import Chooser, Mode, Setting, pack_settings
from ganbench.records import Pack, Trial
from ganbench.search import Draw
from ganbench.store import Store
from ganbench.store.plan import Plan


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
    trials, packs = added(definition, settings, store.plan())
    if trials:
        store.extend_plan(trials, packs)
    return len(trials)


def added(
    definition: Mapping[str, Any], settings: list[Setting], plan: Plan
) -> tuple[list[Trial], list[Pack]]:
    """Return the lines and packs that the settings add to a plan, whose own packs stay as they are."""
    have = {(t.stage, digest(t.variant), t.index, t.seed) for t in plan.trials}
    fresh = [s for s in settings if (s.stage, digest(s.variant), s.index, s.seed) not in have]
    known = {t.trial_id: (t.pack_id, t.lane) for t in plan.trials}
    return pack_settings(fresh, _chooser(definition, plan), known) if fresh else ([], [])


def _chooser(definition: Mapping[str, Any], plan: Plan) -> Chooser:
    """Return what decides, signature by signature, how trials are packed."""
    mode, pack = definition["mode"], definition["pack"]
    if mode != AUTO and pack is not None:
        fixed = Mode(pack, mode, definition["threads"])
        return lambda _, __: fixed
    ready = _compiled(definition, plan)

    def choose_mode(shared: str, group: list[Setting]) -> Mode:
        resolved = group[0].resolved
        can = batched(resolved["model"]["procedure"][TARGET])
        choice = choose(
            work_of(resolved), len(group), mode=mode, pack=pack, batched=can, ready=ready.get(shared, ())
        )
        return Mode(choice.size, choice.mode, definition["threads"])

    return choose_mode


def _compiled(definition: Mapping[str, Any], plan: Plan) -> dict[str, set[int]]:
    """Return the lanes of the compiled packs that a plan holds, by signature."""
    found: dict[str, set[int]] = {}
    for pack_id, first in {t.pack_id: t for t in reversed(plan.trials)}.items():
        pack = plan.packs[pack_id]
        if pack.mode == COMPILED:
            resolved = resolve(set_values(_config(definition, first.variant), first.params))
            found.setdefault(signature(training_config(resolved)), set()).add(pack.lanes)
    return found


def _config(definition: Mapping[str, Any], choices: Mapping[str, str]) -> dict[str, Any]:
    config: dict[str, Any] = next(v["config"] for v in definition["variants"] if v["choices"] == choices)
    return config
