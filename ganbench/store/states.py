"""The state of a pack, derived from its files every time it is asked for, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ganbench import files
from ganbench.store.attempts import PREFIX, Attempt, attempts_in
from ganbench.store.liveness import ALIVE, DEAD, Observer

PLANNED, RUNNING, DONE, LOST, DIVERGED, FAILED = "planned", "running", "done", "lost", "diverged", "failed"
UNVERIFIED = "running (unverified)"
TRIAL_STATES = (PLANNED, RUNNING, DONE, LOST, DIVERGED, FAILED)


class Reached(NamedTuple):
    """How far a trial's rows go."""

    step: int
    diverged: bool


class PackState(NamedTuple):
    """A pack's state; if it is done, which of its trials diverged, and which attempt said so in what words."""

    state: str
    diverged: frozenset[str] = frozenset()
    outcome: Mapping[str, Any] | None = None
    attempt: int = 0


class Judge:
    """Derives pack states from attempts; remembers only what cannot change any more."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._done: dict[str, PackState] = {}
        self._rows: dict[tuple[Path, ...], tuple[tuple[int, ...], dict[str, Reached]]] = {}

    def remembers(self, name: str) -> bool:
        """Return whether a pack is known to be done, without a look at its files."""
        return name in self._done

    def settled(self, packs: str, name: str) -> PackState | None:
        """Return the state of a pack known to be done, or done at its first attempt: one quick look."""
        if name not in self._done:
            outcome = files.read_json(f"{packs}/{name}/{PREFIX}1/outcome.json")
            if not outcome or outcome["outcome"] != DONE:
                return None
            self._done[name] = _done(outcome, 1)
        return self._done[name]

    def judge(
        self, folder: Path, trials: tuple[str, ...], final: int, compacted: Mapping[str, Reached]
    ) -> PackState:
        """Return the state of the pack whose attempts lie in `folder` and whose trials end at step `final`.

        `compacted` is what scores.parquet holds. Without trials only an attempt's word makes it done.
        """
        known = {trial: compacted[trial] for trial in trials if trial in compacted}
        state = _complete(trials, final, known) or self._from_attempts(folder, trials, final, known)
        if state.state == DONE:
            self._done[folder.name] = state
        return state

    def _from_attempts(
        self, folder: Path, trials: tuple[str, ...], final: int, known: dict[str, Reached]
    ) -> PackState:
        attempts = attempts_in(folder)
        if not attempts:
            return PackState(PLANNED)
        outcomes = [attempt.outcome() for attempt in attempts]
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            if outcome and outcome["outcome"] == DONE:
                return _done(outcome, attempt.number)
        if outcomes[0] and outcomes[0]["outcome"] == FAILED:
            return PackState(FAILED)
        verdict = DEAD if outcomes[0] else self._verdict(attempts[0])
        if verdict != DEAD:
            return PackState(RUNNING if verdict == ALIVE else UNVERIFIED)
        return _complete(trials, final, self._reached(attempts, known)) or PackState(LOST)

    def _verdict(self, attempt: Attempt) -> str:
        return self._observer.verdict(str(attempt.folder), attempt.claim(), attempt.beat())

    def _reached(self, attempts: list[Attempt], known: dict[str, Reached]) -> dict[str, Reached]:
        """Return how far each trial's rows go, over all attempts; read again only when a file has grown."""
        paths = tuple(attempt.folder / "scores.jsonl" for attempt in attempts)
        sizes = tuple(_size(path) for path in paths)
        if self._rows.get(paths, (None,))[0] != sizes:
            rows = [row for attempt in attempts for row in attempt.scores()]
            self._rows[paths] = (sizes, reached(rows, known))
        return self._rows[paths][1]


def reached(rows: list[dict[str, Any]], known: Mapping[str, Reached]) -> dict[str, Reached]:
    """Return how far each trial's rows go, starting from what is known."""
    result = dict(known)
    for row in rows:
        before = result.get(row["trial_id"], Reached(-1, diverged=False))
        diverged = before.diverged or row["status"] == DIVERGED
        result[row["trial_id"]] = Reached(max(before.step, row["step"]), diverged)
    return result


def trial_state(pack: PackState, trial_id: str) -> str:
    """Return the state of one trial of a pack: one of `TRIAL_STATES`."""
    if pack.state == DONE and trial_id in pack.diverged:
        return DIVERGED
    return RUNNING if pack.state == UNVERIFIED else pack.state


def _done(outcome: Mapping[str, Any], attempt: int) -> PackState:
    return PackState(DONE, frozenset(outcome.get("diverged", ())), outcome, attempt)


def _complete(trials: tuple[str, ...], final: int, rows: Mapping[str, Reached]) -> PackState | None:
    """Return done if every trial has a row at its final step, else None."""
    if not trials or any(trial not in rows or rows[trial].step < final for trial in trials):
        return None
    return PackState(DONE, frozenset(trial for trial in trials if rows[trial].diverged))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
