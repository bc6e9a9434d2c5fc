"""Weight clipping around any optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganbench.protocols import Optimizer
from ganbench.tree import component

if TYPE_CHECKING:
    from ganbench.protocols import OptState, Params


@component
class WeightClipping:
    """An optimizer that cuts every parameter to [−clip, clip] after each update, biases and norms too.

    θ ← min(max(θ′, −clip), clip) (Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1). The study's code
    leaves open whether a step's clip acts before or after its update; here it acts after.
    """

    optimizer: Optimizer
    clip: float

    def init(self, params: Params) -> OptState:
        """Return the wrapped optimizer's state."""
        return self.optimizer.init(params)

    def update(self, params: Params, grads: Params, state: OptState) -> tuple[Params, OptState]:
        """Return clipped parameters and the wrapped optimizer's state."""
        updated, state = self.optimizer.update(params, grads, state)
        return {name: torch.clamp(p, -self.clip, self.clip) for name, p in updated.items()}, state
