"""A vmapped step as the plain list of tensor operations it performs: the same kernels without the transforms' overhead.

`torch.func` decides anew in every step which operations to run. Tracing writes them down once; replaying the list gives
the same bits (a conformance test holds every model to that) in half of the time for small networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ganbench.simplifying import simplify

_HOMES = (torch, torch.Tensor)  # of functions that do what an operation of the same name does


class Traced(NamedTuple):
    """A list of operations on flat tensors, the tensors it was traced with, and the tree of its result."""

    module: fx.GraphModule
    example: list[Tensor]
    result: pytree.TreeSpec


class Flat(NamedTuple):
    """A function of the leaves of its arguments, and the tree that its results are the leaves of."""

    run: Callable[[list[Tensor]], Sequence[Tensor]]  # may empty the list it is given
    result: pytree.TreeSpec

    def __call__(self, *arguments: Any) -> Any:
        """Map trees to a tree."""
        return pytree.tree_unflatten(list(self.run(pytree.tree_leaves(arguments))), self.result)


def trace(function: Callable[..., Any], *arguments: Any) -> Flat:
    """Return a function that replays what `function` does to arguments of these shapes.

    Arguments and result are trees of tensors. The function must be pure and must not look at values.
    """
    traced = operations(function, *arguments)
    with torch.no_grad():
        _Direct(traced.module).run(*traced.example)
    traced.module.recompile()
    module = traced.module  # what is kept for long must not hold on to the example
    return Flat(lambda leaves: module.forward(*leaves), traced.result)


def operations(function: Callable[..., Any], *arguments: Any) -> Traced:
    """Write down what `function` does to arguments of these shapes, nothing twice and nothing in vain."""
    leaves, spec = pytree.tree_flatten(arguments)
    results: list[pytree.TreeSpec] = []

    def flat(*tensors: Tensor) -> list[Tensor]:
        result, result_spec = pytree.tree_flatten(function(*pytree.tree_unflatten(list(tensors), spec)))
        results.append(result_spec)
        return result

    module = make_fx(flat, tracing_mode="real")(*leaves)
    simplify(module.graph)
    module.recompile()
    return Traced(module, leaves, results[0])


class _Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Which operations are done, and on what."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[tuple[Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append((func, args, kwargs or {}))
        return func(*args, **(kwargs or {}))


class _Direct(fx.Interpreter):
    """Replace operations by functions of torch that do that very one: their way to the kernel is half as long."""

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, and change what it calls where that is no change to what is done."""
        result = super().run_node(n)
        if n.op == "call_function" and isinstance(n.target, torch._ops.OpOverload):  # noqa: SLF001  (its public name)
            n.target = _direct(n.target, *self.fetch_args_kwargs_from_env(n))
        return result


def _direct(operation: Any, args: Any, kwargs: Any) -> Any:
    """Return the function that was seen to do the operation on these arguments, or the operation itself."""
    for home in _HOMES:
        function = getattr(home, operation._opname, None)  # noqa: SLF001  (there is no public one)
        if callable(function) and _does(function, operation, args, kwargs):
            return function
    return operation


def _does(function: Any, operation: Any, args: Any, kwargs: Any) -> bool:
    with _Calls() as calls:
        try:
            function(*args, **kwargs)
        except (TypeError, RuntimeError):  # it takes other arguments
            return False
    given = _leaves_of(args, kwargs)
    return len(calls.seen) == 1 and calls.seen[0][0] is operation and _leaves_of(*calls.seen[0][1:]) == given


def _leaves_of(args: Any, kwargs: Any) -> list[Any]:
    """Return arguments as a list that compares: tensors by identity, numbers by type and value."""
    leaves = pytree.tree_leaves((args, kwargs))
    return [id(x) if isinstance(x, Tensor) else (type(x), repr(x)) for x in leaves]
