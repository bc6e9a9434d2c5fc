"""tools/train_lenet28.py: which images it trains on, and that it trains."""

from __future__ import annotations

import gzip
import importlib.util
import struct
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from ganbench.datasets.idx import FashionMNIST
from ganbench.metrics.frechet import frechet_distance, statistics
from ganbench.metrics.lenet import WEIGHTS, LeNet
from ganbench.rng import Rng


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "train_lenet28.py"
    spec = importlib.util.spec_from_file_location("train_lenet28", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stripes(n: int) -> tuple[Tensor, Tensor]:
    """Images whose bright row band tells their label, with noise."""
    labels = torch.arange(n) % 10
    x = 0.3 * Rng.of(0, "stripes").uniform("noise", (n, 1, 28, 28))
    for i, label in enumerate(labels.tolist()):
        x[i, :, 2 * label + 4 : 2 * label + 6] += 0.6
    return x, labels


def test_one_sixth_is_held_out(tool: ModuleType) -> None:
    order, out = tool.order(), tool.held_out()
    assert torch.equal(order.sort().values, torch.arange(60_000))
    assert len(out) == 10_000
    assert torch.equal(out, order[50_000:])
    assert not torch.equal(order, torch.arange(60_000))


def test_idx_files_are_read(tool: ModuleType, tmp_path: Path) -> None:
    pixels, labels = bytes(range(256)) * 7, bytes([3, 9])
    header = struct.pack(">IIII", 2051, 2, 28, 28)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + pixels[: 2 * 784]))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">II", 2049, 2) + labels))
    x, y = tool.read(tmp_path, "train")
    assert x.shape == (2, 1, 28, 28)
    assert x[0, 0, 0, 3].item() == pytest.approx(3 / 255)
    assert x[1, 0, 0, 0].item() == pytest.approx((784 % 256) / 255)
    assert y.tolist() == [3, 9]


def test_training_learns_and_repeats(tool: ModuleType) -> None:
    x, y = stripes(1000)
    network = tool.train(x, y, epochs=2)
    assert tool.accuracy(network, x, y) > 0.95
    again = tool.train(x, y, epochs=2)
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), again.parameters(), strict=True))


def test_shipped_weights_are_worth_what_they_say(tool: ModuleType) -> None:
    """Accuracy .902 on the test images; floor of FD(lenet28) .28 at 10 000 a side, 1.3 to 1.9 at 2000."""
    from safetensors.torch import load_file

    data = FashionMNIST(image_shape=(1, 28, 28), root="", download=False, study_steps=1, study_every=1).load()
    assert data.test_labels is not None
    network = LeNet()
    network.load_state_dict(load_file(WEIGHTS))
    test, held_out = data.test / 255.0, data.train[tool.held_out()] / 255.0
    assert tool.accuracy(network, test, data.test_labels.long()) == pytest.approx(0.9019, abs=5e-4)
    with torch.no_grad():
        real, fresh = (torch.cat([network.features(b) for b in x.split(500)]) for x in (test, held_out))
    assert (real.std(0) > 0.0).all()
    assert frechet_distance(statistics(real), fresh) == pytest.approx(0.281, abs=0.01)
    assert 1.2 < frechet_distance(statistics(real[:2000]), fresh[:2000]) < 2.0
