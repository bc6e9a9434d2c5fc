"""The extractor `lenet28`: a small convolutional network for 28x28 gray images, its weights shipped."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.errors import DataError
from ganbench.metrics.batches import in_batches
from ganbench.metrics.inputs import check_values
from ganbench.tree import component

WEIGHTS = Path(__file__).parent / "weights" / "lenet28.safetensors"
FEATURES = 128
SLOPE = 0.1


class LeNet(nn.Module):
    """Three convolutions with pooling and one hidden layer: [N, 1, 28, 28] in [0, 1] → 10 class scores.

    In the spirit of LeNet-5 (LeCun et al. 1998, https://doi.org/10.1109/5.726791), with 98 698 parameters.
    Leaky ReLU: with ReLU a third of the hidden units ended constant on the data, features that see nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * 3 * 3, FEATURES)
        self.head = nn.Linear(FEATURES, 10)

    def features(self, images: Tensor) -> Tensor:
        """Return the hidden layer, [N, 128]."""
        x = 2.0 * images - 1.0
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.leaky_relu(conv(x), SLOPE), 2)
        return F.leaky_relu(self.hidden(x.flatten(1)), SLOPE)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores, [N, 10]."""
        return self.head(self.features(images))  # type: ignore[no-any-return]


@lru_cache(maxsize=4)
def _network(sha256: str, device: torch.device) -> LeNet:
    """Load the shipped weights once per process; raises `DataError` if they are not the ones named."""
    try:
        data = WEIGHTS.read_bytes()
    except OSError as error:
        raise DataError(
            f"lenet28: cannot read {WEIGHTS}: reinstall ganbench or run tools/train_lenet28.py"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(
            f"lenet28: {WEIGHTS} has sha256 {found}, not {sha256}: reinstall ganbench, or for other weights "
            "set protocol.extractors.lenet28.sha256"
        )
    network = LeNet()
    network.load_state_dict(load(data))
    return network.requires_grad_(requires_grad=False).eval().to(device)


@component(batched=False)
class LeNet28:
    """Features of 28x28 gray images: the 128 hidden units of a classifier of Fashion-MNIST.

    Trained by `tools/train_lenet28.py` on five sixths of Fashion-MNIST's training images and never on its test
    images, the reference of protocols (the probes of bias and mode dropping take both sides from the training
    images); that command printed an accuracy of .907 on the last sixth and .902 on the test images, and the
    weight file's metadata says so. Raises `DataError` for other image shapes, NaN and values
    outside [0, 1].
    """

    name: ClassVar[str] = "lenet28"
    preprocessing: ClassVar[str] = "2 v - 1"
    dtype: ClassVar[str] = "float32"
    sha256: str
    batch_size: int

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file, checked when it is loaded."""
        return self.sha256

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1, 28, 28] in [0, 1] to features [N, 128], float32."""
        check_values(self.name, images)
        if images.shape[1:] != (1, 28, 28):
            shape = "x".join(str(size) for size in images.shape[1:])
            raise DataError(
                f"lenet28 reads 1x28x28 images, not {shape}: choose another protocol, e.g. protocol=color"
            )
        network = _network(self.sha256, images.device)
        return in_batches(network.features, images.float(), self.batch_size)

    def probabilities(self, features: Tensor) -> Tensor:
        """Map features [N, 128] to the classifier's probabilities [N, 10], float32."""
        network = _network(self.sha256, features.device)
        return in_batches(network.head, features, self.batch_size).softmax(1)
