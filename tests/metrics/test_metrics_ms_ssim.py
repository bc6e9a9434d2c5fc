"""MS-SSIM against pytorch-msssim, scipy and by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pytorch_msssim import ms_ssim as reference
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ganbench.errors import ConfigError
from ganbench.metrics.ms_ssim import C1, C2, MultiScaleSimilarity, gaussian, ms_ssim
from ganbench.protocols import Samples
from ganbench.rng import Rng

WANG = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
RNG = Rng.of(0, "ms_ssim")
FIELDS: dict[str, Any] = {
    "space": "pixels",
    "directions": {"ms_ssim": "min", "ms_ssim_gap": "min"},
    "at": "every",
    "pairs": 200,
    "weights": WANG[:3],
    "window": 7,
    "sigma": 1.5,
    "seed": 0,
}
METRIC = MultiScaleSimilarity(**FIELDS)


def smooth(name: str, n: int, size: int, channels: int = 1) -> Tensor:
    """Images with structure at several scales, float64."""
    drawn = [RNG.uniform(f"{name} {k}", (n, channels, k, k)).double() for k in (4, 8, size)]
    coarse, middle, fine = (F.interpolate(d, size=(size, size), mode="bilinear") for d in drawn)
    return 0.6 * coarse + 0.3 * middle + 0.1 * fine


def by_scipy(x: Tensor, y: Tensor, weights: tuple[float, ...]) -> float:
    """The same of two gray images by scipy's Gaussian filter, cut to where its seven taps fit."""
    value = 1.0
    for scale, weight in enumerate(weights, start=1):
        a, b = x.numpy(), y.numpy()
        means = [gaussian_filter(m, 1.5, truncate=2.0)[3:-3, 3:-3] for m in (a, b, a * a, b * b, a * b)]
        cs = (2 * (means[4] - means[0] * means[1]) + C2) / (
            means[2] + means[3] - means[0] ** 2 - means[1] ** 2 + C2
        )
        luminance = (2 * means[0] * means[1] + C1) / (means[0] ** 2 + means[1] ** 2 + C1)
        mean = (cs * luminance if scale == len(weights) else cs).mean()
        value *= max(mean, 0.0) ** (weight / sum(weights))
        x, y = (m.unfold(0, 2, 2).unfold(1, 2, 2).mean((2, 3)) for m in (x, y))
    return value


def pairs(size: int, channels: int) -> tuple[Tensor, Tensor]:
    """Strangers, and two images that have something in common."""
    x, y = smooth("x", 4, size, channels), smooth("y", 4, size, channels)
    y[:2] = 0.7 * x[:2] + 0.3 * y[:2]
    return x, y


@pytest.mark.parametrize(
    ("size", "channels", "weights", "window"), [(176, 1, WANG, 11), (112, 3, WANG[:3], 7)]
)
def test_it_is_what_pytorch_msssim_gives(
    size: int, channels: int, weights: tuple[float, ...], window: int
) -> None:
    x, y = pairs(size, channels)
    given = {"data_range": 1.0, "size_average": False, "win_size": window, "win_sigma": 1.5}
    theirs = reference(x, y, weights=[w / sum(weights) for w in weights], **given)
    mine = ms_ssim(x, y, weights, gaussian(window, 1.5))
    assert mine.max() - mine.min() > 0.1
    torch.testing.assert_close(mine, theirs.double(), rtol=1e-4, atol=1e-5)


def test_it_is_what_scipys_filter_gives_on_small_images() -> None:
    x, y = pairs(28, 1)
    mine = ms_ssim(x, y, WANG[:3], gaussian(7, 1.5)).tolist()
    assert mine == pytest.approx(
        [by_scipy(a, b, WANG[:3]) for a, b in zip(x[:, 0], y[:, 0], strict=True)], rel=1e-9
    )


def test_flat_images_differ_in_luminance_at_the_last_scale_alone() -> None:
    """l = (2ab + C1) / (a² + b² + C1) to the power of the last weight, divided by the sum of all."""
    a, b = (torch.full((1, 1, 28, 28), v, dtype=torch.float64) for v in (0.2, 0.9))
    luminance = (2 * 0.2 * 0.9 + C1) / (0.2**2 + 0.9**2 + C1)
    value = ms_ssim(a, b, WANG[:3], gaussian(7, 1.5)).item()
    assert value == pytest.approx(luminance ** (0.3001 / (0.0448 + 0.2856 + 0.3001)), rel=1e-9)


def test_an_image_equals_itself_and_is_nothing_like_its_negative() -> None:
    x = smooth("x", 5, 28)
    window = gaussian(7, 1.5)
    assert torch.equal(ms_ssim(x, x, WANG[:3], window), torch.ones(5, dtype=torch.float64))
    assert torch.equal(ms_ssim(x, 1.0 - x, WANG[:3], window), torch.zeros(5, dtype=torch.float64))


def test_two_images_have_one_pair() -> None:
    real, fake = smooth("x", 40, 28), smooth("y", 2, 28)
    values = METRIC(Samples(images=real), Samples(images=fake))
    pair = ms_ssim(fake[:1], fake[1:], WANG[:3], gaussian(7, 1.5)).item()
    assert values["ms_ssim"] == pytest.approx(pair, rel=1e-5)
    reals = METRIC(Samples(images=fake), Samples(images=real))["ms_ssim"]
    assert values["ms_ssim_gap"] == pytest.approx(abs(pair - reals), rel=1e-4)


def test_few_distinct_images_are_alike_and_noise_is_too_diverse() -> None:
    real = smooth("x", 60, 28)
    noise = RNG.uniform("noise", (60, 1, 28, 28))
    few = real[:3].repeat(20, 1, 1, 1)
    values = {k: METRIC(Samples(images=real), Samples(images=v)) for k, v in (("few", few), ("noise", noise))}
    itself = METRIC(Samples(images=real), Samples(images=real.flip(0)))
    assert itself["ms_ssim_gap"] == 0.0
    assert values["noise"]["ms_ssim"] < itself["ms_ssim"] - 0.05 < values["few"]["ms_ssim"] - 0.1
    assert min(v["ms_ssim_gap"] for v in values.values()) > 0.05


def test_copies_of_one_image_score_one_and_nan_scores_nan() -> None:
    real = smooth("x", 10, 28)
    assert METRIC(Samples(images=real), Samples(images=real[:1].expand(10, -1, -1, -1)))["ms_ssim"] == 1.0
    broken = real.clone()
    broken[3, 0, 5, 5] = math.nan
    assert all(map(math.isnan, METRIC(Samples(images=real), Samples(images=broken)).values()))


def test_what_cannot_be_compared_is_refused_in_one_line() -> None:
    real = smooth("x", 4, 28)
    with pytest.raises(ConfigError, match="needs 2 samples a side, not 1"):
        METRIC(Samples(images=real), Samples(images=real[:1]))
    with pytest.raises(ConfigError, match="images, not vectors"):
        METRIC(Samples(images=real.flatten(1)), Samples(images=real.flatten(1)))
    with pytest.raises(ConfigError, match="3 scales under a window of 7 need 28 pixels, not 27x27"):
        METRIC(Samples(images=real[..., 1:, 1:]), Samples(images=real[..., 1:, 1:]))
    with pytest.raises(ConfigError, match="at least one pair"):
        MultiScaleSimilarity(**{**FIELDS, "pairs": 0})
