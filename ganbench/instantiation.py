"""From a plain dict with a `_target_` to the object it describes; registration decides what it may be."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench.errors import ConfigError
from ganbench.nodes import closest

TARGET = "_target_"
_HOMES = ("ganbench", "optuna")  # packages whose modules a target may import; others come in as plug-ins


def _module(target: str) -> Any:
    """Import the module of a target; a stranger's module must have been loaded before, as a plug-in."""
    name = target.rpartition(".")[0]
    if name not in sys.modules and name.partition(".")[0] not in _HOMES:
        raise ConfigError(f"`{target}` is not part of ganbench; if it is yours, add --plugin {name}")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(f"`{target}`: there is no module `{error.name}`") from error


def _is_component(target: str, found: object) -> bool:
    """Look into the registry only if a target's module has loaded it: it needs torch, we do not."""
    tree = sys.modules.get("ganbench.tree")
    return tree is not None and tree.COMPONENTS.get(target) is found


def locate(target: Any, bases: tuple[type, ...] = ()) -> type:
    """Return the class a target names: a component of exactly that name, or a subclass of one of `bases`.

    Raises `ConfigError` for anything else, whatever it resolves to.
    """
    if not isinstance(target, str) or "." not in target:
        raise ConfigError(f"`{TARGET}: {target}` must be the full dotted name of a class")
    module = _module(target)
    found = getattr(module, target.rpartition(".")[2], None)
    if isinstance(found, type) and (_is_component(target, found) or issubclass(found, bases)):
        return found
    hint = closest(target, (f"{module.__name__}.{name}" for name in vars(module) if name[:1].isupper()))
    raise ConfigError(f"`{TARGET}: {target}` is not a registered component{hint if found is None else ''}")


def _check_keys(cls: type, target: str, given: set[str]) -> None:
    """Require exactly the fields of a component, or what another class's constructor takes."""
    if dataclasses.is_dataclass(cls):
        required = known = {field.name for field in dataclasses.fields(cls) if field.init}
    else:
        parameters = inspect.signature(cls).parameters.values()
        known = {p.name for p in parameters}
        required = {p.name for p in parameters if p.default is p.empty}
    for name in sorted(given - known):
        raise ConfigError(f"`{target}` has no field `{name}`{closest(name, known)}")
    for name in sorted(required - given):
        raise ConfigError(f"`{target}` lacks its field `{name}`: every field stands in the YAML")


def instantiate(node: Any, *, bases: tuple[type, ...] = ()) -> Any:
    """Build what a resolved node describes, members first; other mappings and lists stay what they are.

    A target is a class registered by `@component`, or a subclass of `bases`. Raises `ConfigError` for a
    target that is neither, for missing and unknown fields, and for values the class refuses.
    """
    if isinstance(node, list):
        return [instantiate(member, bases=bases) for member in node]
    if isinstance(node, str) and "${" in node:
        raise ConfigError(f"`{node}` is still a reference: resolve the config before instantiating it")
    if not isinstance(node, dict):
        return node
    members = {key: instantiate(value, bases=bases) for key, value in node.items() if key != TARGET}
    return _build(node[TARGET], members, bases) if TARGET in node else members


def _build(target: Any, members: dict[str, Any], bases: tuple[type, ...]) -> Any:
    cls = locate(target, bases)
    _check_keys(cls, target, set(members))
    try:
        with warnings.catch_warnings():
            # Optuna bends bounds that do not fit, and only warns of it.
            warnings.simplefilter("error", UserWarning)
            return cls(**members)
    except (TypeError, ValueError, UserWarning) as error:
        raise ConfigError(f"`{target}`: {' '.join(str(error).split())}") from error


def load_plugins(names: list[str]) -> dict[str, str]:
    """Import the user's modules, so that targets may name their components; return name → sha256 of source.

    A package's hash covers every Python file below it. Raises `ConfigError` if a module cannot be found.
    """
    return {name: _load_plugin(name) for name in names}


def load_frozen(plugins: Mapping[str, str]) -> None:
    """Import the modules of a sweep's definition; raises `ConfigError` where one has changed since it was begun."""
    for name, sha256 in plugins.items():
        if _load_plugin(name) != sha256:
            raise ConfigError(
                f"--plugin {name} has changed since the sweep was begun: restore it, or start another sweep with it"
            )


def _load_plugin(name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"--plugin {name!r} must be the dotted name of a module, such as my_parts.losses")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(f"--plugin {name}: no such module; put its folder on PYTHONPATH") from error
    if getattr(module, "__file__", None) is None:  # a namespace, or built in
        raise ConfigError(f"--plugin {name}: only a module or package with Python source can be recorded")
    return _source_hash(Path(str(module.__file__)))


def _source_hash(path: Path) -> str:
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(path.parent).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
