"""The step of a pack as what is called again and again: as written, as a traced list of operations, as machine code.

What has been prepared is kept: a slot's next pack of the same structure, with other numbers in it, trains at once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from ganbench.compiling import compile_step
from ganbench.precision import products_in
from ganbench.protocols import State
from ganbench.rng import Rng
from ganbench.tracing import Flat, trace

TRACE_AFTER = 100  # steps of a turn; a trace costs as much as about a hundred
Logs: TypeAlias = dict[str, Tensor]
_STATE = 1  # its place among a step's arguments
Function = Callable[..., tuple[State, Logs]]  # of procedure, state, batch, key and number of the step
Step = Callable[[list[Tensor]], tuple[list[Tensor], Logs]]  # the same on leaves
Make = Callable[..., Flat]  # of a function and arguments of the shapes to come


@dataclass(frozen=True)
class Way:
    """How a step is taken: which networks it updates, in which precision, and with all lanes at once or with one."""

    turn: str
    precision: str
    together: bool

    def step(
        self, procedure: Any, state: State, batch: Tensor, key: Tensor, step: Tensor
    ) -> tuple[State, Logs]:
        """Take a step as it is written."""
        if not self.together:
            return self._one(procedure, state, batch, key, step)
        return vmap(lambda p, s, b, k: self._one(p, s, b, k, step))(procedure, state, batch, key)

    def _one(
        self, procedure: Any, state: State, batch: Tensor, key: Tensor, step: Tensor
    ) -> tuple[State, Logs]:
        with products_in(self.precision):
            return procedure.step(state, batch, Rng(key).fold("step").fold(step), self.turn)  # type: ignore[no-any-return]


# (way, tree of a step's arguments, leaves like those to come) → a step
Prepare = Callable[[Way, pytree.TreeSpec, list[Tensor]], Step]


def _written(function: Function, arguments: pytree.TreeSpec) -> Step:
    def step(given: list[Tensor]) -> tuple[list[Tensor], Logs]:
        state, logs = function(*pytree.tree_unflatten(given, arguments))
        return arguments.child(_STATE).flatten_up_to(state), logs

    return step


def _listed(flat: Flat, arguments: pytree.TreeSpec) -> Step:
    """Return a step that is a list of operations, on leaves alone: trees cost a small network a tenth of its time."""
    state, logs = pytree.tree_unflatten(list(range(flat.result.num_leaves)), flat.result)
    held = arguments.child(_STATE).flatten_up_to(state)

    def step(given: list[Tensor]) -> tuple[list[Tensor], Logs]:
        results = flat.run(given)
        return [results[i] for i in held], {name: results[i] for name, i in logs.items()}

    return step


class Kept:
    """Steps that were prepared in this process, the latest few; equal structures share one."""

    def __init__(self, most: int = 16) -> None:
        self._steps: deque[tuple[Any, Step]] = deque(maxlen=most)

    def find(self, make: Make, way: Way, arguments: pytree.TreeSpec, given: list[Tensor]) -> Step | None:
        """Return the step that `make` made for arguments of this structure, these shapes and number of threads."""
        return self._at(_key(make, way, arguments, given))

    def get(self, make: Make, way: Way, arguments: pytree.TreeSpec, given: list[Tensor]) -> Step:
        """Return it, made now if need be."""
        key = _key(make, way, arguments, given)
        step = self._at(key)
        if step is None:
            step = _listed(make(way.step, *pytree.tree_unflatten(given, arguments)), arguments)
            self._steps.append((key, step))
        return step

    def _at(self, sought: tuple[Any, ...]) -> Step | None:
        return next((step for key, step in self._steps if key == sought), None)

    def clear(self) -> None:
        """Forget them."""
        self._steps.clear()


def _key(make: Make, way: Way, arguments: pytree.TreeSpec, given: list[Tensor]) -> tuple[Any, ...]:
    # no set or dict: what parts are made of need not be hashable, only comparable
    leaves = [(leaf.shape, leaf.stride(), leaf.dtype, leaf.device) for leaf in given]
    return make, way, arguments, leaves, torch.get_num_threads()


KEPT = Kept()


def untraced(way: Way, arguments: pytree.TreeSpec, _given: list[Tensor]) -> Step:
    """Prepare nothing, for procedures that look at values."""
    return _written(way.step, arguments)


class _Traced:
    """The step; a turn that comes often is traced, which changes its speed and not one bit."""

    def __init__(self) -> None:
        self._calls: Counter[Way] = Counter()
        self._traced: dict[Way, Step] = {}

    def __call__(self, way: Way, arguments: pytree.TreeSpec, given: list[Tensor]) -> Step:
        if way not in self._traced:
            self._calls[way] += 1
            if self._calls[way] > TRACE_AFTER:
                self._traced[way] = KEPT.get(trace, way, arguments, given)
            elif self._calls[way] == 1 and (known := KEPT.find(trace, way, arguments, given)):
                self._traced[way] = known
        return self._traced.get(way) or _written(way.step, arguments)


class _Compiled:
    """The step as machine code, from the first step of each turn on."""

    def __init__(self) -> None:
        self._compiled: dict[Way, Step] = {}

    def __call__(self, way: Way, arguments: pytree.TreeSpec, given: list[Tensor]) -> Step:
        if way not in self._compiled:
            self._compiled[way] = KEPT.get(compile_step, way, arguments, given)
        return self._compiled[way]


MODES: Mapping[str, Callable[[], Prepare]] = {"vmap": _Traced, "unbatched": _Traced, "compiled": _Compiled}
