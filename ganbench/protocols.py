"""The constitution: the signatures every part and procedure keeps. No logic lives here.

Images are float32 in [0, 1] of shape [B, C, H, W], vectors [B, D]; scores are [B]; latents [B, Z].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ganbench.rng import Rng

    Critic: TypeAlias = Callable[[Tensor], Tensor]
    Params: TypeAlias = dict[str, Tensor]
    Logs: TypeAlias = dict[str, Tensor]

OptState: TypeAlias = Any  # a tree of tensors
State: TypeAlias = Any  # a NamedTuple of trees of tensors with at least the fields of Snapshot


class Network(Protocol):
    """A network's description: structure only, hashable; builds the module it describes."""

    def __hash__(self) -> int:
        """Return the hash of its fields: modules are built once per description."""
        ...

    def build(self) -> nn.Module:
        """Return the module; it may be built on the meta device and is called through `functional`."""
        ...


class Prior(Protocol):
    """The law of the latents."""

    @property
    def latent_dim(self) -> int:
        """Return Z."""
        ...

    def draw(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z]."""
        ...

    def clamp(self, latents: Tensor) -> Tensor:
        """Project latents onto the prior's support."""
        ...


class Loss(Protocol):
    """An adversarial pair of losses on critic scores [B]; both are minimised."""

    generator_sees_real: ClassVar[
        bool
    ]  # False: the generator's loss ignores `real`, one forward pass is saved

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's scalar loss."""
        ...

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the generator's scalar loss."""
        ...


class Likelihood(Protocol):
    """The observation model of a variational decoder."""

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Return the batch mean of log p(x | output), scalar."""
        ...

    def mean(self, output: Tensor) -> Tensor:
        """Turn the decoder's output into samples."""
        ...


class Penalty(Protocol):
    """A term added to the critic's loss; its weight is its own field."""

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
        """Return the weighted penalty, scalar."""
        ...


class Transform(Protocol):
    """A map from critics to critics."""

    def __call__(self, critic: Critic, rng: Rng) -> Critic:
        """Return the transformed critic."""
        ...


class Optimizer(Protocol):
    """A pure gradient method; its learning rate may differ from lane to lane."""

    def init(self, params: Params) -> OptState:
        """Return the state before the first update."""
        ...

    def update(self, params: Params, grads: Params, state: OptState) -> tuple[Params, OptState]:
        """Return new parameters and state."""
        ...


class Snapshot(NamedTuple):
    """What sampling needs: generator weights and, for batch norm, standing statistics (empty: batch statistics)."""

    generator: Params
    standing: Params


class Procedure(Protocol):
    """A training recipe with state."""

    batched: ClassVar[bool]

    def init(self, rng: Rng) -> State:
        """Return the state before the first step."""
        ...

    def turn(self, step: int) -> str:
        """Return which networks step number `step` (from 0) updates: `d` or `dg`."""
        ...

    def step(self, state: State, batch: Tensor, rng: Rng, turn: str) -> tuple[State, Logs]:
        """Return the state after one D update (and a G update if `turn` says so), and scalars to log."""
        ...

    def settle(self, state: State, latents: Tensor) -> Snapshot:
        """Return a snapshot whose batch norm uses standing statistics over latents [passes, B, Z]."""
        ...

    def sample(self, state: State | Snapshot, latents: Tensor) -> Tensor:
        """Map latents [B, Z] to samples."""
        ...

    def draw_latents(self, rng: Rng, n: int) -> Tensor:
        """Draw latents [n, Z] from the prior."""
        ...

    def clamp_latents(self, latents: Tensor) -> Tensor:
        """Project latents onto the prior's support."""
        ...


@dataclass(frozen=True)
class Images:
    """A loaded dataset: uint8 [N, C, H, W] or float32 ([N, D] or [N, C, H, W] in [0, 1]) per split."""

    train: Tensor
    test: Tensor
    train_labels: Tensor | None
    test_labels: Tensor | None
    content_hash: str


class Dataset(Protocol):
    """Where images come from; `root` and `download`, if any, are placement and not identity."""

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Return the shape of one image or vector."""
        ...

    def load(self) -> Images:
        """Load or generate the data; raises `DataError` with the fix when it cannot be had."""
        ...


class Manifold(Protocol):
    """A dataset whose support is known."""

    def squared_distance(self, samples: Tensor) -> Tensor:
        """Return each sample's squared Euclidean distance to the support, [N]."""
        ...


class Extractor(Protocol):
    """Images to features; `metrics.stamp` says which, beside every score.

    What changes features is a field or a constant of the class, so that a protocol's id tells settings apart.
    """

    @property
    def name(self) -> str:
        """Return the name under which protocols hold it; errors and stamps use it."""
        ...

    @property
    def preprocessing(self) -> str:
        """Return in words what is done to images before the network."""
        ...

    @property
    def dtype(self) -> str:
        """Return what the network computes in, e.g. `float32`."""
        ...

    def weights_hash(self) -> str:
        """Return the sha256 of the weights, or a fixed word where there are none."""
        ...

    def features(self, images: Tensor) -> Tensor:
        """Map float images in [0, 1] to features [N, F], float32, the same however a caller splits them.

        Raises `DataError` for NaN, values outside [0, 1], and shapes it does not read.
        """
        ...


class Classifier(Extractor, Protocol):
    """An extractor whose features a classifier reads."""

    def probabilities(self, features: Tensor) -> Tensor:
        """Map features [N, F] to class probabilities [N, K], float32."""
        ...


@dataclass(frozen=True)
class Samples:
    """What a metric sees of one side."""

    images: Tensor
    features: Tensor | None = None
    probabilities: Tensor | None = None  # [N, K] of the classifier on these features
    labels: Tensor | None = None
    cache_key: str | None = None  # names this very set of real features; None: not to be cached
    train_images: Tensor | None = None  # of the real side, where a metric needs `train`
    train_features: Tensor | None = None
    manifold: Any = None  # the dataset, where it knows its support
    generator: Callable[[Tensor], Tensor] | None = None  # latents → images, differentiable
    draw_latents: Callable[[str, int], Tensor] | None = None  # (address, n) → latents
    clamp_latents: Callable[[Tensor], Tensor] | None = None


class Metric(Protocol):
    """A score of samples; returns bare names, keyed by scoring as `<name>_<space>` (`f1@3` → `f1_polygons@3`).

    `space` is an extractor's name, or the name of the known support. `directions` says for each bare name
    (without its `@`) whether `min` or `max` is better, or `none`: it describes samples and ranks nothing. `at` is
    `every` checkpoint or `best_last`. Where a metric has `unranked`, these bare names rank no model. A metric uses
    all samples it is given, or the first `n_real` and `n_fake` where it has such fields (`metrics.sets.sizes`).
    """

    needs: ClassVar[frozenset[str]]  # of: features, probabilities, generator, manifold, labels, train

    @property
    def space(self) -> str:
        """Return the extractor's or support's name."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Return the bare names it gives, thresholds included."""
        ...

    @property
    def directions(self) -> Mapping[str, str]:
        """Return `min`, `max` or `none` for each bare name."""
        ...

    @property
    def at(self) -> str:
        """Return `every` or `best_last`."""
        ...

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        """Score `fake` against `real`."""
        ...
