"""The study's losses against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import norm
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ganbench.losses.classic import LeastSquares, Minimax, NonSaturating, Wasserstein
from ganbench.tree import stack

ZERO = torch.zeros(5)
LOGITS = torch.linspace(-6.0, 6.0, 9)
STUDY_LS = {"on_probability": True, "real_label": 1.0, "fake_label": 0.0, "target": 1.0}
ALL = [Minimax(), NonSaturating(), LeastSquares(**STUDY_LS), Wasserstein()]


def quantiles(mean: float) -> Tensor:
    """Stand for draws of N(mean, 1): the midpoints' quantiles integrate smooth functions."""
    grid = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    return torch.from_numpy(norm.ppf(grid.numpy())) + mean


def slope(loss: Minimax | NonSaturating, logit: float) -> float:
    return torch.func.grad(lambda fake: loss.generator(ZERO, fake))(torch.tensor([logit])).item()


def test_an_undecided_critic_loses_two_log_two() -> None:
    for loss in (Minimax(), NonSaturating()):
        assert loss.discriminator(ZERO, ZERO).item() == pytest.approx(2 * math.log(2))
    assert Minimax().generator(ZERO, ZERO).item() == pytest.approx(-math.log(2))
    assert NonSaturating().generator(ZERO, ZERO).item() == pytest.approx(math.log(2))


def test_minimax_saturates_where_non_saturating_does_not() -> None:
    assert slope(Minimax(), -10.0) == pytest.approx(-4.5398e-5, rel=1e-4)
    assert slope(NonSaturating(), -10.0) == pytest.approx(-0.9999546, rel=1e-6)
    assert slope(NonSaturating(), 10.0) == pytest.approx(-4.5398e-5, rel=1e-4)


def test_both_cross_entropies_share_the_critics_loss_bit_for_bit() -> None:
    fake = LOGITS.flip(0) * 0.7
    expected = binary_cross_entropy_with_logits(LOGITS, torch.ones(9)) + binary_cross_entropy_with_logits(
        fake, torch.zeros(9)
    )
    assert Minimax().discriminator(LOGITS, fake).item() == pytest.approx(expected.item())
    assert torch.equal(Minimax().discriminator(LOGITS, fake), NonSaturating().discriminator(LOGITS, fake))


def test_cross_entropy_is_finite_and_exact_at_extreme_logits() -> None:
    high, low = torch.full((4,), 1e4), torch.full((4,), -1e4)
    assert Minimax().discriminator(low, high).item() == 2e4
    assert Minimax().discriminator(high, low).item() == 0.0


def test_the_best_critic_reaches_the_jensen_shannon_value() -> None:
    """For p = N(0, 1) and q = N(1, 1), l* = ½ − x and −L_D = −log 4 + 2 JSD = −1.163450."""
    loss = Minimax().discriminator(0.5 - quantiles(0.0), 0.5 - quantiles(1.0))
    assert loss.item() == pytest.approx(1.163450, abs=2e-5)


def test_least_squares_on_probabilities_and_on_scores() -> None:
    prob, score = LeastSquares(**STUDY_LS), LeastSquares(**{**STUDY_LS, "on_probability": False})
    assert prob.discriminator(ZERO, ZERO).item() == pytest.approx(0.25)  # D = ½
    assert prob.generator(ZERO, ZERO).item() == pytest.approx(0.125)
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 2.0])
    assert score.discriminator(real, fake).item() == pytest.approx(0.5 * (0 + 4) / 2 + 0.5 * (1 + 4) / 2)
    assert score.generator(real, fake).item() == pytest.approx(0.5 * (4 + 1) / 2)


def test_least_squares_with_centred_labels_measures_chi_squared() -> None:
    """With labels (−1, 1, 0) and D* = (p − q)/(p + q): ½ (E_p + E_q) D*² = ½ χ²(p + q ‖ 2q) = 0.204054."""
    loss = LeastSquares(on_probability=False, real_label=1.0, fake_label=-1.0, target=0.0)
    real, fake = (torch.tanh((0.5 - quantiles(mean)) / 2) for mean in (0.0, 1.0))
    assert (loss.generator(fake, real) + loss.generator(real, fake)).item() == pytest.approx(
        0.204054, abs=1e-5
    )
    better = loss.discriminator(real, fake)
    assert all(better < loss.discriminator(real + shift, fake + shift) for shift in (-0.05, 0.05))


def test_wasserstein_is_the_mean_difference_and_ignores_constants() -> None:
    """The critic x ↦ x is exactly 1-Lipschitz and optimal between N(3, 1) and N(1, 1): distance 2."""
    real, fake = quantiles(3.0), quantiles(1.0)
    loss = Wasserstein()
    assert loss.discriminator(real, fake).item() == pytest.approx(-2.0)
    assert loss.discriminator(real + 5.0, fake + 5.0).item() == pytest.approx(-2.0)
    assert loss.generator(real, fake).item() == pytest.approx(-1.0)


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: type(loss).__name__)
def test_better_scores_lower_both_losses_and_real_scores_do_not_reach_the_generator(loss: Minimax) -> None:
    real, fake = torch.tensor([0.2, -0.3]), torch.tensor([0.1, -0.5])
    assert loss.discriminator(real + 0.1, fake) < loss.discriminator(real, fake)
    assert loss.discriminator(real, fake - 0.1) < loss.discriminator(real, fake)
    assert loss.generator(real, fake + 0.1) < loss.generator(real, fake)
    assert not loss.generator_sees_real
    assert torch.equal(loss.generator(real, fake), loss.generator(fake, fake))


def test_labels_batch_over_lanes() -> None:
    losses = [LeastSquares(**{**STUDY_LS, "real_label": label}) for label in (0.9, 1.0)]
    real, fake = torch.rand(2, 6), torch.rand(2, 6)
    packed = torch.vmap(lambda loss, r, f: loss.discriminator(r, f))(stack(losses), real, fake)
    solo = torch.stack([loss.discriminator(r, f) for loss, r, f in zip(losses, real, fake, strict=True)])
    torch.testing.assert_close(packed, solo)
    assert packed[0] != packed[1]
