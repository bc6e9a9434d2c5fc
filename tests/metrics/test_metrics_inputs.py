"""What extractors refuse, and how images become what networks read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench.errors import DataError
from ganbench.metrics.inputs import check_values, read_images, to_bytes, to_rgb


def gray(**where: float) -> Tensor:
    images = torch.full((4, 1, 28, 28), 0.5)
    for value in where.values():
        images[1, 0, 3, 4] = value
        images[1, 0, 5, 6] = value
        images[3, 0, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (gray(x=float("nan")), "2 of 4 samples hold NaN or infinity"),
        (gray(x=float("-inf")), "2 of 4 samples hold NaN or infinity"),
        (gray(x=1.01), r"in \[0, 1\], not in \[0.5, 1.01\]: scale them"),
        (gray(x=-1.0), r"not in \[-1, 0.5\]"),
        (gray() * 255.0, "divide by 255"),
        (torch.zeros(4, 1, 28, 28, dtype=torch.uint8), "not torch.uint8: divide by 255"),
        (torch.zeros(4, 4, 28, 28), "1 or 3 channels, not 4x28x28"),
        (torch.zeros(4, 2, 28, 28), "1 or 3 channels, not 2x28x28"),
        (torch.zeros(4, 3, 28, 15), "16x16 or larger, not 3x28x15"),
        (torch.zeros(4, 7), r"reads images \[N, C, H, W\]"),
        (torch.zeros(28, 28, 3), r"reads images \[N, C, H, W\]"),
        (torch.zeros(0, 3, 28, 28), "no samples"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(images: Tensor, words: str) -> None:
    with pytest.raises(DataError, match=f"^toy.*{words}") as caught:
        read_images("toy", images)
    assert "\n" not in str(caught.value)


def test_images_pass_as_float32() -> None:
    images = gray(x=1.0 + 5e-7).double()  # what rounding may leave
    assert torch.equal(read_images("toy", images), images.float())
    assert read_images("toy", torch.ones(2, 3, 16, 40, dtype=torch.float16)).dtype == torch.float32


def test_vectors_have_no_range_but_are_finite() -> None:
    check_values("toy", torch.tensor([[7.0, -3.0]]))
    with pytest.raises(DataError, match="1 of 2 samples"):
        check_values("toy", torch.tensor([[7.0, -3.0], [float("inf"), float("nan")]]))


def test_halves_round_up_and_the_range_is_kept() -> None:
    x = torch.tensor([0.0, 0.49, 0.5, 1.5, 254.5, 255.0, 300.0, -3.0]).reshape(1, 1, 1, 8) / 255.0
    assert to_bytes(x)[0, 2, 0].tolist() == [0, 0, 1, 2, 255, 255, 255, 0]


def test_gray_is_three_equal_channels_and_colour_stays() -> None:
    colour = torch.rand(2, 3, 4, 4)
    assert torch.equal(to_rgb(colour), colour)
    assert torch.equal(to_rgb(colour[:, :1]), colour[:, :1].repeat(1, 3, 1, 1))
