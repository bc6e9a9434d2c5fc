"""What a sweep will train: its frozen definition, the search stage, and the reruns of the best settings. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import count, islice
from typing import Any

from ganbench import search
from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes, ranked_settings
from ganbench.checks import check_config, check_metric
from ganbench.identity import digest, protocol_id, training_config
from ganbench.nodes import resolve, set_values
from ganbench.packing import Mode, Setting, pack_settings
from ganbench.records import HASH_VERSION, Pack, Trial
from ganbench.store import Store
from ganbench.sweepfile import PRECISIONS, SweepSpec, Variant


def definition_of(spec: SweepSpec, composed: list[Variant]) -> dict[str, Any]:
    """Freeze a sweep: what was asked for, and each variant's config as it will be trained.

    Raises `ConfigError` for values out of range and metrics that the protocol does not give.
    """
    resolved = [resolve(v.config) for v in composed]
    for config in resolved:
        check_config(config, PRECISIONS)
        if spec.rerun and spec.rerun.select.metric is not None:
            check_metric("rerun.select.metric", spec.rerun.select.metric, config["protocol"])
    protocols = {v.choices["dataset"]: r["protocol"] for v, r in zip(composed, resolved, strict=True)}
    return {
        "hash_version": HASH_VERSION,
        **asdict(spec),
        "budget": resolved[0]["budget"],
        "protocols": {name: {**p, "id": protocol_id(p)} for name, p in protocols.items()},
        "baselines": list(_baselines(composed, resolved)),
        "variants": [
            {"choices": v.choices, "search_key": v.search_key, "config": v.config} for v in composed
        ],
    }


def _baselines(composed: list[Variant], resolved: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Name one unit of baseline work per dataset and protocol."""
    seen: set[str] = set()
    for variant, config in zip(composed, resolved, strict=True):
        key = digest([training_config(config)["dataset"], protocol_id(config["protocol"])], 8)
        if key not in seen:
            seen.add(key)
            yield {"id": f"baseline-{key}", "dataset": variant.choices["dataset"], "variant": variant.choices}


def search_settings(definition: dict[str, Any]) -> list[Setting]:
    """Draw the search stage: every variant's settings with their seeds."""
    rules = definition["search"]
    return [
        Setting(
            variant["choices"],
            "search",
            draw.index,
            draw.index if rules["seed"] == "trial_index" else rules["seed"],
            draw.is_default,
            draw.params,
            resolve(set_values(variant["config"], draw.params)),
        )
        for variant in definition["variants"]
        for draw in search.draw(
            variant["config"],
            variant_key="" if rules["shared"] else variant["search_key"],
            trials=rules["trials"],
            seed=rules["sampler_seed"],
            default_first=rules["default_first"],
        )
    ]


def rerun_settings(definition: dict[str, Any], results: Results, planned: list[Trial]) -> list[Setting]:
    """Choose the best settings of each variant and give them seeds the search did not use.

    A setting that was chosen before keeps the seeds it has. A variant all of whose settings diverged has no rerun.
    """
    rules = definition["rerun"]
    table = outcomes(results)
    settings: list[Setting] = []
    for variant in definition["variants"]:
        mine = [t for t in planned if t.variant == variant["choices"] and t.stage == "search"]
        again = [t for t in planned if t.variant == variant["choices"] and t.stage == "rerun"]
        label = results.label(variant["choices"])
        ranking = ranked_settings(results, table, variant["choices"]["dataset"], label)
        by_index = {t.index: t for t in mine}
        for index, seeds_each in zip(map(int, ranking["index"]), seeds_by_rank(rules), strict=False):
            have = [t.seed for t in again if t.index == index]
            seeds = _seeds(rules, mine, have, seeds_each)
            settings += list(_reruns(variant, by_index[index], seeds))
    return settings


def seeds_by_rank(rules: dict[str, Any]) -> list[int]:
    """Return how many seeds each of the best settings gets, the best first."""
    seeds = rules["seeds"]
    return list(seeds) if isinstance(seeds, list) else [seeds] * rules["top"]


def _seeds(rules: dict[str, Any], searched: list[Trial], have: list[int], seeds: int) -> list[int]:
    """Return a setting's rerun seeds: those it has, then from `first_seed` up without those the search used.

    `reuse_search_seeds` counts up from `first_seed` whatever the search used.
    """
    used = set() if rules["reuse_search_seeds"] else {t.seed for t in searched}
    fresh = (seed for seed in count(rules["first_seed"]) if seed not in used and seed not in have)
    return [*have, *islice(fresh, max(0, seeds - len(have)))]


def _reruns(variant: dict[str, Any], chosen: Trial, seeds: list[int]) -> Iterator[Setting]:
    resolved = resolve(set_values(variant["config"], chosen.params))
    for seed in seeds:
        yield Setting(
            variant["choices"], "rerun", chosen.index, seed, chosen.is_default, chosen.params, resolved
        )


def extend(store: Store, definition: dict[str, Any], settings: list[Setting]) -> int:
    """Add the settings the plan lacks; returns how many."""
    planned = store.plan().trials
    trials, packs = added(definition, settings, planned)
    if trials:
        store.extend_plan(trials, packs)
    return len(trials)


def added(
    definition: dict[str, Any], settings: list[Setting], planned: list[Trial]
) -> tuple[list[Trial], list[Pack]]:
    """Return the lines and packs that the settings add to what is planned."""
    have = {(t.stage, digest(t.variant), t.index, t.seed) for t in planned}
    fresh = [s for s in settings if (s.stage, digest(s.variant), s.index, s.seed) not in have]
    known = {t.trial_id: (t.pack_id, t.lane) for t in planned}
    return pack_settings(fresh, Mode(definition["pack"], definition["mode"], definition["threads"]), known)
