from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.datasets import celeba
from ganbench.errors import ConfigError, DataError


def picture(red: int = 0, size: tuple[int, int] = (178, 218)) -> Image.Image:
    """A constant red, a green ramp along columns, a blue ramp along rows."""
    column, row = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return Image.fromarray(np.stack([np.full_like(row, red), column, row], -1).astype(np.uint8))


def write(folder: Path, parts: str) -> None:
    """Write lossless pictures under the published names, picture i being of red i."""
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{i + 1:06d}.jpg" for i in range(len(parts))]
    for i, name in enumerate(names):
        picture(i).save(folder / "img_align_celeba" / name, format="png")
    lines = [f"{name} {part}\n" for name, part in zip(names, parts, strict=True)]
    (folder / "list_eval_partition.txt").write_text("".join(lines))


@pytest.mark.parametrize("layout", [".", "celeba"])
def test_study_split(build, tmp_path, monkeypatch, layout):
    write(tmp_path / layout, "00010211")
    monkeypatch.setattr(celeba, "TEST_SIZE", 2)
    images = build("celeba", root=str(tmp_path)).load()
    assert images.train.shape == (4, 3, 64, 64)
    assert images.train.dtype == torch.uint8
    assert images.train[:, 0, 0, 0].tolist() == [0, 1, 2, 4]
    assert images.test[:, 0, 0, 0].tolist() == [3, 6]  # the first two for validation; none of the test split
    assert images.train_labels is None
    assert celeba.TEST_SIZE == 2


def test_crop_and_grid(tmp_path):
    """On a ramp the grid is plain: target j sees source 2.5 j past the crop's edge at (9, 29)."""
    picture().save(tmp_path / "face.png")
    face = celeba.prepare(tmp_path / "face.png", (64, 64))
    j = torch.arange(64)
    assert torch.equal(face[1, 17].float(), (9 + 2.5 * j).round())
    assert torch.equal(face[2, :, 17].float(), (29 + 2.5 * j).round())


def test_resize_by_hand():
    image = torch.tensor([[[0.0, 10.0, 20.0, 40.0, 80.0]]])
    assert celeba.resize_tf1(image, (1, 2)).tolist() == [[[0.0, 30.0]]]  # at 0 and 2.5
    assert celeba.resize_tf1(image.mT, (2, 1)).tolist() == [[[0.0], [30.0]]]
    assert celeba.resize_tf1(torch.tensor([[[0.0, 8.0]]]), (1, 4)).tolist() == [[[0.0, 4.0, 8.0, 8.0]]]


def test_resize_is_not_torch_s_grid():
    image = torch.rand(3, 160, 160, generator=torch.Generator().manual_seed(0)) * 255
    half_pixel = torch.nn.functional.interpolate(image[None], (64, 64), mode="bilinear")[0]
    assert (celeba.resize_tf1(image, (64, 64)) - half_pixel).abs().max() > 10


def test_missing_says_where_to_get_it(build, tmp_path):
    with pytest.raises(DataError, match="is empty") as caught:
        build("celeba", root=str(tmp_path)).load()
    for word in ("mmlab.ie.cuhk.edu.hk", "img_align_celeba.zip", "list_eval_partition.txt", "dataset.root="):
        assert word in str(caught.value)
    (tmp_path / "list_eval_partition.txt").touch()
    with pytest.raises(DataError, match=r"lacks img_align_celeba; dataset.download has no effect"):
        build("celeba", root=str(tmp_path), download=True).load()


def test_damaged_list(build, tmp_path):
    write(tmp_path, "01")
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.j")
    with pytest.raises(DataError, match=r"list_eval_partition.txt, line 2: '000002.j' is not"):
        build("celeba", root=str(tmp_path)).load()
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    with pytest.raises(DataError, match="the test split holds no images"):
        build("celeba", root=str(tmp_path)).load()


def test_pictures_missing_damaged_or_of_another_size(build, tmp_path):
    write(tmp_path, "01")
    path = tmp_path / "img_align_celeba/000002.jpg"
    picture(size=(64, 64)).save(path, format="png")
    with pytest.raises(DataError, match=r"000002.jpg is 64×64"):
        build("celeba", root=str(tmp_path)).load()
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"000002.jpg cannot be decoded"):
        build("celeba", root=str(tmp_path)).load()
    path.unlink()
    with pytest.raises(DataError, match=r"000002.jpg cannot be decoded .*No such file"):
        build("celeba", root=str(tmp_path)).load()


def test_shape_must_be_colour(build):
    with pytest.raises(ConfigError, match=r"dataset.image_shape must be \[3, H, W\]"):
        build("celeba", image_shape=[1, 64, 64])
