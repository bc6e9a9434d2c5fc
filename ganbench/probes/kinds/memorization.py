"""A replay of the training set: what the Fréchet distance and the Inception score cannot see, and a recall gap can."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch

from ganbench.probes.probe import Finding, Panel, Question, Series
from ganbench.probes.subject import subject_of
from ganbench.scoring import SCHEDULES, Fakes, Scorer
from ganbench.terminal import Console

TITLE = "Metrics as training images are repeated"
SHOWN = "@0.1"  # of the gap's radii; the table has all
SEEN = (
    "lenet28 was trained on 50 000 of Fashion-MNIST's 60 000 training images and on no other data: where these are the"
    " subject it has seen about five sixths of the repeated and of the fresh images alike, and no test image."
)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def run(question: Question, console: Console) -> Finding:
    """Mix fresh real images with repeated training images, and score each mixture by the protocol's metrics.

    A mixture of share 1 is a generator that knows nothing but its training set. Fresh images are training images that
    are kept out of the set that counts as seen.
    """
    subject = subject_of(question)
    protocol = subject.config["protocol"]
    scorer = Scorer(dict(protocol), subject.dataset, subject.images)
    sets = scorer.stand_ins()
    n = len(sets["real"])
    rows: list[dict[str, Any]] = []
    with console.bar("memorization", len(SHARES) + 1) as update:
        for done, (name, share) in enumerate([("blank", 0.0), *(("mixture", s) for s in SHARES)], start=1):
            copies = round(share * n)
            mixture = torch.cat([sets["replay"][:copies], sets["real"][copies:]])
            images = sets["blank"] if name == "blank" else mixture
            scores = scorer.score(Fakes(images, None), None, SCHEDULES)
            rows += [
                {"set": name, "share": share, "metric": k, "value": v, "n": n} for k, v in scores.items()
            ]
            update(done)
    table = pd.DataFrame(rows)
    return Finding(
        name="memorization",
        subject=subject.name,
        title=f"{subject.name}: {TITLE}",
        table=table,
        panels=_panels(table),
        verdict=_verdict(table),
        notes=(
            f"{n} images each, scored against {protocol['n_real']} test images.",
            "Share 0: real images, neither test images nor counted as seen; share 1: a replay of the training set.",
            "Left: how far each metric is from its value at share 0, on the way to a constant image's (1).",
            "Right: share of training images with a fake nearby minus share of test images with one, ± 2 s.e.",
            *([SEEN] if "lenet28" in subject.extractors else []),
        ),
        stamps=subject.stamps(),
    )


def _course(table: pd.DataFrame, metric: str) -> pd.Series[float]:
    rows = table[(table["metric"] == metric) & (table["set"] == "mixture")]
    return rows.set_index("share")["value"]


def _panels(table: pd.DataFrame) -> tuple[Panel, ...]:
    metrics = list(dict.fromkeys(table["metric"]))
    blind = [m for m in metrics if not m.startswith("gap")]
    gaps = [m for m in metrics if m.startswith("gap_") and not m.startswith("gap_se") and m.endswith(SHOWN)]
    left = tuple(_relative(table, metric) for metric in blind)
    right = tuple(_gap(table, metric) for metric in gaps)
    x = "share of repeated training images"
    return (
        Panel("What distances and scores see", x, "0: fresh, 1: a constant image", left, ylim=(-0.1, 1.1)),
        Panel("What a recall gap sees", x, "gap, train minus test", right, ylim=(-0.1, 1.1)),
    )


def _relative(table: pd.DataFrame, metric: str) -> Series:
    course = _course(table, metric)
    blank = float(table[(table["metric"] == metric) & (table["set"] == "blank")]["value"].iloc[0])
    return Series(metric, tuple(course.index), tuple((course - course.iloc[0]) / (blank - course.iloc[0])))


def _gap(table: pd.DataFrame, metric: str) -> Series:
    course, error = _course(table, metric), _course(table, metric.replace("gap_", "gap_se_", 1))
    low, high = course - 2.0 * error, course + 2.0 * error
    return Series(metric, tuple(course.index), tuple(course), tuple(low), tuple(high))


def _verdict(table: pd.DataFrame) -> dict[str, Any]:
    """Return each metric of fresh images and of the replay."""
    found = {}
    for metric in dict.fromkeys(table["metric"]):
        course = _course(table, metric)
        found[str(metric)] = {"fresh": float(course.iloc[0]), "replay": float(course.iloc[-1])}
    return found
