"""CIFAR-10 from its binary version: 50 000 training and 10 000 test images, as published."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.request
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganbench.datasets.images import assemble, find, folders, missing, read_bytes, staging
from ganbench.errors import DataError
from ganbench.protocols import Images
from ganbench.tree import component

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # as published beside the file
LAYOUT = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = "test_batch.bin"
_RECORD = 1 + 3 * 32 * 32  # label, then the red, green and blue planes row by row
_SOURCE = (
    'get "CIFAR-10 binary version" (cifar-10-binary.tar.gz) from https://www.cs.toronto.edu/~kriz/cifar.html '
    "(the Python version holds pickles, which are not read), unpack it and name its folder with "
    "dataset.root=FOLDER"
)


@component(batched=False)
class Cifar10:
    """32×32 colour photographs in ten classes (Krizhevsky 2009, Learning multiple layers of features…).

    Six binary batches in `root` or its sub-folder `cifar-10-batches-bin`; without `root`, earlier downloads.
    """

    image_shape: tuple[int, ...]
    root: str
    download: bool
    study_steps: int
    study_every: int

    def load(self) -> Images:
        """Return uint8 [N, 3, 32, 32] with labels; raises `DataError` where files are missing or damaged."""
        names, places = (*TRAIN, TEST), folders(self.root, LAYOUT)
        if find(places, names) is None and self.download:
            _fetch(self.root)
        files = find(places, names)
        if files is None:
            fix = f"{_SOURCE}, or set dataset.download=true"
            raise missing("CIFAR-10", places, names, fix)
        batches = [_read(files[name]) for name in TRAIN]
        train, train_labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
        return assemble("CIFAR-10", self.image_shape, (train, train_labels), _read(files[TEST]))


def _read(path: Path) -> tuple[Tensor, Tensor]:
    """Read one batch into images [N, 3, 32, 32] and labels [N]."""
    data = read_bytes(path)
    if not data or len(data) % _RECORD:
        raise DataError(f"{path} holds {len(data)} bytes, no multiple of {_RECORD}: truncated; get it again")
    records = torch.from_numpy(np.frombuffer(bytearray(data), np.uint8).reshape(-1, _RECORD))
    if records[:, 0].max() > 9:
        raise DataError(f"{path} holds labels above 9, so it is no CIFAR-10 batch; {_SOURCE}")
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _fetch(root: str) -> None:
    """Download the archive, check its sum and unpack the six batches; nothing else is taken out of it."""
    with staging("CIFAR-10", root, LAYOUT, _SOURCE) as stage, (stage / "archive").open("w+b") as archive:
        with urllib.request.urlopen(URL, timeout=60) as reply:
            shutil.copyfileobj(reply, archive)
        archive.seek(0)
        if (md5 := hashlib.file_digest(archive, "md5").hexdigest()) != MD5:
            raise DataError(f"{URL} came with md5 {md5}, not {MD5}: try again, or {_SOURCE}")
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            for name in (*TRAIN, TEST):
                tar.extract(f"{LAYOUT}/{name}", stage, filter="data")
