"""Samplers that look at no score: addressed random draws, a grid, a file's draws."""
# ruff: noqa: ARG002  (the samplers' signatures are Optuna's)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GridSampler

from ganbench.errors import ConfigError
from ganbench.replay import read_draws
from ganbench.search.distributions import member, quantile, word

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_GRID_LIMIT = 100_000


class Independent(BaseSampler):
    """A sampler that draws every parameter by itself."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: no parameter is drawn jointly with others."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: no parameter is drawn jointly with others."""
        return {}


class HashedSampler(Independent):
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
        u = (word(self.seed, self.key, trial.number, param_name) >> 11) * 2.0**-53
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


class Replay(Independent):
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
            if member(distribution, value) is None:
                where = f"{self.path}, setting {trial.number}"
                raise ConfigError(f"{where}: `{name}` = {value} is outside the search space")

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value in the trial's row."""
        return member(param_distribution, self.draws[trial.number][param_name])
