"""Samplers that learn from scores: one setting at a time, from what is known when it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GridSampler, QMCSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ganbench.errors import ConfigError
from ganbench.instantiation import TARGET, locate
from ganbench.search.distributions import space
from ganbench.search.draws import Draw, build_sampler, default_of, drawn
from ganbench.search.samplers import Independent

_BLIND = (Independent, GridSampler, QMCSampler, RandomSampler)  # look at no score: planned up front
_LIARS_NOTE = "relative_params"  # the values of a running trial, which a rebuilt one simply has
DIRECTIONS = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}
_TRIED = 2  # settings after which a sampler has shown what it keeps


@dataclass(frozen=True)
class Seen:
    """What is known of a setting that was asked for before: nothing yet, its value, or that it has none."""

    params: dict[str, Any]
    value: float | None = None
    pending: bool = False


def learns(config: dict[str, Any]) -> bool:
    """Return whether a config's sampler chooses by scores; of one that is not known to be blind, assume it."""
    return not issubclass(locate(config["sampler"].get(TARGET), (BaseSampler,)), _BLIND)


def propose(
    config: dict[str, Any],
    history: Sequence[Seen],
    *,
    direction: str,
    variant_key: str,
    seed: int,
    default_first: bool,
) -> Draw:
    """Return setting number len(history), given what is known of those before it.

    A pure function: the study is built from `history`, the sampler is new, and its seed is 32 bits of the
    address (seed, variant_key, number). Settings without a value, and those outside the space as a default may
    be, keep their number as failed trials, which samplers leave out. Raises `ConfigError` for a bad space or
    sampler, and for a sampler that keeps notes which no history holds.
    """
    index, distributions = len(history), space(config)
    if not distributions:
        return Draw(index, {}, is_default=True)
    if default_first and index == 0:
        return default_of(config, distributions)
    study = optuna.create_study(direction=DIRECTIONS[direction])
    study.add_trials([_trial(seen, distributions) for seen in history])
    study.sampler = build_sampler(config, distributions, seed, variant_key, index)
    return drawn(config, index, _ask(config, study, distributions))


def check_learning(
    config: dict[str, Any], *, direction: str, variant_key: str, seed: int, default_first: bool
) -> None:
    """Ask for a few settings as if the first had been scored; raises `ConfigError` as `propose` does."""
    seen: list[Seen] = []
    for number in range(_TRIED + 1):
        found = propose(
            config,
            seen,
            direction=direction,
            variant_key=variant_key,
            seed=seed,
            default_first=default_first,
        )
        seen.append(Seen(found.params, float(number)))


def _trial(seen: Seen, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    state = TrialState.RUNNING if seen.pending else TrialState.COMPLETE
    if seen.pending or seen.value is not None:
        try:
            return optuna.create_trial(
                state=state, value=seen.value, params=seen.params, distributions=distributions
            )
        except ValueError:  # the authors' default lies outside the space
            pass
    return optuna.create_trial(state=TrialState.FAIL)


def _ask(
    config: dict[str, Any], study: optuna.Study, distributions: dict[str, BaseDistribution]
) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            trial = study.ask(distributions)
    except (ImportError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"sampler `{config['sampler'][TARGET]}` cannot choose: {reason}") from error
    _refuse_notes(config, study, trial)
    return trial.params


def _refuse_notes(config: dict[str, Any], study: optuna.Study, trial: optuna.Trial) -> None:
    """Raise `ConfigError` where a sampler remembers more than the trials themselves say."""
    frozen = study.trials[trial.number]
    notes = [key for key in frozen.system_attrs if _LIARS_NOTE not in key]
    if notes:
        raise ConfigError(
            f"sampler `{config['sampler'][TARGET]}` keeps notes of its own ({notes[0]}), which a search that is "
            "interrupted could not restore: choose tpe or gp"
        )
