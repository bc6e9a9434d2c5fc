"""Observation models of a variational decoder: how its output says what the data are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.tree import component

if TYPE_CHECKING:
    from torch import Tensor


@component
class Bernoulli:
    """Pixels in [0, 1] as Bernoulli means of logits l (Kingma & Welling 2013, arXiv 1312.6114, App. C.1).

    log p = Σ x log σ(l) + (1 − x) log(1 − σ(l)) over H, W and channels, batch mean. With `channel_mean`
    it is the mean over channels, as in the study's code: for colour a third. That code also clips σ(l) to
    [1e−8, 1 − 1e−8]; logits need no clip.
    """

    channel_mean: bool

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Return the scalar for images x and logits [B, C, H, W]."""
        terms = x.shape[0] * (x.shape[1] if self.channel_mean else 1)
        return F.binary_cross_entropy_with_logits(output, x, reduction="sum") / -terms

    def mean(self, output: Tensor) -> Tensor:
        """Return σ(logits)."""
        return output.sigmoid()


@component
class Gaussian:
    """Vectors as Gaussian with the output as mean and one fixed standard deviation for all coordinates.

    log p = −½ Σ_d ((x_d − o_d) / sd)² − D log(sd √(2π)), averaged over the batch.
    """

    sd: float

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Return the scalar for vectors x and means [B, D]."""
        squares = ((x - output) / self.sd).square().sum() / x.shape[0]
        normaliser = torch.log(torch.as_tensor(self.sd * math.sqrt(2.0 * math.pi)))
        return -0.5 * squares - x.shape[1] * normaliser

    def mean(self, output: Tensor) -> Tensor:
        """Return the means: samples carry no observation noise."""
        return output
