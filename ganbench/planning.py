"""What a sweep will train: its frozen definition, the search stage, and the reruns of the best settings. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import count, islice
from typing import Any

from ganbench import controller, search
from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes, ranked_settings
from ganbench.checks import check_config, check_metric
from ganbench.errors import ConfigError
from ganbench.growth import setting_of
from ganbench.identity import TRAINING, digest, protocol_id, training_config
from ganbench.nodes import needed, resolve, set_values
from ganbench.packing import Setting
from ganbench.records import HASH_VERSION, Trial
from ganbench.reruns import seeds_by_rank
from ganbench.sweepfile import PRECISIONS, SweepSpec, Variant

_PACK_LEARNING = (
    1  # where the sweep does not say: settings that are asked for together know less of each other
)


def definition_of(spec: SweepSpec, composed: list[Variant]) -> dict[str, Any]:
    """Freeze a sweep: what was asked for, and each variant's config as it will be trained.

    Raises `ConfigError` for values out of range and metrics that the protocol does not give.
    """
    resolved = [resolve(v.config) for v in composed]
    for config in resolved:
        check_config(config, PRECISIONS)
        if spec.rerun and spec.rerun.select.metric is not None:
            check_metric("rerun.select.metric", spec.rerun.select.metric, config["protocol"])
    _refuse_twins(resolved)
    adaptive = _adaptive(composed)
    protocols = {v.choices["dataset"]: r["protocol"] for v, r in zip(composed, resolved, strict=True)}
    return {
        "hash_version": HASH_VERSION,
        **asdict(spec),
        "pack": _PACK_LEARNING if adaptive and spec.pack is None else spec.pack,
        **({"adaptive": True} if adaptive else {}),
        "budget": resolved[0]["budget"],
        "protocols": {name: {**p, "id": protocol_id(p)} for name, p in protocols.items()},
        "baselines": list(_baselines(composed, resolved)),
        "variants": [
            {"choices": v.choices, "search_key": v.search_key, "config": v.config} for v in composed
        ],
    }


def _refuse_twins(resolved: list[dict[str, Any]]) -> None:
    """Refuse datasets that differ in nothing but where they lie: their trials would be the same ones."""
    roots: dict[str, str] = {}
    for config in resolved:
        root = str(config["dataset"].get("root", ""))
        first = roots.setdefault(digest(training_config(config)["dataset"]), root)
        if first != root:
            raise ConfigError(
                f"dataset.root {first!r} and {root!r} are two places of one dataset to a trial: give each folder a"
                " dataset.name of its own (image_folder), or sweep them apart"
            )


def _adaptive(composed: list[Variant]) -> bool:
    """Return whether settings are chosen while the search runs."""
    kinds = {search.learns(variant.config) for variant in composed}
    if len(kinds) > 1:
        raise ConfigError("samplers that learn from scores and others cannot share a sweep: make two of it")
    return kinds == {True}


def _baselines(composed: list[Variant], resolved: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Name one unit of baseline work per dataset and protocol."""
    seen: set[str] = set()
    for variant, config in zip(composed, resolved, strict=True):
        key = digest([training_config(config)["dataset"], protocol_id(config["protocol"])], 8)
        if key not in seen:
            seen.add(key)
            yield {"id": f"baseline-{key}", "dataset": variant.choices["dataset"], "variant": variant.choices}


def search_settings(definition: dict[str, Any]) -> list[Setting]:
    """Draw the search stage: every variant's settings with their seeds.

    A search that learns has none yet: its sampler is only tried, so that a mistake shows before anything is written.
    """
    if definition.get("adaptive"):
        for variant in definition["variants"]:
            search.check_learning(variant["config"], **controller.rules(definition, variant))
        return []
    rules = definition["search"]
    return [
        setting
        for variant in definition["variants"]
        for setting in _drawn(
            definition,
            variant,
            search.draw(
                variant["config"],
                variant_key="" if rules["shared"] else variant["search_key"],
                trials=rules["trials"],
                seed=rules["sampler_seed"],
                default_first=rules["default_first"],
            ),
        )
    ]


def _drawn(
    definition: dict[str, Any], variant: dict[str, Any], draws: list[search.Draw]
) -> Iterator[Setting]:
    config = _trained(variant, {key for draw in draws for key in draw.params})
    return (setting_of(definition, {**variant, "config": config}, draw) for draw in draws)


def _trained(variant: dict[str, Any], drawn: Iterable[str]) -> dict[str, Any]:
    """Return what training reads of a config, and what is drawn: the rest need not be resolved for each setting."""
    tops = {key.partition(".")[0] for key in drawn}
    return needed(variant["config"], {"model", *TRAINING[1:], *tops})


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


def _seeds(rules: dict[str, Any], searched: list[Trial], have: list[int], seeds: int) -> list[int]:
    """Return a setting's rerun seeds: those it has, then from `first_seed` up without those the search used.

    `reuse_search_seeds` counts up from `first_seed` whatever the search used.
    """
    used = set() if rules["reuse_search_seeds"] else {t.seed for t in searched}
    fresh = (seed for seed in count(rules["first_seed"]) if seed not in used and seed not in have)
    return [*have, *islice(fresh, max(0, seeds - len(have)))]


def _reruns(variant: dict[str, Any], chosen: Trial, seeds: list[int]) -> Iterator[Setting]:
    resolved = resolve(set_values(_trained(variant, chosen.params), chosen.params))
    for seed in seeds:
        yield Setting(
            variant["choices"], "rerun", chosen.index, seed, chosen.is_default, chosen.params, resolved
        )
