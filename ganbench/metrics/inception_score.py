"""Inception Score: how sure a classifier is of each sample and how varied it finds all of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.metrics.sets import check_size
from ganbench.metrics.subsets import canonical
from ganbench.protocols import Samples
from ganbench.rng import Rng
from ganbench.tree import component


def inception_score(probabilities: Tensor, splits: int) -> float:
    """Return the mean over consecutive splits of exp(mean_x KL(p(y | x) ‖ mean_x p(y | x))), p [N, K], in float64."""
    p = probabilities.double()
    bounds = [i * len(p) // splits for i in range(splits + 1)]
    scores = []
    for start, end in pairwise(bounds):
        part = p[start:end]
        divergence = torch.special.xlogy(part, part) - torch.special.xlogy(part, part.mean(0))
        scores.append(divergence.sum(1).mean().exp())
    return torch.stack(scores).mean().item()


@component(batched=False)
class InceptionScore:
    """Inception Score of the fakes under the space's classifier; between 1 and its number of classes, larger is better.

    Salimans et al. 2016, arXiv 1606.03498, sec. 4. Shuffled by `seed`, then scored in `splits` consecutive parts
    whose mean is reported, as by torch-fidelity (which shuffles otherwise). The real samples are not looked at, so
    it sees neither copies nor one image per class. Only Inception's is the published score. Raises
    `ConfigError` where there are fewer fakes than splits.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})
    space: str
    directions: Mapping[str, str]
    at: str
    splits: int
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return ("is",)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:  # noqa: ARG002  (the signature)
        """Score class probabilities [N, K] of the fakes; NaN if one is not finite."""
        p = fake.probabilities
        assert p is not None, "scoring classifies what a metric needs"
        check_size(self, max(2, self.splits), len(p))
        order = Rng.of(self.seed, "inception score").permutation("order", len(p)).to(p.device)
        return {"is": inception_score(p[canonical(p)][order], self.splits)}
