"""Search spaces as data: which settings a variant searches, and the authors' values of them."""

from __future__ import annotations

from typing import Any

from ganbench.errors import ConfigError
from ganbench.nodes import closest, copy_tree, has, typed, value_at

_FIELDS = {"name", "model_space", "params", "default"}
_SHIFT = {"reference_steps", "at_most"}
WRITE = "write {_target_: optuna.distributions.…, …}"


def where(config: dict[str, Any], key: str = "") -> str:
    """Say which space, and which of its parameters, a message is about."""
    return f"space `{config['space'].get('name', '?')}`" + (f", `{key}`" if key else "")


def searched(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return setting → distribution node: the space's `params` joined by the model's `spaces.<model_space>`.

    In the model's part null removes a parameter; one marked `optional: true` is left out where the config
    lacks its setting. Raises `ConfigError` for a setting that does not exist and a node of another kind.
    """
    _check_fields(config)
    entries = sorted({**config["space"]["params"], **_own(config, "spaces")}.items())
    return {
        key: {name: value for name, value in entry.items() if name != "optional"}
        for key, entry in entries
        if _is_searched(config, key, entry)
    }


def _check_fields(config: dict[str, Any]) -> None:
    for key in config["space"]:
        if key not in _FIELDS:
            raise ConfigError(f"{where(config)} has an unknown field `{key}`{closest(key, _FIELDS)}")
    for key in sorted(_FIELDS - set(config["space"])):
        raise ConfigError(f"{where(config)} lacks its field `{key}`")


def _own(config: dict[str, Any], part: str) -> dict[str, Any]:
    """Return what the model itself says about this space."""
    return (config["model"].get(part) or {}).get(config["space"]["model_space"]) or {}


def _is_searched(config: dict[str, Any], key: str, entry: Any) -> bool:
    if entry is None:
        return False
    if not isinstance(entry, dict):
        raise ConfigError(f"{where(config, key)}: {WRITE}, or null to remove it")
    if has(config, key):
        return True
    if entry.get("optional") is True:
        return False
    out = f"`{key}: null` under `spaces.{config['space']['model_space']}` of the model's YAML"
    raise ConfigError(
        f"{where(config, key)}: no such setting; take it out ({out}) or mark it `optional: true`"
    )


def defaults(config: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """Return the authors' values of these settings, shifted to the budget's steps as the space asks.

    A shifted value is multiplied by min(reference_steps / budget.steps, at_most). A model whose authors'
    value depends on the space gives it under `defaults.<model_space>`.
    """
    own = _own(config, "defaults")
    values = {key: typed(key, value_at(config, key), own.get(key, value_at(config, key))) for key in keys}
    for key, shift in config["space"]["default"].items():
        if set(shift) != _SHIFT or not has(config, key):
            raise ConfigError(f"{where(config)}: `default` is setting: {{reference_steps: …, at_most: …}}")
        if key in values:
            steps = value_at(config, "budget.steps")
            values[key] *= min(shift["reference_steps"] / steps, shift["at_most"])
    return values


def pin(config: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """Return a copy that searches none of these settings: they stay at the config's values."""
    result: dict[str, Any] = copy_tree(config)
    for part in (result["space"].get("params"), result["space"].get("default"), _own(result, "spaces")):
        for key in keys & set(part or ()):
            del part[key]
    return result
