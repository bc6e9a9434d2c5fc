"""The Fréchet distance of two samples of one law: its bias falls as 1/n, its spread is small beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganbench.metrics.frechet import frechet_distance, statistics
from ganbench.probes.probe import Finding, Panel, Question, Series
from ganbench.probes.subject import Subject, halves, subject_of
from ganbench.rng import Rng
from ganbench.terminal import Console

TITLE = "Bias and spread of the Fréchet distance against the number of samples"
SIZES = (250, 500, 1000, 2500, 5000, 10000)


def run(question: Question, console: Console) -> Finding:
    """Score disjoint pairs of real training samples of n images each, so that the true distance is 0.

    The study did so at n = 10 000. A line a + c/n is fitted to the means by least squares, weighted with the
    spread of each mean; 1/n explains the bias if a is near 0 and n·FD hardly changes.
    """
    subject = subject_of(question)
    sizes = [n for n in SIZES if 2 * n <= len(subject.images.train)]
    rows: list[dict[str, Any]] = []
    with console.bar("fid-bias", len(subject.extractors) * len(sizes) * question.repeats) as update:
        for space in subject.extractors:
            for n in sizes:
                rows += _pairs(subject, space, n, question.repeats)
                update(len(rows))
    table = _summary(pd.DataFrame(rows))
    fits = {space: _fit(table[table["extractor"] == space]) for space in subject.extractors}
    return Finding(
        name="fid-bias",
        subject=subject.name,
        title=f"{subject.name}: {TITLE}",
        table=table,
        panels=(_means(table, fits), _spreads(table)),
        verdict=fits,
        notes=(
            f"Both samples of a pair are disjoint draws of n real training images; {question.repeats} pairs each.",
            "Dashed: least-squares lines a + c/n. Distances on different extractors have different scales.",
        ),
        stamps=subject.stamps(),
    )


def _pairs(subject: Subject, space: str, n: int, repeats: int) -> list[dict[str, Any]]:
    train, rng = subject.images.train, Rng.of(0, "probe", "fid-bias")
    rows = []
    for repeat, (a, b) in enumerate(halves(len(train), n, rng, repeats)):
        real, fake = (subject.features(space, train[indices]) for indices in (a, b))
        rows.append(
            {
                "extractor": space,
                "n": n,
                "repeat": repeat,
                "fd": frechet_distance(statistics(real), fake),
                "dimension": real.shape[1],
            }
        )
    return rows


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.groupby(["extractor", "dimension", "n"], sort=False)["fd"]
    table = groups.agg(["mean", "std", "count"]).reset_index()
    table.columns = ["extractor", "dimension", "n", "fd_mean", "fd_sd", "pairs"]
    return table.assign(
        n_times_fd=table["n"] * table["fd_mean"], relative_sd=table["fd_sd"] / table["fd_mean"]
    )


def _fit(table: pd.DataFrame) -> dict[str, float]:
    """Fit fd = a + c/n; `r_squared` is of 1/n alone, `power_of_n` the exponent of n in a power law."""
    n, fd, sd = (table[c].to_numpy(dtype=float) for c in ("n", "fd_mean", "fd_sd"))
    weights = 1.0 / np.maximum(sd, 1e-12)
    (c, a), covariance = np.polyfit(1.0 / n, fd, 1, w=weights, cov="unscaled")
    slope = np.polyfit(np.log(n), np.log(fd), 1)[0]
    residual = fd - (c / n + a)
    return {
        "a": float(a),
        "a_se": float(np.sqrt(covariance[1, 1] / table["pairs"].min())),
        "c": float(c),
        "r_squared": float(1.0 - residual.var() / fd.var()),
        "power_of_n": float(slope),
        "largest_relative_sd": float((sd / fd).max()),
    }


def _means(table: pd.DataFrame, fits: dict[str, dict[str, float]]) -> Panel:
    series = []
    for space, rows in table.groupby("extractor", sort=False):
        n, mean, sd = (rows[c].to_numpy(dtype=float) for c in ("n", "fd_mean", "fd_sd"))
        fit = fits[str(space)]
        series.append(Series(str(space), tuple(n), tuple(mean), tuple(mean - sd), tuple(mean + sd)))
        line = fit["a"] + fit["c"] / n
        series.append(Series(f"{space}: a + c/n", tuple(n), tuple(line), joined=True, dashed=True))
    return Panel(
        "Mean ± sd over pairs", "samples on each side, n", "FD of real against real", tuple(series), "xy"
    )


def _spreads(table: pd.DataFrame) -> Panel:
    series = tuple(
        Series(str(space), tuple(rows["n"].astype(float)), tuple(100.0 * rows["relative_sd"]))
        for space, rows in table.groupby("extractor", sort=False)
    )
    return Panel("Spread beside the bias", "samples on each side, n", "sd / mean (%)", series, "x")
