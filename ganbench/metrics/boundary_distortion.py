"""How well a classifier trained on samples works on real data: what the spread of a class is worth."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.sets import check_size
from ganbench.metrics.subsets import canonical, finite, of_real
from ganbench.protocols import Samples
from ganbench.tree import component

ITERATIONS = 1000


def linear_accuracy(x: Tensor, labels: Tensor, test: Tensor, truth: Tensor, l2: float) -> float:
    """Return how often a linear classifier fitted to x [n, F] with labels [n] is right on test [m, F].

    Minimises mean cross-entropy + l2 / 2 ‖W‖². One class alone is always the answer.
    """
    # a second of imports: only those pay who score with it
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    if bool((labels == labels[0]).all()):
        return (truth == labels[0]).double().mean().item()
    model = LogisticRegression(C=1.0 / (l2 * len(x)), max_iter=ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after so many steps labels hardly change
        model.fit(x.numpy(), labels.numpy())
    return float(model.score(test.numpy(), truth.numpy()))


@component(batched=False)
class BoundaryDistortion:
    """Accuracy on held-out real samples of a linear classifier trained on fakes: `boundary_accuracy`.

    `boundary_gap` is what a classifier trained on as many real samples has more. Both read features, both take the
    annotator's labels for the truth, in training and testing; half of the real samples train, half test. A gap
    despite right class shares means classes whose spread is wrong: the boundary distortion of Santurkar et al.
    2018 (arXiv 1711.00970), who train one generator per class; here one generator's samples are labelled by the
    annotator. Two real sets get a gap of either sign: the floor of every table. Halves are taken by a hash
    of the features, which are centred and scaled by one number, the real training half's. Raises
    `ConfigError` for l2 ≤ 0.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features", "probabilities"})
    space: str
    directions: Mapping[str, str]
    at: str
    l2: float

    def __post_init__(self) -> None:
        if self.l2 <= 0.0:
            raise ConfigError("the boundary's classifier needs an l2 above 0")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives."""
        return tuple(self.directions)

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score labelled features [n, F] against labelled features [m, F]."""
        (x, x_labels), (y, y_labels) = _labelled(real), _labelled(fake)
        check_size(self, 2, len(x), len(y))
        if not finite(x, y):
            return dict.fromkeys(self.names, math.nan)
        half = len(x) // 2
        n = min(half, len(y))
        centre = x[:half].mean(0)
        scale = (x[:half] - centre).square().mean().sqrt()
        x, y = ((rows - centre) / (scale if scale > 0.0 else 1.0) for rows in (x, y))

        def accuracy(rows: Tensor, labels: Tensor) -> Tensor:
            value = linear_accuracy(rows[:n], labels[:n], x[half:], x_labels[half:], self.l2)
            return torch.tensor(value, dtype=torch.float64)

        of_fakes = accuracy(y, y_labels).item()
        reference = of_real(self, real, n, lambda: accuracy(x, x_labels)).item()
        return {"boundary_gap": reference - of_fakes, "boundary_accuracy": of_fakes}


def _labelled(samples: Samples) -> tuple[Tensor, Tensor]:
    """Return features [n, F], float64 on the CPU, in the order of their hashes, and the annotator's labels [n].

    Where probabilities are not finite features become NaN too.
    """
    assert samples.features is not None, "scoring extracts what a metric needs"
    assert samples.probabilities is not None, "scoring extracts what a metric needs"
    order = canonical(samples.features)
    features = samples.features[order].to("cpu", torch.float64)
    if not finite(samples.probabilities):
        features = features * math.nan
    return features, samples.probabilities.argmax(1)[order].cpu()
