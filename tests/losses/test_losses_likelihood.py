"""Likelihoods against torch.distributions and a model whose evidence is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli as BernoulliLaw
from torch.distributions import Normal

from ganbench.losses.likelihood import Bernoulli, Gaussian
from ganbench.tree import stack


def test_bernoulli_sums_over_pixels_and_channels_and_averages_the_batch() -> None:
    pixels = (torch.rand(4, 3, 5, 6) > 0.5).float()
    logits = 3.0 * torch.randn(4, 3, 5, 6)
    expected = BernoulliLaw(logits=logits).log_prob(pixels).sum(dim=(1, 2, 3)).mean()
    assert Bernoulli(channel_mean=False).log_prob(pixels, logits).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    third = Bernoulli(channel_mean=True).log_prob(pixels, logits).item()
    assert third == pytest.approx(expected.item() / 3, rel=1e-5)


def test_bernoulli_takes_fractions() -> None:
    x, p = 0.3, 0.8
    logits = torch.full((2, 1, 1, 1), math.log(p / (1 - p)))
    value = Bernoulli(channel_mean=True).log_prob(torch.full((2, 1, 1, 1), x), logits)
    assert value.item() == pytest.approx(0.3 * math.log(0.8) + 0.7 * math.log(0.2), rel=1e-5)


def test_bernoulli_is_exact_where_probabilities_round_to_one() -> None:
    """At logit 50 the probability is 1 in float32, yet a black pixel costs exactly 50 nats."""
    logits = torch.full((1, 1, 1, 2), 50.0)
    value = Bernoulli(channel_mean=True).log_prob(torch.tensor([[[[0.0, 1.0]]]]), logits)
    assert value.item() == pytest.approx(-50.0)


def test_bernoulli_samples_are_probabilities() -> None:
    logits = torch.tensor([0.0, math.log(3.0)])
    torch.testing.assert_close(Bernoulli(channel_mean=True).mean(logits), torch.tensor([0.5, 0.75]))


def test_gaussian_agrees_with_torch() -> None:
    x, output = torch.randn(7, 2), torch.randn(7, 2)
    expected = Normal(output, 0.05).log_prob(x).sum(dim=1).mean()
    assert Gaussian(sd=0.05).log_prob(x, output).item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.equal(Gaussian(sd=0.05).mean(output), output)


def test_evidence_of_a_linear_gaussian_model_is_the_bound_at_the_exact_posterior() -> None:
    """x = 1.3 z + N(0, 0.4), x = 0.9: log p(x|z) + log p(z) − log q(z|x) = log N(x; 0, 2.09) for every z."""
    w, variance, x = 1.3, 0.4, 0.9
    precision = 1.0 + w**2 / variance
    posterior = Normal(w * x / variance / precision, precision**-0.5)
    for z in (-2.0, 0.0, 0.7):
        fit = Gaussian(sd=math.sqrt(variance)).log_prob(torch.tensor([[x]]), torch.tensor([[w * z]]))
        bound = fit + Normal(0.0, 1.0).log_prob(torch.tensor(z)) - posterior.log_prob(torch.tensor(z))
        assert bound.item() == pytest.approx(-1.481300, abs=2e-6)


def test_gaussian_batches_over_its_standard_deviation() -> None:
    laws = [Gaussian(sd=sd) for sd in (0.05, 0.5)]
    x, output = torch.randn(2, 6, 2), torch.randn(2, 6, 2)
    packed = torch.vmap(lambda law, a, b: law.log_prob(a, b))(stack(laws), x, output)
    solo = torch.stack([law.log_prob(a, b) for law, a, b in zip(laws, x, output, strict=True)])
    torch.testing.assert_close(packed, solo)


def test_bernoulli_batches_and_differentiates() -> None:
    """∂ log p / ∂ logit = x − σ(logit), over batch and channels."""
    law = Bernoulli(channel_mean=True)
    x, logits = torch.rand(2, 4, 3, 2, 2), torch.randn(2, 4, 3, 2, 2)
    grads = torch.vmap(torch.func.grad(law.log_prob, argnums=1))(x, logits)
    torch.testing.assert_close(grads, (x - logits.sigmoid()) / 12)
