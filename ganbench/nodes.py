"""Composed configs as plain nested dicts: looked up, changed and resolved by dotted name, types kept."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ganbench.errors import ConfigError

MISSING = "???"  # Hydra's mark of a value that somebody has to give
_REFERENCE = re.compile(r"\$\{(\w+(?:\.\w+)*)\}")
_OPEN = object()
_KINDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
}


def closest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?`, or nothing where no known name comes near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    near = near or [n for n in names if n.rpartition(".")[2] == name.rpartition(".")[2]]
    return f"; did you mean `{near[0]}`?" if near else ""


def flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and value of every node, mappings before their members."""
    for key, value in config.items():
        yield f"{prefix}{key}", value
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")


def copy_tree(node: Any) -> Any:
    """Copy dicts and lists all the way down; leaves are shared."""
    if isinstance(node, dict):
        return {key: copy_tree(value) for key, value in node.items()}
    return [copy_tree(value) for value in node] if isinstance(node, list) else node


def _unknown(config: Mapping[str, Any], dotted: str) -> ConfigError:
    names = {name for name, _ in flatten(config)}
    parent = dotted.rpartition(".")[0]
    around = sorted(name for name in names if name.rpartition(".")[0] == parent)
    hint = closest(dotted, names) or (f"; there are {', '.join(around)}" if around else "")
    return ConfigError(f"there is no setting `{dotted}`{hint}")


def _referent(value: Any) -> str | None:
    """Return the dotted name in `${name}`, None for anything that refers to nothing."""
    if not isinstance(value, str) or "${" not in value:
        return None
    match = _REFERENCE.fullmatch(value)
    if match is None:
        raise ConfigError(f"`{value}`: only whole references like ${{model.lr}} can be resolved")
    return match[1]


def value_at(config: Mapping[str, Any], dotted: str) -> Any:
    """Return the value at a dotted name, following references; a mapping's own members stay unresolved."""
    return _follow(config, dotted, ())


def _follow(config: Mapping[str, Any], dotted: str, trail: tuple[str, ...]) -> Any:
    if dotted in trail:
        raise ConfigError(f"references run in a circle: {' → '.join((*trail, dotted))}")
    node: Any = config
    for key in dotted.split("."):
        if not isinstance(node, dict) or key not in node:
            raise _unknown(config, dotted)
        node = node[key]
        if (name := _referent(node)) is not None:
            node = _follow(config, name, (*trail, dotted))
    return node


def has(config: Mapping[str, Any], dotted: str) -> bool:
    """Say whether a setting of this dotted name exists."""
    node: Any = config
    for key in dotted.split("."):
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True


def resolve(config: dict[str, Any]) -> dict[str, Any]:
    """Replace every `${a.b}` by what it names; nodes named twice are shared: treat the result as read-only.

    Raises `ConfigError` on a circle, a dangling or partial reference, and a value that is still `???`.
    """
    resolved: dict[str, Any] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        if node == MISSING:
            raise _incomplete(config)
        return follow(node) if isinstance(node, str) and "${" in node else node

    def follow(reference: str) -> Any:
        value = resolved.get(reference, resolved)
        if value is _OPEN:
            raise ConfigError(f"references run in a circle through {reference}")
        if value is resolved:
            resolved[reference] = _OPEN
            value = resolved[reference] = walk(_raw(config, str(_referent(reference))))
        return value

    result: dict[str, Any] = walk(config)
    return result


def needed(config: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the part of a composed config that these top nodes resolve by: themselves and what they refer to."""
    found: dict[str, Any] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = config[name]
            waiting += {top for top in _referred(config[name]) if top in config}
    return found


def _referred(node: Any) -> Iterator[str]:
    """Yield the top node of every reference below a node."""
    if isinstance(node, dict | list):
        for member in node.values() if isinstance(node, dict) else node:
            yield from _referred(member)
    elif isinstance(node, str) and (match := _REFERENCE.fullmatch(node)):
        yield match[1].partition(".")[0]


def _raw(config: Mapping[str, Any], dotted: str) -> Any:
    """Return the node itself, references still in it; only the way to it is followed."""
    parent, _, last = dotted.rpartition(".")
    node = value_at(config, parent) if parent else config
    if not isinstance(node, dict) or last not in node:
        raise _unknown(config, dotted)
    return node[last]


def _incomplete(config: Mapping[str, Any]) -> ConfigError:
    names = [name for name, value in flatten(config) if value == MISSING] or ["a list's member"]
    return ConfigError(f"`{names[0]}` has no value yet: give {names[0]}=…")


def typed(where: str, default: Any, value: Any) -> Any:
    """Return `value` as the default's type: an int becomes a float where one stands, nothing else bends.

    A default of null or `???` has no type; members of a list are held against the default's first member.
    Raises `ConfigError`.
    """
    if default is None or default == MISSING:
        return value
    if isinstance(default, list) and isinstance(value, (list, tuple)):
        return [typed(f"{where}[{i}]", default[0] if default else None, v) for i, v in enumerate(value)]
    if type(default) is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(where, float(value))
    if type(value) is not type(default):
        kind = _KINDS.get(type(default), type(default).__name__)
        raise ConfigError(f"`{where}` is {kind} such as {_show(default)}, not {_show(value)}")
    return value


def _finite(where: str, value: float) -> float:
    if not math.isfinite(value):
        raise ConfigError(f"`{where}` must be a finite number, not {value}")
    return value


def _show(value: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)


def set_values(config: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy with the values put at their dotted names.

    Raises `ConfigError` for a name that does not exist and for a value of another type than its default.
    """
    result: dict[str, Any] = copy_tree(config)
    for dotted, value in values.items():
        parent, key = _parent(result, dotted)
        parent[key] = _replaced(result, dotted, parent[key], value)
    return result


def _replaced(config: dict[str, Any], where: str, old: Any, new: Any) -> Any:
    """Return what stands in place of `old`: mappings member by member, references as what they name."""
    default, given = _deref(config, old), _deref(config, new)
    if given is not new:
        if not isinstance(default, dict):
            typed(where, default, given)
        return new
    if isinstance(default, list):
        default = [_deref(config, member) for member in default]
    if not (default and isinstance(default, dict) and isinstance(new, dict)):
        return typed(where, default, new)
    for key in new:
        if key not in default:
            raise ConfigError(f"`{where}` has no member `{key}`{closest(str(key), default)}")
    return {**default, **{k: _replaced(config, f"{where}.{k}", default[k], v) for k, v in new.items()}}


def _deref(config: Mapping[str, Any], value: Any) -> Any:
    name = _referent(value)
    return value if name is None else value_at(config, name)


def _parent(config: dict[str, Any], dotted: str) -> tuple[dict[str, Any], str]:
    """Return the mapping that holds a dotted name, and its last part."""
    *path, last = dotted.split(".")
    node: Any = config
    for depth, key in enumerate(path):
        node = node.get(key) if isinstance(node, dict) else None
        if (name := _referent(node)) is not None:
            rest = ".".join([name, *path[depth + 1 :], last])
            raise ConfigError(
                f"`{'.'.join(path[: depth + 1])}` refers to `{name}`: set `{rest}` instead of `{dotted}`"
            )
    if not isinstance(node, dict) or last not in node:
        raise _unknown(config, dotted)
    return node, last
