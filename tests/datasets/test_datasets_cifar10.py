from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.datasets import cifar10
from ganbench.errors import DataError

NAMES = (*cifar10.TRAIN, cifar10.TEST)


def batch(label: int, n: int = 2) -> bytes:
    """n records: the label, a red plane of column numbers, a green one of row numbers, a blue one of 99."""
    column, row = np.meshgrid(np.arange(32, dtype=np.uint8), np.arange(32, dtype=np.uint8))
    planes = column.tobytes() + row.tobytes() + bytes([99]) * 1024
    return (bytes([label]) + planes) * n


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for label, name in enumerate(NAMES):
        (folder / name).write_bytes(batch(label))


@pytest.mark.parametrize("layout", [".", "cifar-10-batches-bin"])
def test_planes_labels_and_split(build, tmp_path, layout):
    write(tmp_path / layout)
    images = build("cifar10", root=str(tmp_path)).load()
    assert images.train.shape == (10, 3, 32, 32)
    assert images.train.dtype == torch.uint8
    assert images.train[3, :, 5, 7].tolist() == [7, 5, 99]
    assert images.train_labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert images.test_labels.tolist() == [5, 5]


def test_missing_names_the_binary_version(build, tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataError, match=r"lacks data_batch_1.bin") as caught:
        build("cifar10", root=str(tmp_path)).load()
    for word in ("binary version", "pickles", "www.cs.toronto.edu", "dataset.root=", "dataset.download=true"):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (batch(0)[:-1], "6145 bytes, no multiple of 3073"),
        (b"", "0 bytes"),
        (batch(10), "labels above 9"),
        (b"\x80\x04" * 3073, "labels above 9"),
    ],
)
def test_damaged_batches_are_named(build, tmp_path, data, says):
    write(tmp_path)
    (tmp_path / "data_batch_4.bin").write_bytes(data)
    with pytest.raises(DataError, match=f"data_batch_4.bin holds {says}"):
        build("cifar10", root=str(tmp_path)).load()


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Path:
    """An archive of the published layout with one file too many, and where to find it."""
    path = tmp_path / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for label, name in enumerate((*NAMES, "readme.html")):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(batch(label))
            tar.addfile(member, io.BytesIO(batch(label)))
    monkeypatch.setattr(cifar10, "URL", path.as_uri())
    monkeypatch.setattr(cifar10, "MD5", hashlib.md5(path.read_bytes()).hexdigest())
    return path


def test_download_checks_and_unpacks_the_batches_only(build, home, archive):
    images = build("cifar10", download=True).load()
    assert images.train_labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert sorted(p.name for p in home.rglob("*.*") if p.is_file()) == sorted(NAMES)
    archive.unlink()
    assert len(build("cifar10", download=True).load().train) == 10
    assert len(build("cifar10").load().train) == 10


def test_download_refuses_another_checksum(build, home, archive, monkeypatch):
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(DataError, match="came with md5"):
        build("cifar10", download=True).load()
    assert [p for p in home.rglob("*") if p.is_file()] == []


def test_download_that_fails_is_one_line(build, archive):
    archive.unlink()
    with pytest.raises(DataError, match=r"CIFAR-10 could not be downloaded .* binary version"):
        build("cifar10", download=True).load()
