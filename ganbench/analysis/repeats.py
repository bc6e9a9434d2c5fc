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
    one_tested, two_tested = (frame[frame["p"].notna()] for frame in (first, second))
    both = one_tested.merge(two_tested, on=KEYS, suffixes=("_1", "_2"))
    rows = []
    for key, ours in both.groupby(KEYS[:3], sort=False):
        one, two = ours["verdict_1"] != UNDECIDED, ours["verdict_2"] != UNDECIDED
        agreed = ours["verdict_1"] == ours["verdict_2"]
        sides = (ours["share_1"] - 0.5) * (ours["share_2"] - 0.5) >= 0
        away = (ours["share_1"] - ours["share_2"]).abs().mean()
        counts = (one, two, one & agreed, one & two & ~agreed, sides)
        rows.append((*key, len(ours), *(int(found.sum()) for found in counts), float(away)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
