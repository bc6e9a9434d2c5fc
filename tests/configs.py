"""Resolved configs of every model, and copies with one value changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packs import composed

from ganbench.nodes import resolve

MODELS = sorted(p.stem for p in (Path(__file__).parents[1] / "conf" / "model").glob("*.yaml"))


def resolved(model: str = "wgan_gp", family: str = "gray28") -> dict[str, Any]:
    """Return a private copy of a model's resolved config on a tiny family; no node is shared."""
    config: dict[str, Any] = json.loads(json.dumps(resolve(composed(model, family))))
    return config


def leaves_of(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value that is not a mapping or a list."""
    if not isinstance(node, (dict, list)):
        yield path
        return
    for key in node if isinstance(node, dict) else range(len(node)):
        yield from leaves_of(node[key], (*path, key))


def at(node: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path."""
    for key in path:
        node = node[key]
    return node


def changed(node: Any, path: tuple[Any, ...]) -> Any:
    """Return a copy with another value of the same type at a path."""
    result = copy.deepcopy(node)
    value = at(result, path)
    other = not value if isinstance(value, bool) else value + "x" if isinstance(value, str) else value + 1
    at(result, path[:-1])[path[-1]] = other
    return result
