"""What metrics of two sets of features share: what they used, and what cannot be scored."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.subsets import finite
from ganbench.protocols import Metric, Samples


def sizes(metric: Metric, n_real: int, n_fake: int) -> tuple[int, int]:
    """Return how many real and fake samples a metric uses of those it is given.

    All of them, or the first `n_real` and `n_fake` where it has fields of these names.
    """
    return min(getattr(metric, "n_real", n_real), n_real), min(getattr(metric, "n_fake", n_fake), n_fake)


def score_features(
    metric: Metric,
    real: Samples,
    fake: Samples,
    score: Callable[[Tensor, Tensor], dict[str, float]],
    *,
    least: int = 2,
) -> dict[str, float]:
    """Apply a function of real features [n, F] and fake ones [m, F]; every name is NaN if one is not finite.

    Raises `ConfigError` where a side has fewer than `least` samples.
    """
    assert real.features is not None, "scoring extracts what a metric needs"
    assert fake.features is not None, "scoring extracts what a metric needs"
    check_size(metric, least, len(real.features), len(fake.features))
    if not finite(real.features, fake.features):
        return dict.fromkeys(metric.names, math.nan)
    return score(real.features, fake.features)


def check_size(metric: Metric, least: int, *sizes: int) -> None:
    """Raise `ConfigError` where one of the sizes is below `least`."""
    if min(sizes) < least:
        raise ConfigError(
            f"{metric.names[0]!r} needs {least} samples a side, not {min(sizes)}: "
            "raise protocol.n_real and protocol.n_fake"
        )


def check_balance(metric: Metric, real: Tensor, fake: Tensor) -> None:
    """Raise `ConfigError` where the sides differ in size."""
    if len(real) != len(fake):
        raise ConfigError(
            f"{metric.names[0]!r} wants sets of one size, not {len(real)} real and {len(fake)} fake: "
            "set protocol.n_real and protocol.n_fake to one number"
        )
