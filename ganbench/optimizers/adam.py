"""Adam, with either place of its ε."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from ganbench.errors import ConfigError
from ganbench.tree import component

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.protocols import Params


class AdamState(NamedTuple):
    """Updates so far, int64 scalar, and the moving averages of gradients and their squares."""

    updates: Tensor
    mean: Params
    square: Params


@component
class Adam:
    """Adam (Kingma & Ba 2014, arXiv 1412.6980, algorithm 1).

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − lr_t m / (√v + ε_t), lr_t = lr √(1 − β₂ᵗ) / (1 − β₁ᵗ).
    `epsilon_mode` is `tf`: ε_t = eps (the ε̂ of the paper's §2, and the study's), or `torch`: ε_t =
    eps √(1 − β₂ᵗ) (the algorithm as it stands). They differ where gradients are near eps, as under WGAN's
    weight clipping. Raises `ConfigError` for another mode.
    """

    lr: float
    beta1: float
    beta2: float
    eps: float
    epsilon_mode: str

    def __post_init__(self) -> None:
        if self.epsilon_mode not in ("tf", "torch"):
            raise ConfigError(f"optimizer.epsilon_mode must be tf or torch, not {self.epsilon_mode!r}")

    def init(self, params: Params) -> AdamState:
        """Return zero averages."""
        updates = next(iter(params.values())).new_zeros((), dtype=torch.int64)
        return AdamState(updates, _zeros(params), _zeros(params))

    def update(self, params: Params, grads: Params, state: AdamState) -> tuple[Params, AdamState]:
        """Return new parameters and state."""
        updates = state.updates + 1
        unbias = torch.sqrt(1.0 - self.beta2**updates)
        step = -self.lr * unbias / (1.0 - self.beta1**updates)
        eps = self.eps * unbias if self.epsilon_mode == "torch" else self.eps
        fresh_mean, fresh_square = 1.0 - self.beta1, 1.0 - self.beta2
        mean = {k: torch.lerp(m, grads[k], fresh_mean) for k, m in state.mean.items()}
        square = {k: torch.lerp(v, grads[k].square(), fresh_square) for k, v in state.square.items()}
        new = {k: torch.addcdiv(p, step * mean[k], square[k].sqrt() + eps) for k, p in params.items()}
        return new, AdamState(updates, mean, square)


def _zeros(params: Params) -> Params:
    return {name: torch.zeros_like(value) for name, value in params.items()}
