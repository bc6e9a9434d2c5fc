"""Whether two searches of one space come to the same verdicts about pairs of models."""

from __future__ import annotations

import pandas as pd

from ganbench.analysis.comparisons import UNDECIDED

KEYS = ["dataset", "metric", "k", "a", "b"]
COLUMNS = ("dataset", "metric", "k", "pairs", "first", "second", "same", "reversed", "side", "distance")


def repeats(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Compare the verdicts of two searches, from `comparisons` of each, one row per (dataset, metric, k).

    Of the `pairs` that both could test: decided in the `first` and in the `second`, decided the `same` way in both or
    `reversed`; `side`: how many have P(a beats b) on one side of ½ in both (½ is on either), and `distance`: the mean
    difference of the two P.
    """
    both = _tested(first).merge(_tested(second), on=KEYS, suffixes=("_1", "_2"))
    rows = []
    for key, ours in both.groupby(KEYS[:3], sort=False):
        one, two = ours["verdict_1"] != UNDECIDED, ours["verdict_2"] != UNDECIDED
        agreed = ours["verdict_1"] == ours["verdict_2"]
        sides = (ours["share_1"] - 0.5) * (ours["share_2"] - 0.5) >= 0
        away = (ours["share_1"] - ours["share_2"]).abs().mean()
        counts = (one, two, one & agreed, one & two & ~agreed, sides)
        rows.append((*key, len(ours), *(int(found.sum()) for found in counts), float(away)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _tested(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the tested pairs, each with the earlier name first, whatever order a sweep lists its models in."""
    rows = frame[frame["p"].notna()]
    turned = (rows["a"] > rows["b"]).to_numpy()
    return rows.assign(
        a=rows["a"].where(~turned, rows["b"]),
        b=rows["b"].where(~turned, rows["a"]),
        share=rows["share"].where(~turned, 1.0 - rows["share"]),
    )
