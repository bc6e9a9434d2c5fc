"""No penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.tree import component

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.protocols import Critic
    from ganbench.rng import Rng


@component
class NoPenalty:
    """Nothing is added to the critic's loss."""

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:  # noqa: ARG002  (protocol)
        """Return 0, without calling the critic."""
        return real.new_zeros(())
