"""The history of a search whose settings are chosen while it runs: asks and tells in the order they came.

`history.jsonl` beside the plan; the values that were asked for are in the plan itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ganbench import files
from ganbench.identity import digest
from ganbench.store.driver import only_driver
from ganbench.store.plan import Plan

ASK, TELL = "ask", "tell"
OPEN = "ask-"  # how the names of units begin that are still to be asked for
_SEARCH = "search"

Place: TypeAlias = tuple[str, int]  # a setting of the search: variant, index


@dataclass(frozen=True)
class Event:
    """A setting was asked for, or the sampler was told what came of it."""

    event: str  # ask | tell
    variant: dict[str, str]
    index: int
    state: str = ""  # of the trial, where it is told: done, diverged or failed
    value: float | None = None  # what was told; None of a failed trial

    @property
    def place(self) -> Place:
        """Return which setting this is of."""
        return place(self.variant, self.index)


class History:
    """The file in a sweep's folder; only who holds `turn` may write it, or add to the search's plan."""

    def __init__(self, folder: Path) -> None:
        self._path, self._claims = folder / "history.jsonl", folder / "slots" / "asking"

    def turn(self) -> AbstractContextManager[None]:
        """Be the one process that asks; entering raises `DrivenError` while another is at it."""
        return only_driver(self._claims)

    def read(self) -> list[Event]:
        """Return all events, oldest first."""
        return [Event(**row) for row in files.read_lines(self._path)]

    def write(self, events: Sequence[Event]) -> None:
        """Replace the file: these events are what was read, and more."""
        files.replace_bytes(self._path, files.encode_lines(asdict(event) for event in events))


def place(variant: Mapping[str, str], index: int) -> Place:
    """Name a setting of the search."""
    return digest(dict(variant), 8), index


def open_places(definition: Mapping[str, Any], plan: Plan) -> dict[Place, dict[str, str]]:
    """Return the settings that a search is still to ask for, with their choices, the lowest first.

    There are none where all are planned up front.
    """
    if not definition.get("adaptive"):
        return {}
    planned = {place(trial.variant, trial.index) for trial in plan.trials if trial.stage == _SEARCH}
    variants = [variant["choices"] for variant in definition["variants"]]
    wanted = {place(v, index): v for index in range(definition["search"]["trials"]) for v in variants}
    return {at: variant for at, variant in wanted.items() if at not in planned}


def open_asks(definition: Mapping[str, Any], plan: Plan) -> list[str]:
    """Name the settings that a search is still to ask for, as units of work."""
    return [f"{OPEN}{name}-{index}" for name, index in open_places(definition, plan)]
