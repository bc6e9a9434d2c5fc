"""MNIST and Fashion-MNIST from their IDX files: 60 000 training and 10 000 test images, as published."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from ganbench.datasets.images import assemble, find, folders, missing, read_idx, staging
from ganbench.errors import DataError
from ganbench.protocols import Images
from ganbench.tree import component

_SPLITS = ("train", "t10k")
_FILES = tuple(f"{split}-{kind}-ubyte" for split in _SPLITS for kind in ("images-idx3", "labels-idx1"))


class Idx:
    """Four IDX files, plain or gzip, in `root` or its sub-folder `<name>/raw`, torchvision's layout.

    Without `root`: the system's folder, then earlier downloads. Whole published splits, in their order; other
    data of this format is told apart by its content hash.
    """

    title: ClassVar[str]
    torchvision_name: ClassVar[str]
    system: ClassVar[tuple[Path, ...]] = ()
    source: ClassVar[str]  # where a user gets the files
    image_shape: tuple[int, ...]
    root: str
    download: bool

    def load(self) -> Images:
        """Return uint8 [N, 1, 28, 28] with labels; raises `DataError` where files are missing or damaged."""
        places = folders(self.root, self._layout, *self.system)
        if find(places, _FILES) is None and self.download:
            self._fetch()
        files = find(places, _FILES)
        if files is None:
            fix = f"{self._fix}, or set dataset.download=true"
            raise missing(f"{self.title} (four IDX files)", places, _FILES, fix)
        train, test = (_split(files, split) for split in _SPLITS)
        return assemble(self.title, self.image_shape, train, test)

    @property
    def _layout(self) -> str:
        return f"{self.torchvision_name}/raw"

    @property
    def _fix(self) -> str:
        return f"{self.source} and name their folder with dataset.root=FOLDER"

    def _fetch(self) -> None:
        """Let torchvision download, with its mirrors and checksums; what it says goes to stderr."""
        with staging(self.title, self.root, self._layout, self._fix) as stage, redirect_stdout(sys.stderr):
            getattr(import_module("torchvision.datasets"), self.torchvision_name)(str(stage), download=True)


def _split(files: dict[str, Path], split: str) -> tuple[Tensor, Tensor]:
    images, labels = files[f"{split}-images-idx3-ubyte"], files[f"{split}-labels-idx1-ubyte"]
    x, y = read_idx(images, 3).unsqueeze(1), read_idx(labels, 1)
    if len(x) != len(y):
        raise DataError(f"{labels} holds {len(y)} labels for the {len(x)} images of {images}; get both again")
    return x, y


@component(batched=False)
class FashionMNIST(Idx):
    """28×28 gray articles of clothing in ten classes (Xiao et al. 2017, arXiv 1708.07747)."""

    title: ClassVar[str] = "Fashion-MNIST"
    torchvision_name: ClassVar[str] = "FashionMNIST"
    system: ClassVar[tuple[Path, ...]] = (Path("/usr/share/datasets/fashion-mnist"),)  # Debian's package
    source: ClassVar[str] = (
        "install the Debian package (apt-get install dataset-fashion-mnist), or get the files from "
        "https://github.com/zalandoresearch/fashion-mnist"
    )

    image_shape: tuple[int, ...]
    root: str
    download: bool
    study_steps: int
    study_every: int


@component(batched=False)
class MNIST(Idx):
    """28×28 gray handwritten digits (LeCun et al. 1998, https://doi.org/10.1109/5.726791)."""

    title: ClassVar[str] = "MNIST"
    torchvision_name: ClassVar[str] = "MNIST"
    source: ClassVar[str] = (
        "get the files from http://yann.lecun.com/exdb/mnist (5000 digits come with dataset=mnist_5k)"
    )

    image_shape: tuple[int, ...]
    root: str
    download: bool
    study_steps: int
    study_every: int
