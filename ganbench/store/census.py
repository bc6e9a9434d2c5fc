"""Where a sweep stands, counted: states per variant and stage, what its packs have cost, and their extreme scores."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ganbench import files
from ganbench.store import frames
from ganbench.store.attempts import PREFIX, attempts_in
from ganbench.store.compacted import Compacted
from ganbench.store.definition import final_step
from ganbench.store.lines import Lines, read_lines
from ganbench.store.liveness import PATIENCE_S, Observer
from ganbench.store.states import (
    DIVERGED,
    DONE,
    LOST,
    PLANNED,
    RUNNING,
    TRIAL_STATES,
    UNVERIFIED,
    Judge,
    PackState,
)
from ganbench.store.summaries import Account, Extremes, summary, widest

_CODES = {state: number for number, state in enumerate(TRIAL_STATES)} | {
    UNVERIFIED: TRIAL_STATES.index(RUNNING)
}


@dataclass
class Group:
    """The trials of one variant and stage."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TRIAL_STATES, 0))  # planned lines
    left: int = 0  # trials, each once, that nobody trains or has trained
    running: list[tuple[int, float]] = field(default_factory=list)  # of packs: trials, seconds so far
    trained: int = 0  # trials of done packs that say what they took
    seconds: float = 0.0  # that those took, all attempts together
    extremes: Extremes = field(default_factory=dict)


class End(NamedTuple):
    """The end of a pack that is done."""

    time: float  # seconds since the epoch
    trials: int
    seconds: float  # that its last attempt took


@dataclass
class Count:
    """A sweep as it was found."""

    axes: tuple[str, ...]
    groups: dict[tuple[str, ...], Group]  # by choices and stage, in the plan's order
    packs: Counter[str]  # by state
    baselines: Counter[str]
    seconds: float  # for how long slots held packs, as far as attempts say
    ends: list[End]

    @property
    def running(self) -> int:
        """Return how many packs are being trained, as far as can be told."""
        return self.packs[RUNNING] + self.packs[UNVERIFIED]


class Census:
    """Counts a sweep; again, and it reads what has changed. Reads only."""

    def __init__(self, folder: Path, patience_s: float = PATIENCE_S) -> None:
        self._folder, self._packs = folder, folder / "packs"
        self._judge = Judge(Observer(patience_s))
        self._cache = files.Cache()
        self._accounts: dict[str, Account] = {}  # of done packs: those change no more

    def take(self, definition: Mapping[str, Any]) -> Count:
        """Count things as they stand. Raises `StoreError` where files are damaged."""
        lines = self._cache.read(self._folder / "trials.jsonl", read_lines)
        baselines = Counter(self._baselines(definition))
        if lines is None:
            return Count((), {}, Counter(), baselines, 0.0, [])
        states = self._states(lines, definition)
        count = Count(
            lines.axes, _groups(lines, states), Counter(s.state for s in states), baselines, 0.0, []
        )
        groups, lanes = list(count.groups.values()), lines.lanes.tolist()
        of_pack = lines.group_of_pack.tolist()
        for number, (name, state) in enumerate(zip(lines.packs, states, strict=True)):
            self._add(count, groups[of_pack[number]], name, lanes[number], state)
        return count

    def _baselines(self, definition: Mapping[str, Any]) -> Iterable[str]:
        scored = self._cache.read(self._folder / "baselines.jsonl", frames.units_of)
        for unit in definition.get("baselines", []):
            judged = self._judge.judge(self._packs / unit["id"], (), 0, {})
            yield DONE if unit["id"] in scored else judged.state

    def _states(self, lines: Lines, definition: Mapping[str, Any]) -> list[PackState]:
        """Return each pack's state, as `Store.states` has it."""
        begun, folder = _begun(self._packs), str(self._packs)
        variants = [dict(zip(lines.axes, group[:-1], strict=True)) for group in lines.groups]
        finals = [final_step(definition, variant) for variant in variants]
        compacted = self._compacted()

        def state(number: int, name: str, group: int) -> PackState:
            if name in begun and (settled := self._judge.settled(folder, name)):
                return settled
            if name not in begun and not compacted.reached:
                return PackState(PLANNED)
            trials = lines.trials_of(number)
            return self._judge.judge(self._packs / name, trials, finals[group], compacted.reached)

        groups = lines.group_of_pack.tolist()
        return [
            state(n, name, group) for n, (name, group) in enumerate(zip(lines.packs, groups, strict=True))
        ]

    def _add(self, count: Count, group: Group, name: str, lanes: int, state: PackState) -> None:
        """Add what a pack has cost and given."""
        if state.state == PLANNED:
            group.left += lanes
            return
        seconds, extremes = self._account(name, state)
        count.seconds += seconds
        widest(group.extremes, extremes)
        if state.state in (RUNNING, UNVERIFIED):
            group.running.append((lanes, seconds))
        elif state.state == LOST:
            group.left += lanes
        elif state.state == DONE and seconds > 0:
            group.trained, group.seconds = group.trained + lanes, group.seconds + seconds
        if state.outcome and "end" in state.outcome:
            when = datetime.fromisoformat(state.outcome["end"]).timestamp()
            count.ends.append(End(when, lanes, state.outcome.get("seconds", 0.0)))

    def _account(self, name: str, state: PackState) -> Account:
        """Return for how long slots held a pack, and its extreme scores."""
        if state.state != DONE:
            return self._from_attempts(name)
        if name not in self._accounts:
            self._accounts[name] = self._of_done(name, state)
        return self._accounts[name]

    def _of_done(self, name: str, state: PackState) -> Account:
        """Take a pack's own word; else its rows', as attempts or scores.parquet hold them."""
        outcome = state.outcome or {}
        if state.attempt == 1 and "seconds" in outcome and "extremes" in outcome:
            return Account(outcome["seconds"], outcome["extremes"])
        if files.numbered(self._packs / name, PREFIX):
            return self._from_attempts(name)
        return self._compacted().accounts.get(name, Account(0.0, {}))

    def _compacted(self) -> Compacted:
        return self._cache.read(self._folder / "scores.parquet", Compacted)

    def _from_attempts(self, name: str) -> Account:
        attempts = attempts_in(self._packs / name)
        rows = (row for attempt in attempts for row in attempt.scores())
        return Account(sum(attempt.seconds() for attempt in attempts), summary(rows)["extremes"])


def _groups(lines: Lines, states: list[PackState]) -> dict[tuple[str, ...], Group]:
    """Return the counts of planned lines in each state, by choices and stage."""
    of_line = np.array([_CODES[s.state] for s in states])[lines.pack]
    diverged = pa.array(sorted(set().union(*(s.diverged for s in states))), pa.string())
    bad = np.asarray(pc.is_in(lines.trials, value_set=diverged)) & (of_line == _CODES[DONE])
    of_line[bad] = _CODES[DIVERGED]
    tally = np.bincount(
        lines.group * len(TRIAL_STATES) + of_line, minlength=len(lines.groups) * len(TRIAL_STATES)
    )
    rows = tally.reshape(len(lines.groups), len(TRIAL_STATES)).tolist()
    return {
        name: Group(dict(zip(TRIAL_STATES, row, strict=True)))
        for name, row in zip(lines.groups, rows, strict=True)
    }


def _begun(packs: Path) -> frozenset[str]:
    """Return the packs that have a folder."""
    try:
        return frozenset(os.listdir(packs))  # noqa: PTH208 — names only, of ten thousand packs
    except OSError:
        return frozenset()
