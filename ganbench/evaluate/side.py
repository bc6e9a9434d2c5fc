"""One side of a score: its images streamed through an extractor, or its features from the cache."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganbench.errors import DataError
from ganbench.evaluate.stream import Progress, Stream, listed
from ganbench.identity import PLACED
from ganbench.metrics import cache
from ganbench.metrics.stamp import stamp
from ganbench.protocols import Extractor

VERSION = (
    "1"  # of reading and decoding: part of the features' cache key, raised whenever their numbers change
)
UNWEIGHTED = "none"  # the hash of an extractor without weights: cheaper to run than to keep

Bar = Callable[[str, float], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Side:
    """What metrics get of one side, and what there is to say about it."""

    n: int
    features: Tensor | None
    images: Tensor | None  # backed by a file, not by memory
    cache_key: str | None
    identical: bool
    refused: dict[str, str]


@dataclass(frozen=True)
class Wanted:
    """What to take from a stream: features, if an extractor is given, and the images themselves."""

    extractor: Extractor | None
    images: bool
    batch_size: int
    device: torch.device


class OnDisk:
    """A float32 tensor [n, …] in a temporary file without a name: the system pages it, memory does not fill."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        size = 4 * torch.Size(shape).numel()
        with tempfile.NamedTemporaryFile(prefix="ganbench-images-") as file:
            try:
                if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a crash later
                    os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                raise DataError(
                    f"no room for {size / 2**20:.0f} MiB of images in {Path(file.name).parent} "
                    f"({error.strerror}): set TMPDIR to a larger disk, or --n"
                ) from error
            flat = torch.from_file(file.name, shared=True, size=size // 4, dtype=torch.float32)
        self.tensor = flat.view(shape)


def key_of(stream: Stream, wanted: Wanted, *, skip_bad: bool) -> str:
    """Return the address of what is computed of exactly these images: their hash, and all that reads them."""
    reader = [VERSION, stream.hash, str(skip_bad), torch.__version__, wanted.device.type]
    if wanted.extractor is None:
        return cache.key("images", *reader)
    marks = json.dumps(stamp(wanted.extractor), sort_keys=True)
    return cache.key("features", *reader, marks, _fields(wanted.extractor))


def _fields(extractor: Extractor) -> str:
    """Return an extractor's settings but for where its weights lie."""
    fields = vars(extractor).items()
    return repr(sorted((name, value) for name, value in fields if name not in PLACED))


def take(stream: Stream, wanted: Wanted, bar: Bar, label: str, key: str | None) -> Side:
    """Stream one side; with a key, features come from the cache where it has them and go there otherwise."""
    kept = cache.read(key) if key and wanted.extractor else None
    if kept is not None and not wanted.images:
        about, features = kept.about, kept.tensors["features"]
        return Side(
            len(features), features, None, key, about["identical"] == "True", json.loads(about["refused"])
        )
    side = _run(stream, wanted, bar, label, key)
    if key and wanted.extractor and stamp(wanted.extractor)["weights_hash"] != UNWEIGHTED:
        _keep(key, side, stream, wanted.extractor)
    return side


def _run(stream: Stream, wanted: Wanted, bar: Bar, label: str, key: str | None) -> Side:
    features: Tensor | None = None
    images: Tensor | None = None
    n = 0
    with bar(label, len(stream)) as on_done, torch.no_grad():
        for batch in stream.batches(wanted.batch_size, on_done):
            end = n + len(batch)
            if wanted.extractor is not None:
                rows = wanted.extractor.features(batch.to(wanted.device)).cpu()
                features = rows.new_empty(len(stream), rows.shape[1]) if features is None else features
                features[n:end] = rows
            if wanted.images:
                images = OnDisk((len(stream), *batch.shape[1:])).tensor if images is None else images
                images[n:end] = batch
            n = end
    if n < 2:
        found = f"{stream.source.path}: {n} of {len(stream)} images can be scored, two are needed"
        raise DataError(f"{found}: {listed(stream.refused)}")
    return Side(n, _first(features, n), _first(images, n), key, stream.identical, stream.refused)


def _first(rows: Tensor | None, n: int) -> Tensor | None:
    return None if rows is None else rows[:n]


def _keep(key: str, side: Side, stream: Stream, extractor: Extractor) -> None:
    if side.features is not None:
        what = f"{extractor.name} features of {side.n} images of {stream.source.path.name}"
        about = {"what": what, "identical": str(side.identical), "refused": json.dumps(side.refused)}
        cache.keep(key, {"features": side.features}, about)
