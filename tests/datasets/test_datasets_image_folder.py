from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.errors import ConfigError, DataError


def fill(folder: Path, n: int, size: tuple[int, int] = (20, 30)) -> list[str]:
    """Write n pictures of one colour each, picture i of (i, 100, 200), half of them in a sub-folder."""
    names = [f"{'sub/' if i % 2 else ''}{i:03d}.{'PNG' if i % 3 else 'bmp'}" for i in range(n)]
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        Image.new("RGB", size, (i, 100, 200)).save(folder / name)
    return names


def test_split_follows_the_hash_of_the_name(build, tmp_path):
    names = fill(tmp_path, 60)
    images = build("image_folder", root=str(tmp_path), test_share=0.25).load()
    test = {i for i, n in enumerate(names) if hashlib.sha256(n.encode()).digest()[0] < 64}  # a quarter of 256
    assert set(images.test[:, 0, 0, 0].tolist()) == test
    assert sorted(images.train[:, 0, 0, 0].tolist()) == sorted(set(range(60)) - test)
    assert images.train.shape[1:] == (3, 64, 64)
    assert images.train.dtype == torch.uint8
    assert images.train[0, :, 9, 9].tolist()[1:] == [100, 200]


def test_order_is_by_name_and_split_stays_when_pictures_come(build, tmp_path):
    dataset = build("image_folder", root=str(tmp_path), test_share=0.5, image_shape=[3, 2, 2])
    fill(tmp_path, 20)
    before = dataset.load()
    assert before.content_hash == dataset.load().content_hash
    order = sorted(fill(tmp_path, 20))
    reds = [int(Path(name).stem) for name in order]
    seen = before.train[:, 0, 0, 0].tolist()
    assert seen == [red for red in reds if red in seen]
    fill(tmp_path, 40)
    after = dataset.load()
    assert set(seen) == {red for red in after.train[:, 0, 0, 0].tolist() if red < 20}
    assert after.content_hash != before.content_hash


def test_crop_is_central_and_resize_keeps_a_constant(build, tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 250  # the central square
    for i in range(12):
        Image.fromarray(wide).save(tmp_path / f"{i}.png")
    images = build("image_folder", root=str(tmp_path), test_share=0.5, image_shape=[3, 5, 5]).load()
    assert (images.train == 250).all()


def test_gray(build, tmp_path):
    fill(tmp_path, 30)
    images = build("image_folder", root=str(tmp_path), test_share=0.3, image_shape=[1, 8, 6]).load()
    assert images.train.shape[1:] == (1, 8, 6)
    first = round(0.587 * 100 + 0.114 * 200)  # of picture 0, whose red is 0
    assert first in torch.cat([images.train, images.test])[:, 0, 0, 0].tolist()


def test_other_and_hidden_files_are_left_aside(build, tmp_path):
    fill(tmp_path, 30)
    whole = build("image_folder", root=str(tmp_path), image_shape=[3, 2, 2]).load()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".thumbs").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / ".thumbs/a.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "._b.png")
    again = build("image_folder", root=str(tmp_path), image_shape=[3, 2, 2]).load()
    assert again.content_hash == whole.content_hash


def test_no_root_no_folder_no_pictures(build, tmp_path):
    with pytest.raises(DataError, match=r"name it with dataset.root=FOLDER"):
        build("image_folder").load()
    with pytest.raises(DataError, match=r"nowhere is not a folder; .*dataset.root=FOLDER"):
        build("image_folder", root=str(tmp_path / "nowhere")).load()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"holds no pictures \(1 other files; known: .bmp, .jpeg"):
        build("image_folder", root=str(tmp_path)).load()


def test_too_few_pictures_for_two_splits(build, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "only.png")
    with pytest.raises(DataError, match=r"of 1 pictures fall to the test split; .*dataset.test_share"):
        build("image_folder", root=str(tmp_path)).load()


def test_damaged_picture_is_named(build, tmp_path):
    names = fill(tmp_path, 30)
    (tmp_path / names[7]).write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=f"{names[7]} cannot be decoded"):
        build("image_folder", root=str(tmp_path)).load()


@pytest.mark.parametrize("shape", [[2, 8, 8], [3, 8], [3, 0, 8]])
def test_shapes_that_are_no_images(build, shape):
    with pytest.raises(ConfigError, match=r"dataset.image_shape must be"):
        build("image_folder", image_shape=shape)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_shares_that_leave_a_split_empty(build, share):
    with pytest.raises(ConfigError, match=r"dataset.test_share must lie"):
        build("image_folder", test_share=share)
