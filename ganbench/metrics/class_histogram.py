"""Which classes samples fall into, as a classifier sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.metrics.sets import check_size
from ganbench.metrics.subsets import finite
from ganbench.protocols import Samples
from ganbench.tree import component


def histogram(probabilities: Tensor) -> Tensor:
    """Return the shares [K], float64, of the most probable classes of probabilities [n, K]."""
    labels = probabilities.argmax(1)
    return torch.bincount(labels, minlength=probabilities.shape[1]).double() / len(labels)


def entropy(shares: Tensor) -> float:
    """Return −Σ p ln p of shares [K], in nats."""
    return float(torch.special.entr(shares).sum())


@component(batched=False)
class ClassHistogram:
    """The histogram q of the labels an annotator gives to fakes, against the p it gives to real samples.

    The mode-collapse diagnostic of Santurkar et al. 2018 (arXiv 1711.00970). `class_tv` is the total variation
    ½ Σ |q_k − p_k|; `effective_classes` the ratio exp(H(q) − H(p)) of effective numbers of classes: .1 where one of
    ten equal classes is left, above 1 where fakes are spread more evenly than real samples;
    `missing_classes` counts the classes whose share q_k is below `class_share` · p_k. The annotator's mistakes are
    in both histograms; its mean `confidence` in its labels of fakes says how far they can be trusted.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})
    unranked: ClassVar[frozenset[str]] = frozenset({"confidence"})  # qualifies the others
    space: str
    directions: Mapping[str, str]
    at: str
    class_share: float

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score class probabilities [n, K] against class probabilities [m, K]."""
        assert real.probabilities is not None, "scoring extracts what a metric needs"
        assert fake.probabilities is not None, "scoring extracts what a metric needs"
        check_size(self, 2, len(real.probabilities), len(fake.probabilities))
        if not finite(real.probabilities, fake.probabilities):
            return dict.fromkeys(self.names, math.nan)
        p, q = histogram(real.probabilities), histogram(fake.probabilities)
        return {
            "class_tv": (q - p).abs().sum().item() / 2.0,
            "effective_classes": math.exp(entropy(q) - entropy(p)),
            "missing_classes": (q < self.class_share * p).double().sum().item(),
            "confidence": fake.probabilities.amax(1).double().mean().item(),
        }
