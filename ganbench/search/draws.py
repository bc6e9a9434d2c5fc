"""The draws of a sweep that is planned up front, and how any sampler is built."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from ganbench.instantiation import TARGET, instantiate, locate
from ganbench.nodes import typed, value_at
from ganbench.search.distributions import extremes, space, word
from ganbench.spacefile import defaults

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Draw:
    """One setting: dotted config names and their values."""

    index: int
    params: dict[str, Any]
    is_default: bool


def draw(
    config: dict[str, Any], *, variant_key: str, trials: int, seed: int, default_first: bool, first: int = 0
) -> list[Draw]:
    """Draw settings `first` … `trials` − 1; with `default_first`, setting 0 is the authors' default.

    Setting i never depends on how many are drawn: raising `trials` adds settings and changes none. Where
    nothing is searched, every setting is the default. Raises `ConfigError` for a bad space or sampler, and
    where a grid or a file of draws has fewer settings.
    """
    distributions = space(config)
    if not distributions:
        return [Draw(index, {}, is_default=True) for index in range(first, trials)]
    study = optuna.create_study(sampler=build_sampler(config, distributions, seed, variant_key))
    draws = []
    if default_first:
        study.add_trial(_placeholder(distributions))
        draws.append(default_of(config, distributions))
    draws += [drawn(config, index, study.ask(distributions).params) for index in range(len(draws), trials)]
    return draws[first:trials]


def default_of(config: dict[str, Any], distributions: dict[str, BaseDistribution]) -> Draw:
    """Return setting 0, the authors' values."""
    return Draw(0, defaults(config, list(distributions)), is_default=True)


def drawn(config: dict[str, Any], index: int, params: dict[str, Any]) -> Draw:
    """Return what a sampler gave as the config's own types."""
    values = {key: typed(key, value_at(config, key), value) for key, value in params.items()}
    return Draw(index, values, is_default=False)


def build_sampler(
    config: dict[str, Any],
    distributions: dict[str, BaseDistribution],
    seed: int,
    key: str,
    *address: int,
) -> BaseSampler:
    """Build the sampler; its arguments named space, key and seed come from the search, others from YAML.

    A sampler with a seed and no key gets 32 bits of the address (seed, key, …): variants draw independently.
    """
    taken = inspect.signature(locate(config["sampler"].get(TARGET), (BaseSampler,))).parameters
    own_seed = seed if "key" in taken else word(seed, key, *address) % 2**32
    search = {"space": distributions, "key": key, "seed": own_seed}
    given = {name: value for name, value in search.items() if name in taken}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # Optuna says so of QMC since 3.0
        built: BaseSampler = instantiate({**config["sampler"], **given}, bases=(BaseSampler,))
    return built


def _placeholder(distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    """Return a finished trial to hold number 0: the default's own values may lie outside the space."""
    params = {key: extremes(distribution)[0] for key, distribution in distributions.items()}
    return optuna.create_trial(params=params, distributions=distributions, value=0.0)
