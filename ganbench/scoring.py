"""From a lane's weights to scores under a protocol: standing statistics, samples, features once, then metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from ganbench.batches import as_float
from ganbench.devices import placed
from ganbench.errors import ConfigError
from ganbench.identity import digest
from ganbench.instantiation import instantiate
from ganbench.metrics.stamp import stamp
from ganbench.protocols import Classifier, Extractor, Images, Metric, Procedure, Samples, Snapshot, State
from ganbench.rng import Rng
from ganbench.tree import leaves

CHUNK = 512  # images generated or featurised at once; fixed, since batch size moves the last digits
SCHEDULES = ("every", "best_last")  # of metrics: checkpoints at which they are computed
SHOWN = {True: 64, False: 512}  # samples kept for pictures: images, vectors


def metric_key(name: str, space: str) -> str:
    """Join a metric's bare name and its space: (`f1@3`, polygons) → `f1_polygons@3`."""
    bare, at, threshold = name.partition("@")
    return f"{bare}_{space}{at}{threshold}"


@dataclass(frozen=True)
class Fakes:
    """What one generator gave."""

    images: Tensor
    settled: Snapshot | None


class Scorer:
    """A protocol bound to a dataset: everything about the real side is computed once.

    It works where the images lie.
    """

    def __init__(self, protocol: dict[str, Any], dataset: Any, images: Images) -> None:
        self._protocol, self._manifold, self._images = protocol, dataset, images
        self._metrics: dict[str, Metric] = {k: instantiate(v) for k, v in protocol["metrics"].items()}
        self._extractors: dict[str, Extractor] = {
            k: instantiate(v) for k, v in protocol["extractors"].items()
        }
        for key, metric in self._metrics.items():
            self._check_needs(key, metric)
        self._classified = {m.space for m in self._metrics.values() if "probabilities" in m.needs}
        self._with_train = {m.space for m in self._metrics.values() if "train" in m.needs}
        self._device = images.train.device
        self._rng = placed(Rng.of(protocol["evaluation_seed"], "evaluation"), self._device)
        self.real_images = as_float(self._subset(protocol["split"], protocol["n_real"], "real"))
        self._real: dict[str, Samples] = {}

    def _check_needs(self, key: str, metric: Metric) -> None:
        """Refuse a metric whose extractor is missing or is no classifier where it reads probabilities.

        One that compares training images with the protocol's cannot do so where these are training images too.
        """
        if "train" in metric.needs and self._protocol["split"] != "test":
            raise ConfigError(
                f"metric {key!r} compares training images with unseen ones: set protocol.split=test"
            )
        if not metric.needs & {"features", "probabilities"}:
            return
        extractor = self._extractors.get(metric.space)
        if extractor is None:
            raise ConfigError(
                f"metric {key!r} needs extractor {metric.space!r}: add it to the protocol's extractors"
            )
        if "probabilities" in metric.needs and not hasattr(extractor, "probabilities"):
            raise ConfigError(
                f"metric {key!r} reads class probabilities, which {metric.space!r} does not give: "
                "choose inception or lenet28 as its space"
            )

    def keys(self, at: Iterable[str] = SCHEDULES) -> list[str]:
        """Return the metric keys this protocol gives, for metrics of the schedules named."""
        return [
            metric_key(name, m.space) for m in self._metrics.values() if m.at in tuple(at) for name in m.names
        ]

    def _subset(self, split: str, n: int, address: str, *, last: bool = False) -> Tensor:
        images = self._images.test if split == "test" else self._images.train
        if n > len(images):
            raise ConfigError(
                f"the protocol asks for {n} images of the {split} split, which holds {len(images)}:"
                " lower its n_real and n_fake, or choose another"
            )
        order = self._rng.permutation(address, len(images))
        return images[order[-n:] if last else order[:n]]

    def _features(self, space: str, images: Tensor) -> Tensor | None:
        if space not in self._extractors:
            return None
        with torch.no_grad():
            return torch.cat(
                [self._extractors[space].features(chunk) for chunk in torch.split(images, CHUNK)]
            )

    def _probabilities(self, space: str, features: Tensor | None) -> Tensor | None:
        """Read class probabilities off the features, where a metric of that space asks for them."""
        if features is None or space not in self._classified:
            return None
        with torch.no_grad():
            return cast(Classifier, self._extractors[space]).probabilities(features)

    def _real_samples(self, metric: Metric) -> Samples:
        if metric.space not in self._real:
            protocol = self._protocol
            extractor = self._extractors.get(metric.space)
            marks = stamp(extractor) if extractor else None
            where = [protocol["split"], protocol["n_real"], protocol["evaluation_seed"], *self._elsewhere()]
            features = self._features(metric.space, self.real_images)
            self._real[metric.space] = Samples(
                images=self.real_images,
                features=features,
                probabilities=self._probabilities(metric.space, features),
                cache_key=digest(
                    [self._images.content_hash, *where, protocol["extractors"].get(metric.space), marks]
                ),
                manifold=self._manifold,
                draw_latents=None,
            )
            if metric.space in self._with_train:
                self._real[metric.space] = self._beside_train(self._real[metric.space], metric.space)
        return self._real[metric.space]

    def _elsewhere(self) -> list[str]:
        """Name the kind of device if it is not the CPU: features, and what is kept of them, round differently there."""
        return [] if self._device.type == "cpu" else [self._device.type]

    def _beside_train(self, real: Samples, space: str) -> Samples:
        """Add as many training images as there are real ones, and their features.

        They are the first of those that the baseline `replay` repeats and none of those that `real` holds, as
        long as the training set has room for both.
        """
        n = min(self._protocol["n_real"], len(self._images.train))
        images = as_float(self._subset("train", n, "baseline"))
        return replace(real, train_images=images, train_features=self._features(space, images))

    def generate(self, procedure: Procedure, state: State) -> Fakes:
        """Settle batch norm and draw the protocol's fakes; the latents are the same for every checkpoint.

        The state may come from a file, and lie elsewhere.
        """
        protocol, state = self._protocol, placed(state, self._device)
        passes, batch = protocol["standing_passes"], protocol["standing_batch"]
        with torch.no_grad():
            latents = procedure.draw_latents(self._rng.fold("standing"), passes * batch)
            settled = procedure.settle(state, latents.reshape(passes, batch, -1))
            latents = procedure.draw_latents(self._rng.fold("fake"), protocol["n_fake"])
            return Fakes(
                torch.cat([procedure.sample(settled, z) for z in torch.split(latents, CHUNK)]), settled
            )

    def score(
        self, fakes: Fakes, procedure: Procedure | None, at: tuple[str, ...] = ("every",)
    ) -> dict[str, float]:
        """Apply every metric of the schedules named; those that need a generator only where there is one."""
        scores: dict[str, float] = {}
        features: dict[str, Tensor | None] = {}
        for metric in self._metrics.values():
            if metric.at not in at or ("generator" in metric.needs and procedure is None):
                continue
            if metric.space not in features:
                features[metric.space] = self._features(metric.space, fakes.images)
            samples = self._fake_samples(fakes, metric.space, features[metric.space], procedure)
            values = metric(self._real_samples(metric), samples)
            scores |= {metric_key(name, metric.space): value for name, value in values.items()}
        return scores

    def _fake_samples(
        self, fakes: Fakes, space: str, features: Tensor | None, procedure: Procedure | None
    ) -> Samples:
        samples = Samples(
            images=fakes.images,
            features=features,
            probabilities=self._probabilities(space, features),
            manifold=self._manifold,
        )
        if procedure is None:
            return samples
        return replace(
            samples,
            generator=partial(procedure.sample, fakes.settled),
            draw_latents=lambda address, n: procedure.draw_latents(self._rng.fold(address), n),
            clamp_latents=procedure.clamp_latents,
        )

    def stand_ins(self) -> dict[str, Tensor]:
        """Return the samples of `baselines` that need no generator: `real`, `replay` and `blank`."""
        n, train = self._protocol["n_fake"], len(self._images.train)
        mean = as_float(self._images.train[: min(train, 10_000)]).mean(dim=0, keepdim=True)
        return {
            "real": as_float(self._subset("train", min(n, train), "baseline", last=True)),
            "replay": as_float(self._subset("train", min(n, train), "baseline")),
            "blank": mean.expand(n, *mean.shape[1:]).contiguous(),
        }

    def baselines(self, untrained: tuple[Procedure, State]) -> dict[str, dict[str, float]]:
        """Score what every table is read against, baseline → {metric key: value}.

        `real`: training images the reference has never seen; `replay`: other training images, as a generator that
        memorised them would give; `blank`: the mean of the first 10 000 training images; `untrained`: the generator
        at initialisation, which stands in for diverged (the ceiling).
        """
        scores = {
            name: self.score(Fakes(images, None), None, SCHEDULES)
            for name, images in self.stand_ins().items()
        }
        return {**scores, "untrained": self.score(self.generate(*untrained), untrained[0], SCHEDULES)}


def shown(images: Tensor) -> Tensor:
    """Return the few samples kept for pictures, on the CPU: uint8 images or float32 vectors."""
    is_image = images.dim() == 4
    few = images[: SHOWN[is_image]].detach().cpu()
    return (few.clamp(0, 1) * 255).round().to(torch.uint8) if is_image else few


def is_finite(tree: Any) -> bool:
    """Return whether no leaf holds NaN or inf."""
    return all(bool(leaf.isfinite().all()) for leaf in leaves(tree))
