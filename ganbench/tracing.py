"""A vmapped step as the plain list of tensor operations it performs: the same kernels without the transforms' overhead.

`torch.func` decides anew in every step which operations to run. Tracing writes them down once; replaying the list gives
the same bits (a conformance test holds every model to that) in about two thirds of the time for small networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

_SAME_SHAPE = frozenset(
    {torch.ops.aten.view.default, torch.ops.aten.expand.default, torch.ops.aten.detach.default}
)


class Traced(NamedTuple):
    """A list of operations on flat tensors, the tensors it was traced with, and the tree of its result."""

    module: fx.GraphModule
    example: list[Tensor]
    result: pytree.TreeSpec


def trace(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """Return a function that replays what `function` does to arguments of these shapes.

    Arguments and result are trees of tensors. The function must be pure and must not look at values.
    """
    traced = operations(function, *arguments)

    def replay(*new: Any) -> Any:
        return pytree.tree_unflatten(traced.module(*pytree.tree_leaves(new)), traced.result)

    return replay


def operations(function: Callable[..., Any], *arguments: Any) -> Traced:
    """Write down what `function` does to arguments of these shapes, nothing twice."""
    leaves, spec = pytree.tree_flatten(arguments)
    results: list[pytree.TreeSpec] = []

    def flat(*tensors: Tensor) -> list[Tensor]:
        result, result_spec = pytree.tree_flatten(function(*pytree.tree_unflatten(list(tensors), spec)))
        results.append(result_spec)
        return result

    module = make_fx(flat, tracing_mode="real")(*leaves)
    _drop_identities(module.graph)
    _drop_repeats(module.graph)
    module.graph.eliminate_dead_code()
    module.recompile()
    return Traced(module, leaves, results[0])


def _drop_repeats(graph: fx.Graph) -> None:
    """Let equal operations on equal inputs be done once; all are pure, randomness is arithmetic on keys."""
    seen: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        key = (node.target, *map(_hashable, (node.args, node.kwargs)))
        if key in seen:
            node.replace_all_uses_with(seen[key])
            graph.erase_node(node)
        else:
            seen[key] = node


def _hashable(value: Any) -> Any:
    """Return arguments as a key that tells 1, 1.0 and True apart."""
    if isinstance(value, dict):
        return tuple((name, _hashable(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    return value if isinstance(value, fx.Node) else (type(value), value)


def _drop_identities(graph: fx.Graph) -> None:
    """Remove views that change nothing."""
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in _SAME_SHAPE:
            (source, *_) = node.args
            before, after = _meta(source), _meta(node)
            if before is not None and before == after:
                node.replace_all_uses_with(source)
                graph.erase_node(node)


def _meta(node: Any) -> tuple[Any, ...] | None:
    """Return shape and strides as seen while tracing, None where unknown."""
    seen = node.meta.get("tensor_meta")
    return None if seen is None else (seen.shape, seen.stride)
