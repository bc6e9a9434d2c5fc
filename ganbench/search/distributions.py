"""Distributions: from YAML, checked against the settings they are of, and as maps of uniform numbers."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ganbench.errors import ConfigError
from ganbench.instantiation import instantiate
from ganbench.nodes import typed, value_at
from ganbench.spacefile import WRITE, searched, where

optuna.logging.set_verbosity(
    optuna.logging.WARNING
)  # a study a variant, each announced, would drown the rest


def space(config: dict[str, Any]) -> dict[str, BaseDistribution]:
    """Return the distribution of every setting the variant searches, by name; see `spacefile.searched`.

    Raises `ConfigError` for a setting that does not exist, reversed bounds and values of a wrong type.
    """
    return {key: _distribution(config, key, node) for key, node in searched(config).items()}


def _distribution(config: dict[str, Any], key: str, node: dict[str, Any]) -> BaseDistribution:
    try:
        distribution: BaseDistribution = instantiate(node, bases=(BaseDistribution,))
        for value in extremes(distribution):
            typed(key, value_at(config, key), value)
    except ConfigError as error:
        raise ConfigError(f"{where(config, key)}: {error}") from error
    return distribution


def extremes(distribution: Any) -> tuple[Any, ...]:
    """Return values that show a distribution's type."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise ConfigError(WRITE)
    return (distribution.low, distribution.high)


def word(*address: Any) -> int:
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


def member(distribution: Any, value: Any) -> Any:
    """Return a value as the distribution writes it, None if it is not in there."""
    if isinstance(distribution, CategoricalDistribution):
        equal = [choice for choice in distribution.choices if choice == value]
        return equal[0] if equal and isinstance(equal[0], bool) == isinstance(value, bool) else None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if number and distribution.low <= value <= distribution.high else None
