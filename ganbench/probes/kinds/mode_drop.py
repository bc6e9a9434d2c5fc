"""The Fréchet distance as classes are dropped: it has to rise with every class that is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ganbench.batches import as_float
from ganbench.errors import ConfigError
from ganbench.metrics.frechet import Statistics, frechet_distance, statistics
from ganbench.probes.probe import Finding, Panel, Question, Series
from ganbench.probes.subject import Subject, subject_of
from ganbench.rng import Rng
from ganbench.terminal import Console

TITLE = "Fréchet distance as classes are dropped"
CLASSES = 10


def run(question: Question, console: Console) -> Finding:
    """Score k of ten classes of one half of the training images against the whole other half, k = 1 … 10.

    Every set has the same number of images, so that the bias of small samples plays no part; `repeats` random orders
    of the classes. Images without labels are classed by the tenths of their mean brightness.
    """
    subject = subject_of(question)
    labels, said = _labels(subject)
    rng = Rng.of(0, "probe", "mode-drop")
    order = rng.permutation("halves", len(labels))
    reference, rest = order[: len(order) // 2], order[len(order) // 2 :]
    size = int(torch.bincount(labels[rest], minlength=CLASSES).min())
    if size < 2:
        raise ConfigError(f"{subject.name}: a class has fewer than two images in one half")
    rows: list[dict[str, Any]] = []
    with console.bar("mode-drop", len(subject.extractors) * question.repeats * CLASSES) as update:
        for space in subject.extractors:
            features = subject.features(space, subject.images.train)
            real = statistics(features[reference])
            for repeat in range(question.repeats):
                rows += _dropped(space, real, features[rest], labels[rest], size, repeat, rng)
                update(len(rows))
    table = pd.DataFrame(rows)
    return Finding(
        name="mode-drop",
        subject=subject.name,
        title=f"{subject.name}: {TITLE}",
        table=table,
        panels=(_panel(table),),
        verdict=_verdict(table),
        notes=(
            f"{said} Each set: {size} images of k classes of one half, in equal shares; reference: the other half.",
            f"Bands: all {question.repeats} random orders in which classes are added. Relative to the mean at k = 1.",
        ),
        stamps=subject.stamps(),
    )


def _labels(subject: Subject) -> tuple[Tensor, str]:
    if subject.images.train_labels is not None:
        labels = subject.images.train_labels.long()
        found = int(torch.bincount(labels).count_nonzero())
        if found != CLASSES:
            raise ConfigError(f"{subject.name} has {found} classes, this probe drops from {CLASSES}")
        return labels, "Classes are the dataset's."
    flat = subject.images.train.flatten(1)
    brightness = torch.cat([as_float(rows).mean(1) for rows in torch.split(flat, 4096)])
    ranks = brightness.argsort().argsort()
    return ranks * CLASSES // len(ranks), "The images have no labels: classes are tenths of mean brightness."


def _dropped(
    space: str, real: Statistics, features: Tensor, labels: Tensor, size: int, repeat: int, rng: Rng
) -> list[dict[str, Any]]:
    """Score the first k classes of one random order, k = 1 … 10."""
    classes = rng.permutation(f"classes {repeat}", CLASSES)
    rows = []
    for k in range(1, CLASSES + 1):
        shares = [size // k + (i < size % k) for i in range(k)]
        kept = [
            _some(labels, int(c), n, rng.fold(f"{repeat} {k}"))
            for c, n in zip(classes[:k], shares, strict=True)
        ]
        fd = frechet_distance(real, features[torch.cat(kept)])
        rows.append({"extractor": space, "order": repeat, "classes": k, "n": size, "fd": fd})
    return rows


def _some(labels: Tensor, label: int, n: int, rng: Rng) -> Tensor:
    members = (labels == label).nonzero().flatten()
    return members[rng.permutation(str(label), len(members))[:n]]


def _panel(table: pd.DataFrame) -> Panel:
    series = []
    for space, rows in table.groupby("extractor", sort=False):
        groups = rows.groupby("classes")["fd"]
        scale = float(groups.mean().iloc[0])
        mean, low, high = groups.mean() / scale, groups.min() / scale, groups.max() / scale
        k = tuple(float(x) for x in mean.index)
        series.append(Series(str(space), k, tuple(mean), tuple(low), tuple(high)))
    return Panel("", "classes kept, of ten", "FD (share of FD with one class)", tuple(series), "y")


def _verdict(table: pd.DataFrame) -> dict[str, Any]:
    """Say of each extractor in how many orders FD falls with every class added."""
    found = {}
    for space, rows in table.groupby("extractor", sort=False):
        courses = rows.pivot_table(index="order", columns="classes", values="fd")
        falling = (courses.diff(axis=1).iloc[:, 1:] < 0).all(axis=1)
        mean = courses.mean()
        found[str(space)] = {
            "monotone_orders": int(falling.sum()),
            "orders": len(courses),
            "mean_monotone": bool((mean.diff().iloc[1:] < 0).all()),
            "fd_one_class": float(mean.iloc[0]),
            "fd_all_but_one": float(mean.iloc[-2]),
            "fd_all_classes": float(mean.iloc[-1]),
        }
    return found
