"""The door to Optuna: distributions from YAML, samplers, and the draws of a sweep."""
# ruff: noqa: ARG002  (the samplers' signatures are Optuna's)

from __future__ import annotations

import hashlib
import inspect
import json
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GridSampler

from ganbench.errors import ConfigError
from ganbench.instantiation import TARGET, instantiate, locate
from ganbench.nodes import typed, value_at
from ganbench.replay import read_draws
from ganbench.spacefile import WRITE, defaults, searched, where

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

optuna.logging.set_verbosity(
    optuna.logging.WARNING
)  # a study a variant, each announced, would drown the rest

_GRID_LIMIT = 100_000


@dataclass(frozen=True)
class Draw:
    """One setting: dotted config names and their values."""

    index: int
    params: dict[str, Any]
    is_default: bool


def space(config: dict[str, Any]) -> dict[str, BaseDistribution]:
    """Return the distribution of every setting the variant searches, by name; see `spacefile.searched`.

    Raises `ConfigError` for a setting that does not exist, reversed bounds and values of a wrong type.
    """
    return {key: _distribution(config, key, node) for key, node in searched(config).items()}


def _distribution(config: dict[str, Any], key: str, node: dict[str, Any]) -> BaseDistribution:
    try:
        distribution: BaseDistribution = instantiate(node, bases=(BaseDistribution,))
        for value in _extremes(distribution):
            typed(key, value_at(config, key), value)
    except ConfigError as error:
        raise ConfigError(f"{where(config, key)}: {error}") from error
    return distribution


def _extremes(distribution: Any) -> tuple[Any, ...]:
    """Return values that show a distribution's type."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise ConfigError(WRITE)
    return (distribution.low, distribution.high)


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
    study = optuna.create_study(sampler=_sampler(config, distributions, variant_key, seed))
    draws = []
    if default_first:
        study.add_trial(_placeholder(distributions))
        draws.append(Draw(0, defaults(config, list(distributions)), is_default=True))
    types = {key: value_at(config, key) for key in distributions}
    for index in range(len(draws), trials):
        params = study.ask(distributions).params
        draws.append(Draw(index, {k: typed(k, types[k], params[k]) for k in types}, is_default=False))
    return draws[first:trials]


def _sampler(config: dict[str, Any], distributions: dict[str, BaseDistribution], key: str, seed: int) -> Any:
    """Build the sampler; its arguments named space, key and seed come from the search, others from YAML."""
    taken = inspect.signature(locate(config["sampler"].get(TARGET), (BaseSampler,))).parameters
    own_seed = seed if "key" in taken else _word(seed, key) % 2**32  # variants draw independently
    search = {"space": distributions, "key": key, "seed": own_seed}
    given = {name: value for name, value in search.items() if name in taken}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # Optuna says so of QMC since 3.0
        return instantiate({**config["sampler"], **given}, bases=(BaseSampler,))


def _placeholder(distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    """Return a finished trial to hold number 0: the default's own values may lie outside the space."""
    params = {key: _extremes(distribution)[0] for key, distribution in distributions.items()}
    return optuna.create_trial(params=params, distributions=distributions, value=0.0)


def _word(*address: Any) -> int:
    """Return 64 bits that depend on the address alone."""
    return int.from_bytes(hashlib.blake2b(json.dumps(address).encode(), digest_size=8).digest(), "little")


def quantile(distribution: BaseDistribution, u: float) -> Any:
    """Map u in [0, 1] to the distribution's value there, so that a uniform u draws from it."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[_slot(u, len(distribution.choices))]
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise ConfigError(f"{type(distribution).__name__} cannot be drawn from")
    low, high, step = distribution.low, distribution.high, distribution.step
    if isinstance(distribution, IntDistribution) and distribution.log:
        return min(max(round(_between(low - 0.5, high + 0.5, u, log=True)), low), high)
    if step is not None:
        return min(low + _slot(u, round((high - low) / step) + 1) * step, high)
    return min(max(_between(low, high, u, log=distribution.log), low), high)


def _slot(u: float, count: int) -> int:
    return min(int(u * count), count - 1)


def _between(low: float, high: float, u: float, *, log: bool) -> float:
    if log:  # twelve digits: the last bits of exp are the machine's, and a value names its trial
        return float(f"{math.exp(math.log(low) + u * (math.log(high) - math.log(low))):.12g}")
    return low + u * (high - low)


class _Independent(BaseSampler):
    """A sampler that draws every parameter by itself."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: no parameter is drawn jointly with others."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: no parameter is drawn jointly with others."""
        return {}


class HashedSampler(_Independent):
    """Random search whose every number is addressed: it depends on (seed, key, trial number, name) alone.

    Draws are the same in any order and any number of processes; a new parameter leaves the others' untouched.
    """

    def __init__(self, seed: int, key: str) -> None:
        self.seed = seed
        self.key = key

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the distribution's value at the address's uniform number."""
        u = (_word(self.seed, self.key, trial.number, param_name) >> 11) * 2.0**-53
        return quantile(param_distribution, u)


class Grid(GridSampler):
    """Optuna's grid over all choices and, of each range, the middles of `points` equally likely parts.

    Ends are left out: they are often degenerate (beta1 = 1).
    """

    def __init__(self, points: int, space: dict[str, BaseDistribution], seed: int) -> None:
        axes = {name: _spaced(distribution, points) for name, distribution in space.items()}
        self.left = self.size = math.prod(map(len, axes.values()))
        if not 0 < self.size <= _GRID_LIMIT:
            raise ConfigError(f"sampler.points = {points} makes a grid of {self.size} settings")
        super().__init__(axes, seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Give the trial a point of the grid; raises `ConfigError` when none is left."""
        if self.left == 0:
            raise ConfigError(f"the grid has {self.size} points: lower search.trials or raise sampler.points")
        self.left -= 1
        super().before_trial(study, trial)


def _spaced(distribution: BaseDistribution, points: int) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    return list(dict.fromkeys(quantile(distribution, (i + 0.5) / points) for i in range(points)))


class Replay(_Independent):
    """The settings of a CSV file, row for row.

    A bare `path` lies in conf/data. `models` maps our models to what the file's `model_column` calls them,
    `columns` each column to the settings it may stand for: the one that the space searches is taken.
    """

    def __init__(
        self,
        *,
        path: str,
        model: str,
        model_column: str,
        models: dict[str, str],
        index_column: str,
        columns: dict[str, list[str]],
        space: dict[str, BaseDistribution],
    ) -> None:
        if model not in models:
            raise ConfigError(f"{path} has no settings for the model `{model}`, only for {', '.join(models)}")
        names = {key: column for column, keys in columns.items() for key in keys if key in space}
        for key in sorted(space.keys() - names.keys()):
            raise ConfigError(f"{path} has no column for `{key}`: map one under sampler.columns")
        rows = (model_column, models[model])
        self.draws = read_draws(path, rows=rows, index_column=index_column, columns=names)
        self.path = path
        self.space = space

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Check the trial's row; raises `ConfigError` if there is none or it lies outside the space."""
        if trial.number not in self.draws:
            raise ConfigError(f"{self.path} ends before setting {trial.number}: lower search.trials")
        for name, distribution in self.space.items():
            value = self.draws[trial.number][name]
            if _member(distribution, value) is None:
                where = f"{self.path}, setting {trial.number}"
                raise ConfigError(f"{where}: `{name}` = {value} is outside the search space")

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value in the trial's row."""
        return _member(param_distribution, self.draws[trial.number][param_name])


def _member(distribution: Any, value: Any) -> Any:
    """Return a value as the distribution writes it, None if it is not in there."""
    if isinstance(distribution, CategoricalDistribution):
        equal = [choice for choice in distribution.choices if choice == value]
        return equal[0] if equal and isinstance(equal[0], bool) == isinstance(value, bool) else None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if number and distribution.low <= value <= distribution.high else None
