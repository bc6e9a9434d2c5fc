"""What a list of operations can do without: views that change nothing, operations done twice, sums with zeros.

The double backward pass of a leaky ReLU hands on a gradient that is zero everywhere; what autograd then multiplies
by it is a seventh of the products of a critic with a gradient penalty.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

aten = torch.ops.aten
_SAME_SHAPE = frozenset({aten.view.default, aten.expand.default, aten.detach.default})
_ZEROS = frozenset({aten.zeros_like.default, aten.zeros.default, aten.new_zeros.default})
_CONTIGUOUS: dict[str, Any] = {"memory_format": torch.contiguous_format}
_SUM = aten.add.Tensor
_PRODUCTS = frozenset({aten.mul.Tensor, aten.bmm.default, aten.mm.default})  # zero where either factor is
_LINEAR = frozenset(  # zero where the first argument is
    {
        aten._unsafe_view.default,  # noqa: SLF001  (its name)
        *(aten.view.default, aten.expand.default, aten.clone.default),
        *(aten.transpose.int, aten.permute.default, aten.unsqueeze.default, aten.squeeze.dim),
        *(aten.sum.dim_IntList, aten.sum.default, aten.mean.dim, aten.neg.default),
        *(aten.leaky_relu_backward.default, aten.threshold_backward.default),
        *(aten.convolution_backward.default, aten.native_batch_norm_backward.default, operator.getitem),
    }
)


def simplify(graph: fx.Graph) -> None:
    """Remove from a graph of pure operations what does not change its results.

    A product with zeros counts as zero, whatever the other factor; all else keeps its bits.
    """
    _drop_identities(graph)
    _drop_zeros(graph)
    _drop_repeats(graph)
    graph.eliminate_dead_code()


def _drop_identities(graph: fx.Graph) -> None:
    """Remove views that change nothing."""
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in _SAME_SHAPE:
            (source, *_) = node.args
            before, after = _meta(source), _meta(node)
            if before is not None and before == after:
                node.replace_all_uses_with(source)
                graph.erase_node(node)


def _drop_zeros(graph: fx.Graph) -> None:
    """Let what is added to zeros stand for the sum; what only zeros were made for is then dead code."""
    zeros: set[Any] = set()
    for node in list(graph.nodes):
        if _is_zero(node, zeros):
            zeros.add(node)
        elif node.target is _SUM and not node.kwargs and any(term in zeros for term in node.args):
            first, second = node.args
            _stand_for(second if first in zeros else first, node)


def _is_zero(node: fx.Node, zeros: set[Any]) -> bool:
    if node.target in _ZEROS:
        return True
    factors = node.args[: 2 if node.target in _PRODUCTS else 1 if node.target in _LINEAR else 0]
    return any(factor in zeros for factor in factors)


def _stand_for(term: Any, total: fx.Node) -> None:
    """Put a term in the place of a sum of its shape, laid out as the sum is: later sums follow its memory."""
    before, after = _meta(term), _meta(total)
    if before is None or after is None or before[0] != after[0]:
        return
    if before != after:
        if total.meta["tensor_meta"].memory_format is not torch.contiguous_format:
            return
        with total.graph.inserting_before(total):
            term = total.graph.call_function(aten.clone.default, (term,), _CONTIGUOUS)
            term.meta = total.meta
    total.replace_all_uses_with(term)
    total.graph.erase_node(total)


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


def _meta(node: Any) -> tuple[Any, ...] | None:
    """Return shape and strides as seen while tracing, None where unknown."""
    seen = node.meta.get("tensor_meta") if isinstance(node, fx.Node) else None
    return None if seen is None else (seen.shape, seen.stride)
