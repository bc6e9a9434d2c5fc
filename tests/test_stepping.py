"""Steps that are prepared once and kept: the next pack of the same structure takes them, any other does not."""

from __future__ import annotations

import gc
import weakref
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from ganbench import stepping
from ganbench.protocols import Images
from ganbench.rng import Rng
from ganbench.stepping import KEPT, Kept, Way
from ganbench.training import PackTraining
from ganbench.tree import component, leaves

STEPS, TURNS = 6, 2


@component
class Walk:
    """A procedure whose critic takes some steps before its generator takes one."""

    batched: ClassVar[bool] = True

    rate: float
    d_steps: int

    def init(self, rng: Rng) -> dict[str, Tensor]:
        return {"d": rng.uniform("d", (3,)), "g": rng.uniform("g", (3,))}

    def turn(self, step: int) -> str:
        return "g" if step % self.d_steps == 0 else "d"

    def step(
        self, state: dict[str, Tensor], batch: Tensor, rng: Rng, turn: str
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        moved = state[turn] + self.rate * batch.mean() * rng.uniform("draw", (3,))
        return {**state, turn: moved}, {"mean": moved.mean()}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is traced from now on, after a turn's first step."""
    found: list[Any] = []

    def trace(function: Any, *arguments: Any) -> Any:
        found.append(function)
        return real(function, *arguments)

    real = stepping.trace
    monkeypatch.setattr(stepping, "trace", trace)
    monkeypatch.setattr(stepping, "TRACE_AFTER", 1)
    return found


def walks(
    mode: str = "vmap", precision: str = "float32", lanes: int = 2, batch_size: int = 4, **fields: Any
) -> PackTraining:
    split = torch.arange(10.0).unsqueeze(1)
    given = {"rate": 0.5, "d_steps": 2, **fields}
    return PackTraining(
        [Walk(**given)] * lanes,
        range(lanes),
        Images(split, split, None, None, "numbers"),
        batch_size=batch_size,
        mode=mode,
        precision=precision,
    )


def trained(*given: Any, **more: Any) -> list[Tensor]:
    training = walks(*given, **more)
    for _ in range(STEPS):
        training.advance()
    return [leaf.clone() for leaf in leaves(training.state)]


@pytest.mark.parametrize("mode", ["vmap", "unbatched"])
def test_the_next_pack_of_the_same_structure_trains_by_the_kept_step(mode: str, made: list[Any]) -> None:
    trained(mode)
    assert len(made) == TURNS
    again = trained(mode, rate=0.25)
    assert len(made) == TURNS, "nothing is traced again"
    KEPT.clear()
    assert all(map(torch.equal, again, trained(mode, rate=0.25))), "its numbers are its own"


@pytest.mark.parametrize(
    "other",
    [{"lanes": 3}, {"batch_size": 5}, {"d_steps": 3}, {"mode": "unbatched"}, {"precision": "bf16"}],
)
def test_another_structure_is_prepared_anew(other: dict[str, Any], made: list[Any]) -> None:
    trained()
    trained(**other)
    assert len(made) == 2 * TURNS


def test_a_step_is_for_its_number_of_threads(made: list[Any]) -> None:
    trained()
    torch.set_num_threads(2)
    try:
        trained()
    finally:
        torch.set_num_threads(1)
    assert len(made) == 2 * TURNS


def test_compiled_steps_are_kept(monkeypatch: pytest.MonkeyPatch, made: list[Any]) -> None:
    monkeypatch.setattr(stepping, "compile_step", stepping.trace)
    trained("compiled")
    trained("compiled", rate=0.25)
    assert len(made) == TURNS


def test_only_so_many_are_kept() -> None:
    kept = Kept(most=1)
    first, second = (_arguments(walks(lanes=lanes)) for lanes in (1, 2))
    step = kept.get(stepping.trace, *first)
    assert kept.find(stepping.trace, *first) is step
    kept.get(stepping.trace, *second)
    assert kept.find(stepping.trace, *first) is None


def test_what_is_kept_does_not_hold_on_to_a_pack(made: list[Any]) -> None:
    training = walks()
    first = [weakref.ref(leaf) for leaf in leaves(training.state)]
    for _ in range(STEPS):
        training.advance()
    last = [weakref.ref(leaf) for leaf in leaves(training.state)]
    assert made
    del training
    gc.collect()
    assert not [ref for ref in (*first, *last) if ref() is not None]


def _arguments(training: PackTraining) -> tuple[Any, ...]:
    return Way("d", "float32", together=True), training._arguments, training._inputs(0)[0]
