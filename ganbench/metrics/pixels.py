"""The extractor `pixels`: the sample itself."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ganbench.metrics.inputs import check_values
from ganbench.tree import component


@component(batched=False)
class Pixels:
    """Features are the values themselves: images flattened in [0, 1], vectors as they are.

    Raises `DataError` for integer images, whose scale is not that of [0, 1], for images outside it, and for NaN.
    """

    name: ClassVar[str] = "pixels"
    preprocessing: ClassVar[str] = "flattened"
    dtype: ClassVar[str] = "float32"

    def weights_hash(self) -> str:
        """Return a fixed word: there are no weights."""
        return "none"

    def features(self, images: Tensor) -> Tensor:
        """Map samples [N, ...] to features [N, D], float32."""
        check_values(self.name, images)
        return images.flatten(1).float()
