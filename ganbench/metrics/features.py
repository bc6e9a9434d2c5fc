"""The one door to torch-fidelity: the extractor `inception`."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from ganbench.errors import DataError
from ganbench.metrics.batches import in_batches
from ganbench.tree import component

_WHERE = (
    "get pt_inception-2015-12-05-6726825d.pth from github.com/mseitzer/pytorch-fid (release fid_weights) "
    "and name it with protocol.extractors.inception.weights=PATH"
)


@lru_cache(maxsize=4)
def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"inception: no weights at {path!r}: {_WHERE}") from error


def _plain(path: str) -> BytesIO:
    """Re-write a state dict that holds tensors only; torch-fidelity would unpickle whatever a file holds."""
    buffer = BytesIO()
    torch.save(torch.load(path, map_location="cpu", weights_only=True), buffer)
    buffer.seek(0)
    return buffer


@lru_cache(maxsize=2)
def _network(path: str, device: torch.device) -> nn.Module:
    """Build torch-fidelity's Inception once per process; raises `DataError` for a file of anything else."""
    # torchvision comes with it and takes seconds: only those pay who score with Inception
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # noqa: PLC0415

    try:
        network: nn.Module = FeatureExtractorInceptionV3(
            "inception", ["2048"], feature_extractor_weights_path=_plain(path)
        )
    except (RuntimeError, UnpicklingError, EOFError, AttributeError, TypeError) as error:
        raise DataError(f"inception: {path} does not hold Inception's weights: {_WHERE}") from error
    return network.to(device)


def to_bytes(images: Tensor) -> Tensor:
    """Map [N, C, H, W] in [0, 1] to uint8, halves rounded up; one channel becomes three equal ones."""
    rounded = (255.0 * images + 0.5).clamp(0.0, 255.0).to(torch.uint8)
    return rounded.expand(-1, 3, -1, -1) if rounded.shape[1] == 1 else rounded


@component(batched=False)
class Inception:
    """Features of the Inception network of 2015-12-05 (pool3, 2048): what FID is defined on.

    As the study's code: gray images tiled to three channels, TF1's bilinear resize to 299 (no half-pixel
    centres, no antialiasing), (v − 128) / 128. Unlike it, images are rounded to 8 bits, as
    torch-fidelity demands and as image files are; the study scored unrounded floats. `sha256` is how the
    weight file's hash begins: other weights are not FID's. Raises `DataError`
    if the file is missing or another.
    """

    weights: str
    sha256: str
    batch_size: int

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        if not self.weights:
            raise DataError(f"inception: no weights are given: {_WHERE}")
        found = _sha256(self.weights)
        if not found.startswith(self.sha256):
            raise DataError(
                f"inception: {self.weights} has sha256 {found}, not {self.sha256}…: {_WHERE}, "
                "or set protocol.extractors.inception.sha256"
            )
        return found

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1 or 3, H, W] in [0, 1] to features [N, 2048], float32."""
        self.weights_hash()
        network = _network(self.weights, images.device)
        return in_batches(lambda batch: network(to_bytes(batch))[0], images, self.batch_size)
