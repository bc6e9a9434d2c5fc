"""The extractor `pixels`: the sample itself."""

from __future__ import annotations

from torch import Tensor

from ganbench.errors import DataError
from ganbench.tree import component


@component(batched=False)
class Pixels:
    """Features are the values themselves: images flattened in [0, 1], vectors as they are.

    Raises `DataError` for integer images, whose scale is not that of [0, 1].
    """

    def weights_hash(self) -> str:
        """Return a fixed word: there are no weights."""
        return "none"

    def features(self, images: Tensor) -> Tensor:
        """Map samples [N, ...] to features [N, D], float32."""
        if not images.is_floating_point():
            raise DataError(f"pixels reads float images in [0, 1], not {images.dtype}: divide by 255 first")
        return images.flatten(1).float()
