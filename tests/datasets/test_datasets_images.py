from __future__ import annotations

import gzip
import hashlib
import struct
from http.client import HTTPException

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.datasets.images import assemble, content_hash, decode, find, pixels, read_idx, staging
from ganbench.errors import DataError


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def digits() -> np.ndarray:
    return np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_plain_and_zipped(tmp_path, digits, pack):
    (tmp_path / "x").write_bytes(pack(idx(digits)))
    read = read_idx(tmp_path / "x", 3)
    assert read.dtype == torch.uint8
    assert read.tolist() == digits.tolist()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: data[:-1], "truncated or too long"),
        (lambda data: data + b"0", "truncated or too long"),
        (lambda data: data[:9], "truncated or too long"),
        (lambda data: b"", "begins with nothing"),
        (lambda data: b"<html>", "begins with 3c 68 74 6d"),
        (lambda data: b"\0\0\x0d" + data[3:], "no IDX file of 3-d bytes"),
        (lambda data: gzip.compress(data)[:-9], "damaged"),
        (lambda data: gzip.compress(data)[:12] + bytes(40), "damaged"),
        (lambda data: gzip.compress(data)[:10] + b"\xff" * 40, "damaged"),
    ],
)
def test_idx_refuses_and_names_the_file(tmp_path, digits, spoil, says):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(spoil(idx(digits)))
    with pytest.raises(DataError, match=says) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_idx_refuses_another_number_of_dimensions(tmp_path, digits):
    (tmp_path / "x").write_bytes(idx(digits))
    with pytest.raises(DataError, match="no IDX file of 1-d bytes"):
        read_idx(tmp_path / "x", 1)


def test_content_hash_is_the_sha256_of_names_types_shapes_and_bytes():
    x = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8)
    assert content_hash(train=x) == hashlib.sha256(b"train torch.uint8 [2, 2]\n\1\2\3\4").hexdigest()
    variants = [
        content_hash(train=x),
        content_hash(test=x),
        content_hash(train=x.T),
        content_hash(train=x.reshape(4)),
        content_hash(train=x.to(torch.int8)),
        content_hash(train=x, labels=x[0]),
    ]
    assert len(set(variants)) == len(variants)
    assert content_hash(train=x, labels=None) == variants[0]


def test_assemble_checks_shapes_and_empty_splits():
    x = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    images = assemble("toy", (1, 2, 2), (x, torch.tensor([0, 1, 2], dtype=torch.uint8)), (x[:1], None))
    assert images.train_labels.dtype == torch.int64
    assert images.test_labels is None
    with pytest.raises(DataError, match=r"toy: train images have shape \[1, 2, 2\], .* says \[1, 4, 4\]"):
        assemble("toy", (1, 4, 4), (x, None), (x, None))
    with pytest.raises(DataError, match="toy: the test split holds no images"):
        assemble("toy", (1, 2, 2), (x, None), (x[:0], None))


def test_find_takes_the_first_folder_that_has_all(tmp_path):
    for name in ("a/one", "b/one", "b/two.gz", "c/one", "c/two"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    places = [tmp_path / place for place in "abc"]
    assert find(places, ["one", "two"]) == {"one": tmp_path / "b/one", "two": tmp_path / "b/two.gz"}
    assert find(places, ["three"]) is None


def test_staging_moves_files_whole_and_leaves_nothing_else(tmp_path):
    with staging("toy", str(tmp_path), "raw", "fix") as stage:
        (stage / "raw").mkdir()
        (stage / "raw/x").write_text("whole")
        (stage / "archive").touch()
        assert not (tmp_path / "raw/x").exists()
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == ["raw", "raw/x"]


@pytest.mark.parametrize("kind", [RuntimeError, OSError, HTTPException, ImportError])
def test_staging_turns_trouble_into_one_line(tmp_path, kind):
    with (
        pytest.raises(DataError, match=r"toy could not be downloaded into .* \(no mirror answered\); do it"),
        staging("toy", str(tmp_path), "raw", "do it"),
    ):
        raise kind("no mirror\nanswered\n")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="File exists"), staging("toy", __file__, "raw", "do it"):
        pass


def test_decode_and_pixels(tmp_path):
    colour = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    Image.fromarray(colour).save(tmp_path / "x.png")
    assert pixels(decode(tmp_path / "x.png", "RGB")).tolist() == colour.transpose(2, 0, 1).tolist()
    luma = (colour * [0.299, 0.587, 0.114]).sum(-1)
    gray = pixels(decode(tmp_path / "x.png", "L"))
    assert gray.shape == (1, 2, 4)
    assert np.abs(gray[0].numpy() - luma).max() <= 0.5 + 1e-3


def test_decode_drops_an_opaque_alpha_and_refuses_a_transparent_one(tmp_path):
    rgba = np.full((2, 2, 4), 255, np.uint8)
    rgba[..., 0] = 7
    Image.fromarray(rgba).save(tmp_path / "opaque.png")
    assert pixels(decode(tmp_path / "opaque.png", "RGB"))[:, 0, 0].tolist() == [7, 255, 255]
    rgba[0, 0, 3] = 254
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    with pytest.raises(DataError, match=r"clear.png has transparent pixels"):
        decode(tmp_path / "clear.png", "RGB")


def test_decode_refuses_deep_pixels_and_damage(tmp_path):
    Image.fromarray(np.full((2, 2), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"deep.png has deep pixels"):
        decode(tmp_path / "deep.png", "L")
    noise = np.random.Generator(np.random.Philox(0)).integers(0, 256, (40, 40, 3), np.uint8)
    for kind in ("jpg", "png"):
        whole, cut = tmp_path / f"whole.{kind}", tmp_path / f"cut.{kind}"
        Image.fromarray(noise).save(whole)
        cut.write_bytes(whole.read_bytes()[:-800])
        with pytest.raises(DataError, match=f"cut.{kind} cannot be decoded"):
            decode(cut, "RGB")


def test_decode_refuses_a_broken_chunk(tmp_path):
    noise = np.random.Generator(np.random.Philox(0)).integers(0, 256, (200, 200, 3), np.uint8)
    path = tmp_path / "x.png"
    Image.fromarray(noise).save(path)
    head, *chunks = path.read_bytes().split(b"IDAT")
    path.write_bytes(b"IDAT".join([head, chunks[0]]) + b"????" + chunks[1])
    with pytest.raises(DataError, match=r"x.png cannot be decoded \(broken PNG file"):
        decode(path, "RGB")
