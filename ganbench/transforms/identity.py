"""The critic as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.tree import component

if TYPE_CHECKING:
    from ganbench.protocols import Critic
    from ganbench.rng import Rng


@component
class Identity:
    """Leave the critic alone."""

    def __call__(self, critic: Critic, rng: Rng) -> Critic:  # noqa: ARG002  (the protocol's argument)
        """Return the critic."""
        return critic
