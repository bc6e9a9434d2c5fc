from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from ganbench.datasets.idx import MNIST, FashionMNIST
from ganbench.errors import DataError


def write(folder: Path, train: int = 6, test: int = 4, labels: int | None = None, shift: int = 0) -> None:
    """Write four zipped IDX files; image i is filled with i + shift, its label is i mod 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, n in (("train", train), ("t10k", test)):
        values = np.repeat(np.arange(n, dtype=np.uint8) + shift, 784).tobytes()
        images = struct.pack(">IIII", 2051, n, 28, 28) + values
        m = n if labels is None else labels
        classes = struct.pack(">II", 2049, m) + bytes(i % 10 for i in range(m))
        (folder / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(classes))


def first(images) -> int:
    return int(images.train[0, 0, 0, 0])


def test_fashion_mnist_of_the_debian_package(build):
    images = build("fashion_mnist").load()
    assert images.train.shape == (60_000, 1, 28, 28)
    assert images.test.shape == (10_000, 1, 28, 28)
    assert images.train.dtype == images.test.dtype == torch.uint8
    assert torch.bincount(images.train_labels).tolist() == [6000] * 10
    assert torch.bincount(images.test_labels).tolist() == [1000] * 10
    assert (images.train.min(), images.train.max()) == (0, 255)
    assert images.train_labels[:5].tolist() == [9, 0, 0, 3, 0]  # ankle boot, T-shirt, T-shirt, dress, T-shirt
    # Mean and sd that are published for the training images: 0.2860 and 0.3530.
    scaled = images.train.float() / 255
    assert (round(scaled.mean().item(), 4), round(scaled.std().item(), 4)) == (0.2860, 0.3530)
    assert images.content_hash == "8929173ac38ba38863770d75b63873bb9b0476ef967ea0270dad8d523d750b65"


def test_given_folder_and_torchvision_layout(build, tmp_path):
    write(tmp_path / "flat", shift=10)
    write(tmp_path / "nested/MNIST/raw", shift=20)
    flat = build("mnist", root=str(tmp_path / "flat")).load()
    assert flat.train.shape == (6, 1, 28, 28)
    assert flat.train[:, 0, 5, 5].tolist() == [10, 11, 12, 13, 14, 15]
    assert flat.test_labels.tolist() == [0, 1, 2, 3]
    assert first(build("mnist", root=str(tmp_path / "nested")).load()) == 20


def test_order_of_places(build, tmp_path, home, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "system", (tmp_path / "system",))
    write(home / "FashionMNIST/raw", shift=1)
    assert first(build("fashion_mnist").load()) == 1
    write(tmp_path / "system", shift=2)
    assert first(build("fashion_mnist").load()) == 2
    write(tmp_path / "mine", shift=3)
    assert first(build("fashion_mnist", root=str(tmp_path / "mine")).load()) == 3


def test_a_given_folder_is_never_replaced_by_another(build, tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        build("fashion_mnist", root=str(tmp_path / "nowhere")).load()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fashion_mnist", ["dataset-fashion-mnist", "zalandoresearch/fashion-mnist"]),
        ("mnist", ["yann.lecun.com/exdb/mnist", "dataset=mnist_5k"]),
    ],
)
def test_missing_data_says_where_to_get_it(build, name, words, monkeypatch, home):
    monkeypatch.setattr(FashionMNIST, "system", ())
    with pytest.raises(DataError) as caught:
        build(name).load()
    message = str(caught.value)
    assert "\n" not in message
    for word in (*words, str(home), "dataset.root=", "dataset.download=true"):
        assert word in message


def test_empty_and_incomplete_folders(build, tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path.name} is empty"):
        build("mnist", root=str(tmp_path)).load()
    write(tmp_path / "MNIST/raw")
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="raw lacks t10k-labels-idx1-ubyte;"):
        build("mnist", root=str(tmp_path)).load()
    with pytest.raises(DataError, match=r"is not a folder"):
        build("mnist", root=__file__).load()


def test_damaged_files_are_named(build, tmp_path):
    write(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is damaged"):
        build("mnist", root=str(tmp_path)).load()


def test_labels_must_match_images(build, tmp_path):
    write(tmp_path, labels=5)
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte.gz holds 5 labels for the 6 images"):
        build("mnist", root=str(tmp_path)).load()


def test_images_of_another_shape(build, tmp_path):
    write(tmp_path)
    with pytest.raises(DataError, match=r"have shape \[1, 28, 28\], dataset.image_shape says \[1, 32, 32\]"):
        build("mnist", root=str(tmp_path), image_shape=[1, 32, 32]).load()


def test_download_happens_once_and_only_when_asked(build, home, monkeypatch, capsys):
    calls = []

    def fetch(root, *, download):
        print("noise")
        calls.append(download)
        write(Path(root) / "MNIST/raw", shift=30)

    monkeypatch.setattr(torchvision.datasets, "MNIST", fetch)
    with pytest.raises(DataError):
        build("mnist").load()
    assert calls == []
    assert first(build("mnist", download=True).load()) == 30
    assert first(build("mnist", download=True).load()) == 30
    assert first(build("mnist").load()) == 30
    assert calls == [True]
    assert (home / "MNIST/raw/train-images-idx3-ubyte.gz").is_file()
    assert capsys.readouterr().out == ""


def test_download_goes_to_the_given_folder(build, tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "MNIST", lambda root, download: write(Path(root) / "MNIST/raw"))
    build("mnist", root=str(tmp_path / "mine"), download=True).load()
    assert (tmp_path / "mine/MNIST/raw/t10k-labels-idx1-ubyte.gz").is_file()


def test_failed_download_is_one_line(build, monkeypatch):
    def fail(root, download):
        raise RuntimeError("Error downloading train:\nTried http://a, got:\n<urlopen error>\n")

    monkeypatch.setattr(torchvision.datasets, "MNIST", fail)
    with pytest.raises(DataError, match="MNIST could not be downloaded") as caught:
        build("mnist", download=True).load()
    assert "\n" not in str(caught.value)
    assert "yann.lecun.com" in str(caught.value)


def test_the_two_classes_name_torchvision_s_own():
    assert issubclass(getattr(torchvision.datasets, MNIST.torchvision_name), torch.utils.data.Dataset)
    assert issubclass(getattr(torchvision.datasets, FashionMNIST.torchvision_name), torch.utils.data.Dataset)
