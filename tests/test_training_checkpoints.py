"""Checkpoints that are cut, foreign or garbled: refused, with nothing changed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from packs import distance, identical, pack, train


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A sound checkpoint of an ns_gan after two steps."""
    training = pack("ns_gan")
    train(training, 2)
    training.save(tmp_path / "checkpoint-2.pt", {"best": {}})
    return tmp_path / "checkpoint-2.pt"


def refuses(path: Path, words: str) -> None:
    """Check that a file is refused and leaves the pack as it was, able to train from its start."""
    training, untouched = pack("ns_gan"), pack("ns_gan")
    with pytest.raises(ValueError, match=words):
        training.restore(path)
    assert identical(training.state, untouched.state)
    assert training.progress.step == 0
    train(training, 1), train(untouched, 1)
    assert identical(training.state, untouched.state)


@pytest.mark.parametrize("share", [0.0, 1e-4, 2e-4, 0.01, 0.5, 0.9, 0.99, 0.9999])
def test_a_checkpoint_cut_anywhere_is_refused(whole: Path, share: float) -> None:
    """From nothing over one and three bytes to all but the last."""
    content = whole.read_bytes()
    whole.write_bytes(content[: int(share * len(content))])
    refuses(whole, r"checkpoint-2\.pt is not a whole checkpoint")


@pytest.mark.parametrize("content", [b"\0" * 4096, b"not a checkpoint\n" * 50, b'{"step": 2}', b"\x80\x02"])
def test_a_file_of_another_kind_is_refused(whole: Path, content: bytes) -> None:
    whole.write_bytes(content)
    refuses(whole, "is not a whole checkpoint")


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"leaves": []},
        {"leaves": [1, 2], "step": 1, "seconds": 0.0, "finite": torch.ones(1), "notes": {}},
        {"leaves": None, "step": 1, "seconds": 0.0, "finite": torch.ones(1), "notes": {}},
        torch.zeros(3),
    ],
)
def test_a_torch_file_of_another_kind_is_refused(whole: Path, content: Any) -> None:
    torch.save(content, whole)
    refuses(whole, "is not a whole checkpoint")


@pytest.mark.parametrize("missing", ["step", "seconds", "finite", "leaves", "notes"])
def test_a_checkpoint_lacking_a_part_changes_nothing(whole: Path, missing: str) -> None:
    content = torch.load(whole, weights_only=True)
    torch.save({k: v for k, v in content.items() if k != missing}, whole)
    refuses(whole, "is not a whole checkpoint")


def test_a_checkpoint_of_another_pack_is_refused(whole: Path) -> None:
    others = [pack("vae"), pack("wgan_gp"), pack("ns_gan", lanes=[{}, {}], seeds=[0, 1])]
    others.append(pack("ns_gan", lanes=[{"network.hidden": 9}]))
    for other in others:
        other.save(whole, {})
        refuses(whole, "belongs to another pack")


def test_garbled_checkpoints_never_raise_anything_else(whole: Path) -> None:
    """Sixty files with one byte changed and some zeroed: what can be read is read, the rest is refused."""
    content, dice = whole.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(30):
        at = dice.randrange(len(content))
        garbled = content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
        for bad in (garbled, content[:at] + b"\0" * (len(content) - at)):
            whole.write_bytes(bad)
            try:
                pack("ns_gan").restore(whole)
            except ValueError:
                refused += 1
    assert refused >= 30


def test_a_sound_checkpoint_still_restores_after_a_bad_one(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint-3.pt").write_bytes(whole.read_bytes()[:-100])
    resumed, undisturbed = pack("ns_gan"), pack("ns_gan")
    with pytest.raises(ValueError, match="whole"):
        resumed.restore(tmp_path / "checkpoint-3.pt")
    resumed.restore(whole)
    train(resumed, 2), train(undisturbed, 4)
    assert distance(resumed.state, undisturbed.state) == 0.0
