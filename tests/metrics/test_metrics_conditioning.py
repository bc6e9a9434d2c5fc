"""Generator conditioning: closed forms, and torch's reverse mode as an independent reference."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from ganbench.errors import ConfigError
from ganbench.metrics.conditioning import GeneratorConditioning, jacobian, log_spectrum
from ganbench.protocols import Samples
from ganbench.rng import Rng

DIRECTIONS = {"log_condition": "min", "log_condition_sd": "min"}
METRIC = GeneratorConditioning(space="pixels", directions=DIRECTIONS, at="every", n_latents=40)
RNG = Rng.of(0, "conditioning")


def score(generator: Callable[[Tensor], Tensor], latent_dim: int) -> dict[str, float]:
    nothing = torch.zeros(2, 1)
    fake = Samples(
        images=nothing,
        generator=generator,
        draw_latents=lambda address, n: RNG.normal(address, (n, latent_dim)),
    )
    return METRIC(Samples(images=nothing), fake)


def linear(singular: list[float], out: int, latent_dim: int) -> Tensor:
    """A matrix [out, Z] of known singular values."""
    u = torch.linalg.qr(RNG.normal("u", (out, len(singular)))).Q
    v = torch.linalg.qr(RNG.normal("v", (latent_dim, len(singular)))).Q
    return u @ torch.diag(torch.tensor(singular)) @ v.T


@pytest.mark.parametrize(("out", "latent_dim"), [(30, 4), (4, 30)])
def test_a_linear_generator_has_the_condition_number_of_its_matrix(out: int, latent_dim: int) -> None:
    """ln (σ_max / σ_min)² = 2 ln 10 everywhere, also where samples have fewer dimensions than latents."""
    matrix = linear([5.0, 2.0, 1.0, 0.5], out, latent_dim)
    values = score(lambda z: (z @ matrix.T).view(len(z), 1, 2, -1), latent_dim)
    assert values["log_condition"] == pytest.approx(2.0 * math.log(10.0), rel=1e-5)
    assert values["log_condition_sd"] == pytest.approx(0.0, abs=1e-6)
    spectrum = log_spectrum(lambda z: z @ matrix.T, RNG.normal("z", (40, latent_dim)))
    assert spectrum.shape == (40, 4)
    assert spectrum[17].exp().tolist() == pytest.approx([25.0, 4.0, 1.0, 0.25], rel=1e-4)


def test_an_isometry_is_perfectly_conditioned() -> None:
    matrix = linear([3.0] * 6, 20, 6)
    assert score(lambda z: z @ matrix.T, 6)["log_condition"] == pytest.approx(0.0, abs=1e-5)


def test_mean_and_spread_where_the_jacobian_varies() -> None:
    """G(z) = (sinh z₁, sinh z₂) has J = diag(cosh z)."""
    values = score(torch.sinh, 2)
    logs = 2.0 * RNG.normal("conditioning", (40, 2)).double().cosh().log()
    expected = (logs[:, 0] - logs[:, 1]).abs()
    assert values["log_condition"] == pytest.approx(expected.mean().item(), rel=1e-5)
    assert values["log_condition_sd"] == pytest.approx(expected.std().item(), rel=1e-5)


def test_the_jacobian_of_a_convolutional_generator_is_that_of_reverse_mode() -> None:
    layers = [nn.Linear(5, 18), nn.BatchNorm1d(18), nn.Unflatten(1, (2, 3, 3))]
    network = nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.ConvTranspose2d(2, 1, 4, 2), nn.Sigmoid()).eval()
    for index, parameter in enumerate(network.parameters()):
        parameter.data = RNG.normal(f"parameter {index}", tuple(parameter.shape))
    z = RNG.normal("z", (7, 5))
    reference = vmap(jacrev(lambda one: network(one[None]).flatten()))(z)
    with torch.no_grad():  # as in scoring
        torch.testing.assert_close(jacobian(network, z), reference, rtol=1e-4, atol=1e-6)


def test_generators_that_do_not_move_get_the_worst_that_single_precision_tells() -> None:
    worst = -2.0 * math.log(torch.finfo(torch.float32).eps * 8)
    assert score(lambda z: 0.0 * z.repeat(1, 2), 4)["log_condition"] == pytest.approx(worst, rel=1e-6)
    assert score(lambda z: z[:, :1].repeat(1, 8), 4)["log_condition"] == pytest.approx(worst, rel=1e-6)


def test_nan_weights_score_nan() -> None:
    assert all(map(math.isnan, score(lambda z: math.nan * z, 3).values()))


def test_fewer_than_two_latents_are_refused_and_so_are_samples_without_a_generator() -> None:
    with pytest.raises(ConfigError, match="two latents: raise n_latents"):
        GeneratorConditioning(space="pixels", directions=DIRECTIONS, at="every", n_latents=1)
    with pytest.raises(TypeError, match="carry their generator"):
        METRIC(Samples(images=torch.zeros(2, 1)), Samples(images=torch.zeros(2, 1)))
