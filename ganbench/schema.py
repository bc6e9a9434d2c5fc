"""Plain data held against dataclasses: unknown fields and wrong types are named, nothing is converted."""

from __future__ import annotations

import types
from dataclasses import is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ganbench.errors import ConfigError
from ganbench.nodes import closest

T = TypeVar("T")

_KINDS = {str: "a text", int: "an integer", float: "a number", bool: "true or false", type(None): "null"}


def build(cls: type[T], raw: dict[str, Any], prefix: str = "") -> T:
    """Build a dataclass from a mapping, members first; raises `ConfigError` naming the field at fault."""
    hints = get_type_hints(cls)
    for key in raw:
        if key not in hints:
            known = (f"{prefix}{name}" for name in hints)
            raise ConfigError(f"there is no field `{prefix}{key}`{closest(f'{prefix}{key}', known)}")
    return cls(**{key: _checked(hints[key], value, f"{prefix}{key}") for key, value in raw.items()})


def _checked(hint: Any, value: Any, where: str) -> Any:
    """Return a value of the hinted type, dataclasses built from mappings."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        hint = next((h for h in inner if _fits(h, value)), hint)
        origin, inner = get_origin(hint), get_args(hint)
    if not _fits(hint, value):
        raise ConfigError(f"`{where}` must be {_kind(hint)}, not {value!r}")
    if origin is list:
        return [_checked(inner[0], member, f"{where}[{i}]") for i, member in enumerate(value)]
    if origin is dict:
        return {_checked(inner[0], k, where): _checked(inner[1], v, f"{where}.{k}") for k, v in value.items()}
    return build(hint, value, f"{where}.") if isinstance(hint, type) and is_dataclass(hint) else value


def _fits(hint: Any, value: Any) -> bool:
    """Say whether a value is of the outer type; bool is no int."""
    if is_dataclass(hint):
        return isinstance(value, dict)
    return type(value) is (get_origin(hint) or hint)


def _kind(hint: Any) -> str:
    if get_origin(hint) in {Union, types.UnionType}:
        return " or ".join(map(_kind, get_args(hint)))
    return _KINDS.get(hint, "a list" if get_origin(hint) is list else "a mapping")
