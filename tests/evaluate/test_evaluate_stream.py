"""Streams: batches of what is there, one at a time, under a hash of exactly that."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganbench.errors import DataError
from ganbench.evaluate.source import Item
from ganbench.evaluate.stream import Stream, listed, open_source

Array = np.ndarray
Write = Callable[..., Path]


def nothing(_: float) -> None: ...


def stream(path: Path, chosen: Sequence[int] | None = None, *, skip_bad: bool = False) -> Stream:
    source = open_source(path)
    return Stream(
        source, range(source.count) if chosen is None else chosen, skip_bad=skip_bad, on_done=nothing
    )


def test_batches_are_the_images_in_zero_to_one(images: Array, folder: Write, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", images)
    for path in (tmp_path / "x.npy", folder(images)):
        done: list[float] = []
        batches = list(stream(path).batches(16, done.append))
        assert [len(batch) for batch in batches] == [16, 16, 8]
        found = torch.cat(batches)
        assert found.dtype == torch.float32
        assert torch.equal(found, torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0)
        assert done[-1] == 40


class Counted:
    """A source that counts how many of its decoded images are alive."""

    path, count, aside, layout = Path("counted"), 100, (), "counted"

    def __init__(self) -> None:
        self.alive = self.most = 0

    def items(self, chosen: Sequence[int]) -> Iterator[Item]:
        return (Item(f"{i}", bytes(1)) for i in chosen)

    def shape(self, item: Item) -> tuple[int, ...]:
        return 1, 2, 2

    def decode(self, item: Item) -> Tensor:
        image = torch.full((1, 2, 2), float(item.name) / 100.0)
        weakref.finalize(image, self.gone)
        self.alive += 1
        self.most = max(self.most, self.alive)
        return image

    def gone(self) -> None:
        self.alive -= 1


def test_no_more_than_one_batch_is_in_memory() -> None:
    source = Counted()
    for batch in Stream(source, range(100), skip_bad=False, on_done=nothing).batches(10, nothing):
        assert len(batch) == 10
    assert source.most <= 10 + 2  # the first image, which the others are held against, and the next one


def change_names(path: Path) -> None:
    (path / "039.png").rename(path / "040.png")


def change_a_byte(path: Path) -> None:
    data = (path / "005.png").read_bytes()
    (path / "005.png").write_bytes(data + b"\0")  # one that no decoder reads


@pytest.mark.parametrize("change", [change_names, change_a_byte, lambda path: (path / "000.png").unlink()])
def test_the_hash_is_of_names_and_bytes(change: Callable[[Path], None], images: Array, folder: Write) -> None:
    path = folder(images)
    before = stream(path).hash
    (path / "notes.txt").write_text("words")
    shutil.copytree(path, path.parent / "elsewhere")
    assert stream(path.parent / "elsewhere").hash == before
    change(path)
    assert stream(path).hash != before


def test_the_hash_tells_subsets_order_and_types_apart(images: Array, tmp_path: Path) -> None:
    kinds = {"x": images, "y": images[::-1], "z": images.reshape(40, 56, 14, 1), "f": (images > 9) / 1.0}
    for name, array in kinds.items():
        np.save(tmp_path / name, array)
    hashes = [stream(tmp_path / f"{name}.npy").hash for name in kinds]
    hashes += [stream(tmp_path / "x.npy", chosen).hash for chosen in ([0, 1], [0, 2], [0, 1, 2])]
    assert len(set(hashes)) == len(hashes)


def test_what_changes_while_it_is_read_is_refused(images: Array, folder: Write) -> None:
    path = folder(images)
    looked_over = stream(path)
    Image.fromarray(images[0, :, :, 0]).save(path / "030.png")
    with pytest.raises(DataError, match="changed while it was read"):
        list(looked_over.batches(16, nothing))


@pytest.fixture
def flawed(images: Array, folder: Write) -> Path:
    path = folder(images[:10])
    (path / "002.png").write_bytes(b"no picture")
    Image.fromarray(images[0, :14, :, 0]).save(path / "000.png")
    Image.fromarray(images[0].repeat(3, 2)).save(path / "007.png")
    return path


def test_bad_images_are_an_error_that_names_and_counts_them(flawed: Path) -> None:
    batches = stream(flawed).batches(1, nothing)
    seen: list[Tensor] = []
    with pytest.raises(DataError) as caught:
        seen.extend(batches)  # keeps what came before the error
    assert str(caught.value) == (
        f"{flawed}: 3 of 10 images cannot be scored: 000.png is 14×28×1, not 28×28×1 as most, 002.png cannot be "
        "decoded (no known format), 007.png is 28×28×3, not 28×28×1 as most; mend or remove them, or add --skip-bad"
    )
    assert seen == []


def test_bad_images_can_be_skipped(flawed: Path, images: Array) -> None:
    skipping = stream(flawed, skip_bad=True)
    found = torch.cat(list(skipping.batches(4, nothing)))
    assert torch.equal(found, torch.from_numpy(images[[1, 3, 4, 5, 6, 8, 9]]).permute(0, 3, 1, 2) / 255.0)
    assert list(skipping.refused) == ["000.png", "002.png", "007.png"]


def test_long_lists_are_cut() -> None:
    assert listed({str(i): "is bad" for i in range(9)}) == "0 is bad, 1 is bad, 2 is bad, and 6 more"


@pytest.mark.parametrize("different", [False, True])
def test_one_image_over_and_over_is_noticed(different: bool, images: Array, tmp_path: Path) -> None:
    same = images[:1].repeat(20, 0)
    same[13, 2, 3, 0] ^= different
    np.save(tmp_path / "x.npy", same)
    found = stream(tmp_path / "x.npy")
    list(found.batches(8, nothing))
    assert found.identical is not different


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist: name a folder"),
        (
            lambda path: np.save(path.open("wb"), np.ones((1, 4, 4, 1), np.uint8)),
            "holds 1 image: scores need",
        ),
        (
            lambda path: np.save(path.open("wb"), np.ones((0, 4, 4, 1), np.uint8)),
            "holds 0 images: scores need",
        ),
        (lambda path: path.write_text("words"), "is no .npz, .npy or IDX file"),
        (lambda path: path.mkdir(), "holds no pictures"),
    ],
)
def test_what_cannot_be_scored_is_refused(make: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(DataError, match=message):
        open_source(tmp_path / "x")
