"""RMSProp, with TensorFlow's or PyTorch's ε."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from ganbench.errors import ConfigError
from ganbench.tree import component

if TYPE_CHECKING:
    from ganbench.protocols import Params


class RMSPropState(NamedTuple):
    """The moving averages of squared gradients, and the velocities."""

    square: Params
    velocity: Params


@component
class RMSProp:
    """RMSProp (Tieleman & Hinton 2012, lecture 6.5) as TensorFlow 1 has it, the study's second optimizer.

    v ← decay v + (1 − decay)g², u ← momentum u + lr g / √(v + eps), θ ← θ − u; v starts at initial_square.
    TensorFlow 1 has decay 0.9, momentum 0, eps 1e−10 and initial_square 1 [memory]; the study sets lr only.
    `epsilon_mode: torch` divides by √v + eps, and PyTorch starts at 0. Raises `ConfigError` for another mode.
    """

    lr: float
    decay: float
    momentum: float
    eps: float
    epsilon_mode: str
    initial_square: float

    def __post_init__(self) -> None:
        if self.epsilon_mode not in ("tf", "torch"):
            raise ConfigError(f"optimizer.epsilon_mode must be tf or torch, not {self.epsilon_mode!r}")

    def init(self, params: Params) -> RMSPropState:
        """Return the averages at `initial_square`, the velocities at 0."""
        zeros = {name: torch.zeros_like(value) for name, value in params.items()}
        return RMSPropState({name: zero + self.initial_square for name, zero in zeros.items()}, zeros)

    def update(self, params: Params, grads: Params, state: RMSPropState) -> tuple[Params, RMSPropState]:
        """Return new parameters and state."""
        fresh = 1.0 - self.decay
        square = {k: torch.lerp(v, grads[k].square(), fresh) for k, v in state.square.items()}
        velocity = {
            k: torch.addcdiv(self.momentum * u, self.lr * grads[k], self._root(square[k]))
            for k, u in state.velocity.items()
        }
        return {k: p - velocity[k] for k, p in params.items()}, RMSPropState(square, velocity)

    def _root(self, square: torch.Tensor) -> torch.Tensor:
        return square.sqrt() + self.eps if self.epsilon_mode == "torch" else (square + self.eps).sqrt()
