"""Sharpness by hand, against numpy, and what moves it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.errors import ConfigError
from ganbench.metrics.sharpness import Sharpness, gradient_energy
from ganbench.protocols import Samples
from ganbench.rng import Rng

RNG = Rng.of(0, "sharpness")
METRIC = Sharpness(space="pixels", directions={"sharpness": "max", "sharpness_gap": "min"}, at="every")


def pictures(name: str, n: int = 16) -> Tensor:
    """Images with edges: squares of random brightness."""
    return F.interpolate(RNG.uniform(name, (n, 1, 4, 4)), scale_factor=4.0)


def score(real: Tensor, fake: Tensor) -> dict[str, float]:
    return METRIC(Samples(images=real), Samples(images=fake))


def test_the_energy_of_a_ramp_and_of_a_checkerboard_by_hand() -> None:
    ramp = (torch.arange(5.0) / 10.0).view(1, 1, 5, 1).expand(1, 1, 5, 4)  # differs downwards only, by 0.1
    board = (torch.arange(4)[:, None] + torch.arange(4)).remainder(2).float().view(1, 1, 4, 4)
    energies = gradient_energy(torch.cat([ramp[:, :, :4], board]))
    assert energies.tolist() == pytest.approx([0.005, 1.0])


def test_the_energy_is_numpys() -> None:
    images = RNG.uniform("colour", (3, 2, 5, 7))
    x = images.double().numpy()
    expected = [(np.diff(i, axis=1) ** 2).mean() / 2 + (np.diff(i, axis=2) ** 2).mean() / 2 for i in x]
    assert gradient_energy(images).tolist() == pytest.approx(expected, rel=1e-12)


def test_white_noise_adds_twice_its_variance() -> None:
    noise = 0.1 * RNG.normal("noise", (64, 1, 32, 32))
    assert gradient_energy(0.5 + noise).mean().item() == pytest.approx(0.02, rel=0.02)


def test_blur_lowers_it_noise_raises_it_and_both_widen_the_gap() -> None:
    real = pictures("real")
    blurred = F.avg_pool2d(real, 3, 1, 1, count_include_pad=False)
    noisy = real + 0.2 * RNG.normal("noise", tuple(real.shape))
    same, soft, rough = (score(real, fake) for fake in (real, blurred, noisy))
    assert soft["sharpness"] < same["sharpness"] < rough["sharpness"]
    assert same["sharpness_gap"] == 0.0
    for other in (soft, rough):
        assert other["sharpness_gap"] == pytest.approx(abs(other["sharpness"] - same["sharpness"]))


def test_more_images_than_a_batch_are_all_counted() -> None:
    fake = torch.cat([torch.zeros(1024, 1, 16, 16), pictures("last", 1024)])
    assert score(fake, fake)["sharpness"] == pytest.approx(gradient_energy(fake).mean().item())


def test_samples_that_are_not_finite_have_no_score_and_vectors_are_refused() -> None:
    real, broken = pictures("real"), pictures("real").clone()
    broken[3, 0, 0, 0] = torch.inf
    assert all(np.isnan(value) for value in score(real, broken).values())
    with pytest.raises(ConfigError, match="not vectors"):
        score(torch.zeros(8, 2), torch.zeros(8, 2))
