"""A request bound to its protocol: all that can be wrong with names and settings is found out before a file is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.evaluate.families import FROM_SAMPLES, protocol_of
from ganbench.evaluate.side import Side, Wanted
from ganbench.identity import protocol_id
from ganbench.instantiation import instantiate, load_plugins
from ganbench.metrics.sets import sizes
from ganbench.metrics.stamp import stamp
from ganbench.protocols import Classifier, Extractor, Metric, Samples

BATCH = 512  # images read at once for extractors that say nothing of it
UNSEEN = {"weights_hash": "none", "preprocessing": "none", "dtype": "float32"}  # the stamp of no extractor


@dataclass(frozen=True)
class Request:
    """What a command line asks for."""

    real: Path
    fake: Path
    extractor: str
    metrics: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    n: int | None = None
    batch_size: int | None = None
    device: str = "cpu"
    use_cache: bool = True
    skip_bad: bool = False
    config_dir: Path | None = None
    plugins: tuple[str, ...] = ()


class Evaluation:
    """Metrics and extractor of a request; raises `ConfigError` and, for missing weights, `DataError`."""

    def __init__(self, request: Request) -> None:
        load_plugins(list(request.plugins))
        self.request = request
        self.protocol = _protocol(request)
        self.extractor: Extractor = instantiate(self.protocol["extractors"][request.extractor])
        self.metrics: dict[str, Metric] = {k: instantiate(v) for k, v in self.protocol["metrics"].items()}
        self.device = _device(request.device)
        self._check()
        self._needs = frozenset[str]().union(*(metric.needs for metric in self.metrics.values()))
        self._stamp = stamp(self.extractor) if self._needs else UNSEEN

    def _check(self) -> None:
        owners: dict[str, str] = {}
        for family, metric in self.metrics.items():
            if metric.needs and metric.space != self.request.extractor:
                raise ConfigError(f"`metrics.{family}.space` is what --extractor says: leave it out")
            if "probabilities" in metric.needs and not hasattr(self.extractor, "probabilities"):
                raise ConfigError(
                    f"`{family}` reads class probabilities, which {self.request.extractor} does not give: "
                    "choose one with a classifier, such as inception or lenet28"
                )
            for name in metric.names:
                if owners.setdefault(name, family) != family:
                    raise ConfigError(f"{owners[name]} and {family} both give `{name}`: ask for one of them")

    def wanted(self) -> Wanted:
        """Return what to take from both sides."""
        size = self.request.batch_size or int(getattr(self.extractor, "batch_size", BATCH))
        images = any(not metric.needs for metric in self.metrics.values())
        return Wanted(self.extractor if self._needs & FROM_SAMPLES else None, images, size, self.device)

    def samples(self, side: Side) -> Samples:
        """Return a side as metrics see it."""
        images = torch.empty(0) if side.images is None else side.images
        return Samples(images, side.features, self._probabilities(side.features), cache_key=side.cache_key)

    def _probabilities(self, features: Tensor | None) -> Tensor | None:
        if features is None or "probabilities" not in self._needs:
            return None
        with torch.no_grad():
            return cast(Classifier, self.extractor).probabilities(features.to(self.device)).cpu()

    def entries(self, family: str, values: Mapping[str, float], n: tuple[int, int]) -> dict[str, Any]:
        """Return a metric's scores by bare name, each with all that gives it a meaning; null is not finite."""
        metric = self.metrics[family]
        n_real, n_fake = sizes(metric, *n)
        meaning = {
            **self.protocol,
            "metrics": {family: self.protocol["metrics"][family]},
            "extractors": self.protocol["extractors"] if metric.needs else {},
            "n_real": n_real,
            "n_fake": n_fake,
        }
        marks = {k: v for k, v in self._stamp.items() if k != "name"} if metric.needs else UNSEEN
        common = {"n_real": n_real, "n_fake": n_fake, "protocol": protocol_id(meaning), **marks}
        return {
            name: {
                "value": value if math.isfinite(value) else None,
                "extractor": metric.space,
                **common,
                "direction": metric.directions[name.partition("@")[0]],
            }
            for name, value in values.items()
        }


def _protocol(request: Request) -> dict[str, Any]:
    names = list(dict.fromkeys(request.metrics))
    protocol = protocol_of(request.extractor, names, list(request.overrides), request.config_dir, request.n)
    node = protocol["extractors"][request.extractor]
    if request.batch_size is not None and "batch_size" in node:
        protocol["extractors"] = {request.extractor: {**node, "batch_size": request.batch_size}}
    return protocol


def _device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ConfigError(f"--device {name}: {reason}; leave it out for the CPU") from error
