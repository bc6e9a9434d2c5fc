"""The Fréchet distance on two halves, so that a checkpoint can be chosen on one and reported on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.frechet import frechet_distance, reference
from ganbench.metrics.sets import score_features
from ganbench.metrics.subsets import canonical
from ganbench.protocols import Samples
from ganbench.tree import component

HALVES = ("a", "b")  # as analysis.optimism looks for them


def halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Split rows [n, F] in two, [⌈n/2⌉, F] and [⌊n/2⌋, F]: the same halves whatever the order they came in."""
    ordered = rows[canonical(rows)]
    return ordered[0::2], ordered[1::2]


@component(batched=False)
class FrechetHalves:
    """Fréchet distance of half of the fakes to half of the reals, and of the other half to the other half.

    The names are `fd_a` and `fd_b`, with Inception's features `fid_a` and `fid_b`. No sample is in both, so their noise
    is independent, and the score of a checkpoint chosen by one is not flattered by the other. Each has the bias of
    n / 2 samples: they compare with each other, not with the distance of all. Raises `ConfigError` for other names.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    space: str
    directions: Mapping[str, str]
    at: str

    def __post_init__(self) -> None:
        name = "fid" if self.space == "inception" else "fd"
        if list(self.directions) != [f"{name}_{half}" for half in HALVES]:
            raise ConfigError(
                f"halves of {self.space} are named {name}_a and {name}_b, not {', '.join(self.directions)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    @property
    def unranked(self) -> frozenset[str]:
        """Return all names: they are there to choose and to report a checkpoint, not to rank models."""
        return frozenset(self.names)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score the halves of features [m, F] against those of [n, F]; smaller is better."""

        def score(x: Tensor, y: Tensor) -> dict[str, float]:
            sides = zip(self.names, HALVES, halves(x), halves(y), strict=True)
            return {
                name: frechet_distance(reference(_half(real, half), ours, self.space), theirs)
                for name, half, ours, theirs in sides
            }

        return score_features(self, real, fake, score, least=4)


def _half(real: Samples, half: str) -> Samples:
    """Name a half of the real samples, so that its statistics are cached apart from those of all."""
    return replace(real, cache_key=None if real.cache_key is None else f"{real.cache_key} half {half}")
