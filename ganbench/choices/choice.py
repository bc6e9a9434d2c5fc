"""Mode and size of packs, from what is predicted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from ganbench.choices.law import UNBATCHED, Cost, Work, cost, known
from ganbench.packing import lanes_of

AUTO = "auto"
VMAP, COMPILED = "vmap", "compiled"
USUAL, LARGEST, SPARE = 8, 32, 8  # lanes; lanes; packs that larger ones must leave
_AS_GOOD = 1.02  # of the least seconds: the largest size of these, since each pack is a folder
_SMALLER = 0.9  # of the usual size's seconds, or less, is worth another size
_COMPILED = 0.8  # of vmap's seconds, or less, is worth compiling
_TWICE = 2.0  # compilation must be earned so often
_OPEN = {"mode": AUTO, "pack": None}


class Choice(NamedTuple):
    """How trials of one signature are packed."""

    mode: str
    size: int


def choose(
    work: Work | None,
    trials: int,
    *,
    mode: str = AUTO,
    pack: int | None = None,
    batched: bool = True,
    ready: Collection[int] = (),
) -> Choice:
    """Decide for so many trials of one signature, as the package says; a mode or size that is given stays.

    `ready` are the lanes of compiled packs that the plan holds already.
    """
    if mode != AUTO:
        return _sized(work, trials, mode, pack, ready)
    if not batched:
        return Choice(UNBATCHED, pack or USUAL)
    if work is None or not (known(work, VMAP) and known(work, COMPILED)):
        return _alone(work, trials, _sized(work, trials, VMAP, pack, ready))
    return _alone(work, trials, _cheaper(work, trials, pack, ready))


def _cheaper(work: Work, trials: int, pack: int | None, ready: Collection[int]) -> Choice:
    eager, compiled = (_sized(work, trials, mode, pack, ready) for mode in (VMAP, COMPILED))
    slow, fast = (predicted(work, trials, choice, ready) for choice in (eager, compiled))
    pays = fast.total <= _COMPILED * slow.total
    earned = slow.training - fast.training >= _TWICE * fast.compiling
    return compiled if pays and earned else eager


def _alone(work: Work | None, trials: int, choice: Choice) -> Choice:
    """Let packs of one that are not compiled do without vmap where that is predicted to be faster."""
    plain = Choice(UNBATCHED, choice.size)
    if choice != (VMAP, 1) or work is None or not (known(work, VMAP) and known(work, UNBATCHED)):
        return choice
    return plain if predicted(work, trials, plain).total < predicted(work, trials, choice).total else choice


def _sized(work: Work | None, trials: int, mode: str, pack: int | None, ready: Collection[int]) -> Choice:
    if pack is not None or work is None or mode == UNBATCHED or not known(work, mode):
        return Choice(mode, pack or USUAL)
    costs = {size: predicted(work, trials, Choice(mode, size), ready).total for size in _sizes(trials)}
    least = min(costs.values())
    best = max(size for size, seconds in costs.items() if seconds <= _AS_GOOD * least)
    return Choice(mode, best if costs[best] <= _SMALLER * costs[USUAL] else USUAL)


def _sizes(trials: int) -> Iterator[int]:
    size = 1
    while size <= USUAL or (size <= LARGEST and trials >= SPARE * size):
        yield size
        size *= 2


def predicted(work: Work, trials: int, choice: Choice, ready: Collection[int] = ()) -> Cost:
    """Predict what trials of one signature cost when packed so."""
    packs = lanes_of(trials, choice.size, choice.mode)
    compiles = choice.mode == COMPILED and packs[0] not in ready
    return cost(work, choice.mode, packs, graphs=work.graphs if compiles else 0)


def continued(definition: Mapping[str, Any], frozen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition that leaves to its frozen form what it leaves open itself."""
    kept = {
        key: frozen[key] for key, is_open in _OPEN.items() if key in frozen and definition[key] == is_open
    }
    return {**definition, **kept}
