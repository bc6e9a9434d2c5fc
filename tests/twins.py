"""Plain PyTorch twins of networks and optimizers, for tests that retrace a procedure's steps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from packs import composed
from torch import Tensor, nn

from ganbench.config import resolve, set_values
from ganbench.instantiation import instantiate
from ganbench.rng import Rng

SIZE = 16
# A large ε makes Adam's step depend on the gradient's size and not on its sign alone, and keeps the rounding
# that is all the gradient of a bias before batch norm from being inflated.
PLAIN = {"model.lr": 1e-2, "model.beta1": 0.5, "optimizer.eps": 1e-2}


class Recorder:
    """A prior that remembers what it gave."""

    def __init__(self, prior: Any) -> None:
        self._prior, self.drawn = prior, list[Tensor]()
        self.latent_dim = prior.latent_dim

    def draw(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z]."""
        self.drawn.append(self._prior.draw(rng, n))
        return self.drawn[-1]


def procedure_of(model: str, values: dict[str, Any] | None = None, family: str = "ring") -> Any:
    """Return a model's procedure on a tiny family, with dotted values set."""
    return instantiate(resolve(set_values(composed(model, family), values or {}))["model"]["procedure"])


def recorded(model: str, values: dict[str, Any] | None = None, **parts: Any) -> tuple[Any, Recorder]:
    """Return a model's procedure with values set and parts replaced, and its recording prior."""
    procedure = procedure_of(model, values)
    prior = Recorder(procedure.prior)
    return dataclasses.replace(procedure, prior=prior, **parts), prior


def batch_of(step: int) -> Tensor:
    """Return a batch of vectors [16, 2] with a mean and spread of its own."""
    return 0.3 + 0.5 * Rng.of(5).fold(torch.tensor(step)).normal("data", (SIZE, 2))


def lively(params: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Move weights, biases and norms away from their small initial values."""
    rng = Rng.of(11, name)
    return {key: value + 0.5 * rng.normal(key, tuple(value.shape)) for key, value in params.items()}


def module(spec: Any, params: dict[str, Tensor]) -> nn.Module:
    """Build a network as a plain module with these weights; batch norm uses the batch in training mode."""
    network: nn.Module = spec.build()
    left = network.load_state_dict({k: v.clone() for k, v in params.items()}, strict=False)
    assert not left.unexpected_keys
    assert all(key.endswith((".mean", ".var")) for key in left.missing_keys)
    return network


def agree(params: dict[str, Tensor], network: nn.Module) -> None:
    """Check weights against a twin's."""
    twins = dict(network.named_parameters())
    assert params.keys() == twins.keys()
    for name, value in params.items():
        torch.testing.assert_close(value, twins[name].detach(), rtol=0.0, atol=2e-6)


class TfAdam(torch.optim.Adam):
    """PyTorch's Adam with the settings of PLAIN and TensorFlow's ε: its own over √(1 − β₂ᵗ) at update t."""

    def __init__(self, *networks: nn.Module) -> None:
        parameters = [parameter for network in networks for parameter in network.parameters()]
        super().__init__(parameters, lr=PLAIN["model.lr"], betas=(PLAIN["model.beta1"], 0.999))
        self.updates = 0

    def minimise(self, loss: Tensor) -> float:
        """Take one step and return the loss before it."""
        self.updates += 1
        self.param_groups[0]["eps"] = PLAIN["optimizer.eps"] / math.sqrt(1.0 - 0.999**self.updates)
        self.zero_grad()
        loss.backward()
        self.step()
        return loss.item()
