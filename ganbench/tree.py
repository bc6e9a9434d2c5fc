"""Parts as trees: ``@component`` makes a frozen dataclass whose float fields batch over the lanes of a pack."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, dataclass_transform, get_type_hints, overload

import torch
from torch.utils import _pytree as pytree

T = TypeVar("T")
C = TypeVar("C", bound=type)

COMPONENTS: dict[str, type] = {}  # full name → class; what a `_target_` may name
_PARTS: set[type] = set()  # those whose floats are leaves


def _coerce(value: Any, hint: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _post_init(self: Any) -> None:
    """Make `lr: 1` a float and lists tuples, so that equal settings are equal objects."""
    hints = get_type_hints(type(self))
    for field in dataclasses.fields(self):
        object.__setattr__(self, field.name, _coerce(getattr(self, field.name), hints[field.name]))


def _register_part(cls: type) -> None:
    """Tell pytree that float fields are leaves, parts are children and everything else is structure."""
    names = [field.name for field in dataclasses.fields(cls)]
    hints = get_type_hints(cls)
    floats = {name for name in names if hints[name] is float}

    def flatten(part: Any) -> tuple[list[Any], Any]:
        dynamic = tuple(n for n in names if n in floats or type(getattr(part, n)) in _PARTS)
        static = tuple((n, getattr(part, n)) for n in names if n not in dynamic)
        return [getattr(part, n) for n in dynamic], (dynamic, static)

    def unflatten(children: Any, context: Any) -> Any:
        part: Any = object.__new__(cls)
        for name, value in (*zip(context[0], children, strict=True), *context[1]):
            object.__setattr__(part, name, value)
        return part

    pytree.register_pytree_node(cls, flatten, unflatten, serialized_type_name=full_name(cls))
    _PARTS.add(cls)


def full_name(cls: type) -> str:
    """Return the dotted name under which a component is registered."""
    return f"{cls.__module__}.{cls.__qualname__}"


@overload
def component(cls: C, /) -> C: ...
@overload
def component(*, batched: bool = True) -> Callable[[C], C]: ...


@dataclass_transform(frozen_default=True, kw_only_default=True)
def component(cls: Any = None, /, *, batched: bool = True) -> Any:
    """Register a class as a part: a frozen, keyword-only dataclass that holds hyperparameters only.

    With ``batched=False`` (networks, datasets, metrics: structure) its floats do not vary inside a pack.
    """
    if cls is None:
        return partial(_component, batched=batched)
    return _component(cls, batched=batched)


def _component(cls: Any, *, batched: bool) -> Any:
    check = cls.__dict__.get("__post_init__")

    def post_init(self: Any) -> None:
        _post_init(self)
        if check is not None:
            check(self)

    cls.__post_init__ = post_init
    cls = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    COMPONENTS[full_name(cls)] = cls
    if batched:
        _register_part(cls)
    return cls


def map_tree(function: Callable[..., Any], tree: T, *rest: Any) -> T:
    """Apply a function to the leaves of trees of one shape."""
    return pytree.tree_map(function, tree, *rest)  # type: ignore[no-any-return]


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of a tree, in order."""
    return pytree.tree_leaves(tree)


def stack(trees: Sequence[T]) -> T:
    """Stack trees of one shape leaf by leaf along a new first axis; floats become float32 tensors."""
    return map_tree(lambda *xs: torch.stack([_tensor(x) for x in xs]), trees[0], *trees[1:])


def unstack(tree: T, lane: int) -> T:
    """Return one lane of a stacked tree."""
    return map_tree(lambda x: x[lane], tree)


def _tensor(x: Any) -> torch.Tensor:
    return x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float32)
