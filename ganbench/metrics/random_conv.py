"""The extractor `random_conv`: a convolutional network that was never trained, for images of any size."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.metrics.batches import in_batches
from ganbench.metrics.inputs import read_images, to_rgb
from ganbench.rng import Rng
from ganbench.tree import component

SIZES = (5, 3, 3)  # of the kernels; each layer halves the image and doubles the channels
SLOPE = 0.1
CELLS = 2  # a side, of the grid over which the last layer is averaged
SMALLEST = 28


@lru_cache(maxsize=4)
def weights(seed: int, channels: int) -> tuple[Tensor, ...]:
    """Return the kernels [C, K, k, k], from U(−b, b) with b = √(6 / (K k²)) (He et al. 2015, arXiv 1502.01852).

    Uniform draws and correctly rounded operations only: the same bits on every machine.
    """
    rng, kernels, before = Rng.of(seed, "random_conv"), [], 3
    for layer, size in enumerate(SIZES):
        shape = (channels * 2**layer, before, size, size)
        bound = math.sqrt(6.0 / (before * size**2))
        kernels.append((2.0 * rng.uniform(f"kernel {layer}", shape) - 1.0) * bound)
        before = shape[0]
    return tuple(kernels)


@lru_cache(maxsize=4)
def _hash(seed: int, channels: int) -> str:
    digest = hashlib.sha256()
    for kernel in weights(seed, channels):
        digest.update(kernel.numpy().astype("<f4").tobytes())
    return digest.hexdigest()


@component(batched=False)
class RandomConv:
    """Features of a fixed random network: three strided convolutions, leaky ReLU, means over a 2x2 grid.

    It has seen no data, so it favours none: it reads edges and texture, no content. Images of any size from 28x28
    on. Raises `DataError` for smaller ones, NaN and values outside [0, 1].
    """

    name: ClassVar[str] = "random_conv"
    preprocessing: ClassVar[str] = "gray tiled to RGB; 2 v - 1"
    dtype: ClassVar[str] = "float32"
    seed: int
    channels: int
    batch_size: int

    def weights_hash(self) -> str:
        """Return the sha256 of the kernels' float32 values, little-endian and in order."""
        return _hash(self.seed, self.channels)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1 or 3, H, W] in [0, 1] to features [N, 16 · channels], float32."""
        images = read_images(self.name, images, smallest=SMALLEST)
        kernels = [kernel.to(images.device) for kernel in weights(self.seed, self.channels)]

        def run(batch: Tensor) -> Tensor:
            x = 2.0 * to_rgb(batch) - 1.0
            for kernel in kernels:
                x = F.leaky_relu(F.conv2d(x, kernel, stride=2, padding=kernel.shape[-1] // 2), SLOPE)
            return F.adaptive_avg_pool2d(x, CELLS).flatten(1)

        return in_batches(run, images, self.batch_size)
