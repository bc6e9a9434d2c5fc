"""The one door to torch-fidelity: the extractors `inception`, `vgg16` and `clip`, and its resize."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganbench.metrics.batches import in_batches
from ganbench.metrics.inputs import read_images, to_bytes, to_rgb
from ganbench.metrics.weightfiles import UNREADABLE, WeightFile, rewritten
from ganbench.tree import component

DTYPES = {"float32": torch.float32, "float64": torch.float64}
LAYERS = ("fc2", "fc2_relu")
SIDE = 299  # of what Inception reads
BYTES = "gray tiled to RGB; rounded to 8 bits, halves up"

# torch-fidelity brings torchvision, which takes seconds to import: only those pay who score with it.


def tf1_bilinear(images: Tensor, side: int) -> Tensor:
    """Resize float [N, C, H, W] to squares as TensorFlow 1 did: no half-pixel centres, no antialiasing.

    Output row y lies at input row y·H/side and is the weighted mean of the rows around; the last row repeats beyond it.
    """
    from torch_fidelity import interpolate_compat_tensorflow as theirs  # noqa: PLC0415

    return theirs.interpolate_bilinear_2d_like_tensorflow1x(  # type: ignore[no-any-return]
        images, size=(side, side), align_corners=False
    )


def _inception(file: WeightFile) -> nn.Module:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # noqa: PLC0415

    return FeatureExtractorInceptionV3("inception", ["2048"], rewritten(file.state()))  # type: ignore[no-any-return]


def _vgg16(file: WeightFile) -> nn.Module:
    from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16  # noqa: PLC0415

    return FeatureExtractorVGG16("vgg16", list(LAYERS), rewritten(file.state()))  # type: ignore[no-any-return]


def _clip(file: WeightFile) -> nn.Module:
    from torch_fidelity.feature_extractor_clip import FeatureExtractorCLIP  # noqa: PLC0415

    with warnings.catch_warnings():
        # a TorchScript archive: torch would like another format, and its hash vouches for what it holds
        warnings.simplefilter("ignore", FutureWarning)
        return FeatureExtractorCLIP("clip-vit-b-32", ["clip"], str(file.located()))  # type: ignore[no-any-return]


@lru_cache(maxsize=2)
def network_of(
    build: Callable[[WeightFile], nn.Module], file: WeightFile, sha256: str, dtype: str, device: torch.device
) -> nn.Module:
    """Build a network once per process and content of its file; raises `DataError` for a file of anything else."""
    del sha256  # part of the key only
    try:
        with torch.random.fork_rng(devices=[]):  # theirs draw initial weights before they load the real ones
            network: Any = build(file)
    except UNREADABLE as error:
        raise file.unfit() from error
    # set here, since torch-fidelity 0.4.0 takes its own setting `float64` for float32
    network.feature_extractor_internal_dtype = DTYPES[dtype]
    return network.to(device, DTYPES[dtype])  # type: ignore[no-any-return]


def check_dtype(dtype: str) -> None:
    """Raise `ValueError` for what networks cannot compute in."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is not known: choose {' or '.join(DTYPES)}")


@component(batched=False)
class Inception:
    """Features of the Inception network of 2015-12-05 (pool3, 2048): what FID is defined on.

    As the study's code: gray images tiled to three channels, TF1's bilinear resize to 299, (v − 128) / 128. With
    `quantize` images are first rounded to 8 bits, as image files are and as torch-fidelity demands; the study scored
    unrounded floats. Its logits have no bias, as those of the Inception score (Salimans et al. 2016,
    arXiv 1606.03498). Raises `DataError` if the weights are missing or others than `sha256` says.
    """

    name: ClassVar[str] = "inception"
    weights: str
    sha256: str
    url: str
    download: bool
    quantize: bool
    dtype: str
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse an unknown dtype."""
        check_dtype(self.dtype)

    @property
    def preprocessing(self) -> str:
        """Return what is done to images before the network."""
        start = BYTES if self.quantize else "gray tiled to RGB; not rounded"
        return f"{start}; TF1 bilinear to {SIDE}x{SIDE}; (v - 128) / 128"

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        return self._file().hash()

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1 or 3, H, W] in [0, 1] to features [N, 2048], float32."""
        images = read_images(self.name, images)
        # in the order of the forward pass, without the head; torch-fidelity's own takes rounded images only
        body = nn.Sequential(*list(self._network(images.device).children())[:-1])

        def run(batch: Tensor) -> Tensor:
            values = to_bytes(batch) if self.quantize else to_rgb(255.0 * batch)
            values = tf1_bilinear(values.to(DTYPES[self.dtype]), SIDE)
            return body((values - 128) / 128).flatten(1)  # type: ignore[no-any-return]

        return in_batches(run, images, self.batch_size)

    def probabilities(self, features: Tensor) -> Tensor:
        """Map features [N, 2048] to probabilities [N, 1008], float32: softmax of logits without bias."""
        network: Any = self._network(features.device)
        head: Tensor = network.fc.weight.T
        logits = in_batches(lambda batch: batch.to(head.dtype) @ head, features, self.batch_size)
        return logits.softmax(1)

    def _file(self) -> WeightFile:
        return WeightFile(self.name, self.weights, self.sha256, self.url, self.download)

    def _network(self, device: torch.device) -> nn.Module:
        return network_of(_inception, self._file(), self.weights_hash(), self.dtype, device)


@component(batched=False)
class Vgg16:
    """Features of VGG16 on ImageNet (Simonyan & Zisserman 2015, arXiv 1409.1556), second hidden layer, 4096.

    `layer` is `fc2`, or `fc2_relu`, which improved precision and recall use (Kynkäänniemi et al. 2019,
    arXiv 1904.06991). Raises `DataError` if the weights are missing or others than `sha256` says.
    """

    name: ClassVar[str] = "vgg16"
    weights: str
    sha256: str
    url: str
    download: bool
    layer: str
    dtype: str
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse an unknown dtype or layer."""
        check_dtype(self.dtype)
        if self.layer not in LAYERS:
            raise ValueError(f"layer {self.layer!r} is not known: choose {' or '.join(LAYERS)}")

    @property
    def preprocessing(self) -> str:
        """Return what is done to images before the network, and which layer is read."""
        return f"{BYTES}; TF1 bilinear to 224x224; mean and deviation of ImageNet; layer {self.layer}"

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        return self._file().hash()

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1 or 3, H, W] in [0, 1] to features [N, 4096], float32."""
        images = read_images(self.name, images)
        network = network_of(_vgg16, self._file(), self.weights_hash(), self.dtype, images.device)
        layer = LAYERS.index(self.layer)
        return in_batches(lambda batch: network(to_bytes(batch))[layer], images, self.batch_size)

    def _file(self) -> WeightFile:
        return WeightFile(self.name, self.weights, self.sha256, self.url, self.download)


@component(batched=False)
class Clip:
    """Features of a CLIP image encoder (Radford et al. 2021, arXiv 2103.00020): ViT-B/32's are 512.

    Any of OpenAI's files will do; sizes are read from it. Raises `DataError` if the weights are missing or
    others than `sha256` says.
    """

    name: ClassVar[str] = "clip"
    weights: str
    sha256: str
    url: str
    download: bool
    dtype: str
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse an unknown dtype."""
        check_dtype(self.dtype)

    @property
    def preprocessing(self) -> str:
        """Return what is done to images before the network."""
        return f"{BYTES}; TF1 bilinear to the network's resolution; mean and deviation of CLIP"

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        return self._file().hash()

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1 or 3, H, W] in [0, 1] to features [N, D], float32."""
        images = read_images(self.name, images)
        network = network_of(_clip, self._file(), self.weights_hash(), self.dtype, images.device)
        return in_batches(lambda batch: network(to_bytes(batch))[0], images, self.batch_size)

    def _file(self) -> WeightFile:
        return WeightFile(self.name, self.weights, self.sha256, self.url, self.download)
