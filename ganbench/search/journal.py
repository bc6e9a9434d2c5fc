"""Studies for Optuna's own tools: a journal file that optuna-dashboard opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from ganbench.search.distributions import member, space
from ganbench.search.learning import DIRECTIONS

STATES = {
    "done": TrialState.COMPLETE,
    "diverged": TrialState.COMPLETE,  # with what stands in for its score
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
    "lost": TrialState.WAITING,
    "planned": TrialState.WAITING,
}


@dataclass(frozen=True)
class TrialRecord:
    """A trial as a study shows it; one that ended without a value has failed."""

    params: dict[str, Any]
    state: str  # as the store has it
    value: float | None
    checkpoints: dict[int, float]  # step → score
    notes: dict[str, Any]
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class StudyRecord:
    """One variant's trials; `config` says which distributions they come from."""

    name: str
    direction: str  # min | max
    config: dict[str, Any]
    notes: dict[str, Any]
    trials: Sequence[TrialRecord]


def write_journal(
    path: Path, studies: Sequence[StudyRecord], on_trial: Callable[[int], None] = lambda _: None
) -> None:
    """Write studies to a file that does not exist yet, for `JournalStorage(JournalFileBackend(path))`.

    A value outside the space, as a default may have, widens the bounds of its own trial; where bounds cannot hold
    it, it is a user attribute.
    """
    storage, written = JournalStorage(JournalFileBackend(str(path))), 0
    for record in studies:
        study = optuna.create_study(
            study_name=record.name, storage=storage, direction=DIRECTIONS[record.direction]
        )
        for name, value in record.notes.items():
            study.set_user_attr(name, value)
        distributions = space(record.config)
        for trial in record.trials:
            study.add_trial(_trial(trial, distributions))
            on_trial(written := written + 1)


def _trial(record: TrialRecord, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    holding = {k: _holding(distributions[k], v) for k, v in record.params.items() if k in distributions}
    held = {k: distribution for k, distribution in holding.items() if distribution is not None}
    state = STATES[record.state]
    if state == TrialState.COMPLETE and record.value is None:
        state = TrialState.FAIL
    trial = optuna.create_trial(
        state=state,
        value=record.value if state == TrialState.COMPLETE else None,
        params={name: record.params[name] for name in held},
        distributions=held,
        user_attrs=record.notes | {k: v for k, v in record.params.items() if k not in held},
        intermediate_values=record.checkpoints,
    )
    if trial.datetime_start is not None and record.start is not None:
        trial.datetime_start = record.start
    if trial.datetime_complete is not None and record.end is not None:
        trial.datetime_complete = record.end
    return trial


def _holding(distribution: BaseDistribution, value: Any) -> BaseDistribution | None:
    """Return the distribution, its bounds widened if they must be to hold a value; None where that cannot be."""
    if member(distribution, value) is not None:
        return distribution
    if isinstance(distribution, CategoricalDistribution) or isinstance(value, (bool, str)) or value is None:
        return None
    assert isinstance(distribution, (FloatDistribution, IntDistribution))  # the only others a space may have
    low, high = min(distribution.low, value), max(distribution.high, value)
    try:
        return type(distribution)(low, high, log=distribution.log)
    except ValueError:  # no logarithm
        return None
