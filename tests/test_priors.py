"""The laws of the latents."""

from __future__ import annotations

import pytest
import torch

from ganbench.priors import Normal, Uniform
from ganbench.rng import Rng
from ganbench.tree import stack


def test_uniform_fills_its_interval() -> None:
    prior = Uniform(latent_dim=64, low=-1.0, high=3.0)
    latents = prior.draw(Rng.of(0), 2000)
    assert latents.shape == (2000, 64)
    assert latents.mean().item() == pytest.approx(1.0, abs=0.01)
    assert latents.var().item() == pytest.approx(16 / 12, rel=0.01)
    assert -1.0 <= latents.min() < -0.999
    assert 2.999 < latents.max() < 3.0
    assert prior.clamp(torch.tensor([-2.0, 0.5, 4.0])).tolist() == [-1.0, 0.5, 3.0]


def test_normal_is_standard_and_has_no_edge() -> None:
    prior = Normal(latent_dim=64)
    latents = prior.draw(Rng.of(0), 2000)
    assert latents.shape == (2000, 64)
    assert latents.mean().item() == pytest.approx(0.0, abs=0.01)
    assert latents.std().item() == pytest.approx(1.0, rel=0.01)
    far = torch.tensor([-9.0, 9.0])
    assert torch.equal(prior.clamp(far), far)


@pytest.mark.parametrize("prior", [Uniform(latent_dim=3, low=-1.0, high=1.0), Normal(latent_dim=3)])
def test_lanes_draw_as_they_would_alone(prior: Uniform | Normal) -> None:
    rngs = [Rng.of(seed) for seed in (1, 2)]
    packed = torch.vmap(lambda p, rng: p.draw(rng, 5))(stack([prior, prior]), Rng.stack(rngs))
    for lane, rng in enumerate(rngs):
        assert torch.equal(packed[lane], prior.draw(rng, 5))
    assert not torch.equal(packed[0], packed[1])
