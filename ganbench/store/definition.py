"""What a sweep is, as frozen in its folder: read, compared, and the final step it asks of a variant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ganbench.errors import StoreError
from ganbench.nodes import value_at

_SHOWN = 5
_WIDTH = 60
_ABSENT = "(absent)"
_GROWING = frozenset(
    {"search.trials", "rerun.seeds", "rerun.top"}
)  # more of these leaves what is there as it is
_PLACEMENT = ("dataset.root=", "dataset.download=")  # as overrides spell it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where libyaml is there


def read_definition(path: Path) -> dict[str, Any]:
    """Read sweep.yaml. Raises `StoreError` where there is none or it cannot be read."""
    fix = "restore it, or choose another folder with --results"
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except FileNotFoundError:
        raise StoreError(
            f"there is no sweep in {path.parent}: plan it, or name its folder with --results"
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StoreError(f"cannot read {path} ({' '.join(str(error).split())}): {fix}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} is not a sweep's definition: {fix}")
    return content


def to_yaml(definition: Mapping[str, Any]) -> str:
    """Return a definition as YAML that reads back as `plain` of it."""
    return yaml.safe_dump(plain(definition), sort_keys=False, allow_unicode=True, width=120)


def plain(value: Any) -> Any:
    """Return a definition with mappings as dicts and tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return `key: old → new` for the first few dotted keys that differ; empty if none does."""
    before, after = _flat(plain(old)), _flat(plain(new))
    keys = [key for key in (before | after) if not _same(before.get(key, _ABSENT), after.get(key, _ABSENT))]
    shown = [f"{key}: {_show(before, key)} → {_show(after, key)}" for key in keys[:_SHOWN]]
    if len(keys) > _SHOWN:
        shown.append(f"and {len(keys) - _SHOWN} more")
    return "; ".join(shown)


def is_growth(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether a definition asks for the same sweep, or more trials of it, wherever its data lie."""
    before, after = _flat(_without_placement(plain(old))), _flat(_without_placement(plain(new)))
    changed = [
        key for key in (before | after) if not _same(before.get(key, _ABSENT), after.get(key, _ABSENT))
    ]
    return all(key in _GROWING and _more(before.get(key), after.get(key)) for key in changed)


def _more(old: Any, new: Any) -> bool:
    """Return whether a number grew, or a list of numbers nowhere shrank."""
    if isinstance(old, list) and isinstance(new, list):
        return len(old) <= len(new) and all(a <= b for a, b in zip(old, new, strict=False))
    return isinstance(old, int) and isinstance(new, int) and old < new


def _without_placement(definition: dict[str, Any]) -> dict[str, Any]:
    """Leave out where a dataset's files lie and whether they may be fetched: that is no part of any trial."""
    kept = [text for text in definition.get("overrides", []) if not text.lstrip("+").startswith(_PLACEMENT)]
    variants = [_unplaced(variant) for variant in definition.get("variants", [])]
    return {**definition, "overrides": kept, "variants": variants}


def _unplaced(variant: dict[str, Any]) -> dict[str, Any]:
    config = variant.get("config", {})
    dataset = {k: v for k, v in config.get("dataset", {}).items() if f"dataset.{k}=" not in _PLACEMENT}
    return {**variant, "config": {**config, "dataset": dataset}}


def final_step(definition: Mapping[str, Any], variant: Mapping[str, str]) -> int:
    """Return the step a variant's trials end at: `budget.steps` of its config, else of the definition.

    A definition without configs may give `budget.<choice>.steps` for the choices of an axis. Raises
    `StoreError` where the definition does not say.
    """
    for known in definition.get("variants", ()):
        if known["choices"] == variant:
            return int(value_at(known["config"], "budget.steps"))
    budget = definition.get("budget")
    if isinstance(budget, Mapping) and "budget" in variant:
        budget = budget.get(variant["budget"], budget)
    steps = budget.get("steps") if isinstance(budget, Mapping) else None
    if not isinstance(steps, int):
        raise StoreError(
            "sweep.yaml lacks budget.steps, the number of steps of a trial: restore it and plan again"
        )
    return steps


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    parts = [_flat(item, f"{prefix}.{key}" if prefix else key) for key, item in value.items()]
    return {key: item for part in parts for key, item in part.items()}


def _same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)


def _show(flat: Mapping[str, Any], key: str) -> str:
    text = str(flat.get(key, _ABSENT))
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
