"""Measure how often the bands and intervals of the analysis hold the truth, on laws whose truth is known.

    python tools/coverage_study.py [--scale 1.0] [--out benchmarks/results/coverage.csv] [--docs docs/statistics.md]

About fifteen minutes of one core; `--scale` multiplies the repetitions. Writes the CSV, and the table between the marks
of the document. Simulating opda's weights for 1000 settings takes a minute more, the first time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from coverage_checks import (
    STRICT,
    STRICTER,
    Check,
    accords,
    band,
    duels,
    families,
    joint,
    means,
    of_scipy,
    places,
    prices,
    seeds,
    shares,
    verdicts,
)
from coverage_laws import DIVERGING, EIGHT, FAIR, OTHERS, PAIRS, PLAIN, PRICED, SHARES, SPREADS, Array
from scipy.stats import brunnermunzel, mannwhitneyu

from ganbench.analysis.bands import band_weights, philox
from ganbench.analysis.duel import LEVEL
from ganbench.analysis.sensitivity import LEAST

ROOT = Path(__file__).resolve().parents[1]
OUT, DOCS = ROOT / "benchmarks" / "results" / "coverage.csv", ROOT / "docs" / "statistics.md"
MARKS = ("<!-- coverage -->\n", "<!-- /coverage -->\n")
REPEATS = {11: 5000, 20: 5000, 100: 5000, 1000: 2000}  # of each n; of what is slow a quarter
PERCENTILES, FAMILIES = "P(A beats B), percentile bootstrap", "no false verdict where none is better (Holm)"
JOINT = "F1, precision and recall of the best of k, bootstrap"
COSTS, RANKS, ACCORDS = (
    "curve against cost, permutation",
    "rank, bootstrap",
    "agreement of metrics, bootstrap",
)
SLOW = (PERCENTILES, FAMILIES, JOINT, COSTS, RANKS, ACCORDS)


def cells() -> Iterator[tuple[str, str, int, tuple[list[str], Check]]]:
    """Yield every (statistic, law, n) with its names and check."""
    for n in REPEATS:
        for law in (PLAIN, DIVERGING):
            yield "band of the median curve (opda, equal-tailed)", law.name, n, band(law, n)
            yield "percentile bootstrap of the mean curve", law.name, n, means(law, n)
        for name, pair in PAIRS.items():
            yield "P(A beats B), jackknife on the logit", name, n, duels(pair, n, bootstrap=False)
            yield PERCENTILES, name, n, duels(pair, n, bootstrap=True)
        for name, (*pair, ratio) in FAIR.items():
            yield "no false verdict on a pair, k = 1", name, n, verdicts((pair[0], pair[1]), n, ratio * n)
        for name in ("equal", "a tenth as wide"):
            a, b, _ = FAIR[name]
            for test in (mannwhitneyu, brunnermunzel):
                yield f"the same by scipy's {test.__name__}", name, n, verdicts((a, b), n, n, of_scipy(test))
        yield FAMILIES, DIVERGING.name, n, families((DIVERGING,) * 8, n)
        yield FAMILIES, "sd of log scores from 0.1 to 1", n, families(SPREADS, n)
        if n >= 2 * LEAST:  # of fewer it has no interval
            yield "variance share of a hyperparameter", "normal, five levels", n, shares(n)
        yield "variance components and means over seeds", "normal", n, seeds(n)
        yield JOINT, "logistic, correlated", n, joint(SHARES, n)
        yield COSTS, "log-normal, the dearer the better", n, prices(PRICED, n)
        yield RANKS, "eight models, 0.3 apart in log", n, places(EIGHT, n)
        yield RANKS, "eight equal models", n, places((PLAIN,) * 8, n)
        yield ACCORDS, "normal, two orders of eight models", n, accords(EIGHT, OTHERS, n)


def measure(check: Check, address: tuple[object, ...], repeats: int) -> Array:
    """Return how often each statement held."""
    rng = philox("coverage", *address)
    return np.mean([check(rng) for _ in range(repeats)], axis=0)


def table(frame: pd.DataFrame) -> str:
    """Write the measurements as Markdown, one line a statistic, law and n."""
    lines = ["| statistic | law | n | repeats | held |", "|---|---|---:|---:|---|"]
    for (statistic, law, n), rows in frame.groupby(["statistic", "law", "n"], sort=False):
        held = ", ".join(f"{row.where}: {row.coverage:.3f}" for row in rows.itertuples())
        lines.append(f"| {statistic} | {law} | {n} | {rows['repeats'].iloc[0]} | {held} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every cell, write the CSV and the document's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--docs", type=Path, default=DOCS)
    given = parser.parse_args()
    for n in REPEATS:
        band_weights(n, LEVEL)
    rows = []
    for statistic, law, n, (names, check) in cells():
        repeats = max(round(given.scale * REPEATS[n] / (4 if statistic in SLOW else 1)), 2)
        coverage = measure(check, (statistic, law, n), repeats)
        for where, value in zip(names, coverage.tolist(), strict=True):
            error = float(np.sqrt(max(value * (1 - value), 0.25 / repeats) / repeats))
            nominal = STRICT if where == STRICTER else LEVEL
            rows.append(
                (statistic, law, n, where, round(nominal, 4), round(value, 4), round(error, 4), repeats)
            )
        sys.stdout.write(
            f"{statistic}, {law}, n = {n}: {dict(zip(names, coverage.round(3).tolist(), strict=True))}\n"
        )
        sys.stdout.flush()
    columns = ["statistic", "law", "n", "where", "nominal", "coverage", "error", "repeats"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.assign(command=f"python tools/coverage_study.py --scale {given.scale:g}").to_csv(
        given.out, index=False
    )
    text = given.docs.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    given.docs.write_text(before + MARKS[0] + table(frame) + MARKS[1] + after, encoding="utf-8")


if __name__ == "__main__":
    main()
