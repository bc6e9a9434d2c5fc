"""The dataset and the extractors that a probe works on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganbench.batches import as_float
from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.instantiation import instantiate
from ganbench.metrics.stamp import stamp
from ganbench.nodes import resolve
from ganbench.probes.probe import Question
from ganbench.protocols import Extractor, Images
from ganbench.rng import Rng
from ganbench.scoring import CHUNK

PROTOCOL = "probe28"  # of probes that are not told another
DATASET = "fashion_mnist"


@dataclass(frozen=True)
class Subject:
    """A loaded dataset with its resolved config and the protocol's extractors."""

    name: str
    config: Mapping[str, Any]
    dataset: Any
    images: Images
    extractors: Mapping[str, Extractor]

    def features(self, space: str, images: Tensor) -> Tensor:
        """Extract features [n, F] of images as stored."""
        with torch.no_grad():
            chunks = torch.split(images, CHUNK)
            return torch.cat([self.extractors[space].features(as_float(chunk)) for chunk in chunks])

    def stamps(self) -> tuple[Mapping[str, str], ...]:
        """Return what each extractor was."""
        return tuple(stamp(extractor) for extractor in self.extractors.values())


def subject_of(question: Question) -> Subject:
    """Compose and load what the overrides name; Fashion-MNIST under `probe28` by default."""
    given = {text.partition("=")[0] for text in question.overrides}
    defaults = {"dataset": DATASET, "protocol": PROTOCOL}
    chosen = [f"{key}={value}" for key, value in defaults.items() if key not in given]
    composed = compose([*question.overrides, *chosen])
    config = resolve(composed.config)
    extractors = {name: instantiate(node) for name, node in config["protocol"]["extractors"].items()}
    if not extractors:
        raise ConfigError(
            f"protocol {config['protocol']['name']!r} has no extractor: try protocol={PROTOCOL}"
        )
    dataset = instantiate(config["dataset"])
    return Subject(composed.choices["dataset"], config, dataset, dataset.load(), extractors)


def halves(n: int, size: int, rng: Rng, repeats: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw pairs of disjoint index sets of one size out of n, each pair anew. Raises `ConfigError` where 2·size > n."""
    if 2 * size > n:
        raise ConfigError(f"two disjoint samples of {size} need {2 * size} images, there are {n}")
    for repeat in range(repeats):
        order = rng.permutation(f"{size} {repeat}", n)
        yield order[:size], order[size : 2 * size]
