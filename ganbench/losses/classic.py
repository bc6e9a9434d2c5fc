"""The adversarial losses of the study, on scores l(x) of real and l(G(z)) of generated samples, each [B].

Here D(x) = σ(l(x)), σ is the logistic function and softplus(t) = log(1 + eᵗ). All are batch means, minimised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.tree import component

if TYPE_CHECKING:
    from torch import Tensor


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """Return −E log D(x) − E log(1 − D(G(z))) from logits."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


@component
class Minimax:
    """The two-player game of Goodfellow et al. 2014 (arXiv 1406.2661, eq. 1), whose generator saturates.

    L_D = E softplus(−l(x)) + E softplus(l(G(z))), L_G = −E softplus(l(G(z))) = E log(1 − D(G(z))).
    """

    generator_sees_real: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return L_D, scalar."""
        return _cross_entropy(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG002  (the protocol's argument)
        """Return L_G, scalar."""
        return -F.softplus(fake).mean()


@component
class NonSaturating:
    """Minimax for the critic, −E log D(G(z)) for the generator (Goodfellow et al. 2014, arXiv 1406.2661, §3).

    L_D = E softplus(−l(x)) + E softplus(l(G(z))), L_G = E softplus(−l(G(z))).
    """

    generator_sees_real: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return L_D, scalar."""
        return _cross_entropy(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG002  (the protocol's argument)
        """Return L_G, scalar."""
        return F.softplus(-fake).mean()


@component
class LeastSquares:
    """Squared distance to labels (Mao et al. 2016, arXiv 1611.04076, eq. 2).

    L_D = ½ E(y(x) − real_label)² + ½ E(y(G(z)) − fake_label)², L_G = ½ E(y(G(z)) − target)². The labels are
    the paper's b, a, c, in the study 1, 0, 1. Its code has y = D = σ(l) (`on_probability`), the paper y = l.
    """

    generator_sees_real: ClassVar[bool] = False

    on_probability: bool
    real_label: float
    fake_label: float
    target: float

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return L_D, scalar."""
        return self._error(real, self.real_label) + self._error(fake, self.fake_label)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG002  (the protocol's argument)
        """Return L_G, scalar."""
        return self._error(fake, self.target)

    def _error(self, scores: Tensor, label: float) -> Tensor:
        output = scores.sigmoid() if self.on_probability else scores
        return 0.5 * (output - label).square().mean()


@component
class Wasserstein:
    """The dual of the Wasserstein-1 distance (Arjovsky et al. 2017, arXiv 1701.07875, eq. 2).

    L_D = E l(G(z)) − E l(x), L_G = −E l(G(z)); a penalty or weight clipping holds the critic Lipschitz.
    """

    generator_sees_real: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return L_D, scalar."""
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG002  (the protocol's argument)
        """Return L_G, scalar."""
        return -fake.mean()
