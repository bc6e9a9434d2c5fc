"""How much of the spread is the setting and how much the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri, fdtri

from ganbench.analysis.bands import Array
from ganbench.analysis.curves import LEVEL
from ganbench.analysis.distributions import scale_of
from ganbench.analysis.draws import by_variant
from ganbench.analysis.results import Metric, Results

COLUMNS = (
    "dataset",
    "metric",
    "variant",
    "scale",
    "settings",
    "seeds",
    "seeds_least",
    "seeds_most",
    "no_score",
    "selected",
    "sd_setting",
    "sd_setting_lower",
    "sd_setting_upper",
    "sd_seed",
    "sd_seed_lower",
    "sd_seed_upper",
    "share",
    "share_lower",
    "share_upper",
)


def variance_components(results: Results, table: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Split the variance of re-run scores into setting and seed, one row per (dataset, metric, variant).

    Of y_ij = μ + a_i + e_ij over the s settings that were re-run with at least two seeds each, on the `scale`
    of `scale_of` (log of what is minimised, logit of shares): `sd_setting` = sd(a), `sd_seed` = sd(e), `share`
    = var(a) / (var(a) + var(e)), each with a 95 % interval, see `components`. The ceiling stands in for
    runs without a score (`no_score`). `seeds` is the mean number of them a setting, from `seeds_least` to
    `seeds_most`. `selected` says that only the best of the searched settings were
    re-run: the components are then those of good settings; else of random ones, without the default, which is
    no draw. Variants with fewer than two such settings have no row. The score is each run's best.
    """
    bottoms = ceilings.set_index(["dataset", "metric"])["ceiling"]
    search = table[table["stage"] == "search"].groupby(["dataset", "metric", "variant"])["index"].nunique()
    rows = []
    for dataset in results.datasets:
        for metric in results.metrics(dataset):
            ours = table[
                (table["dataset"] == dataset) & (table["metric"] == metric.key) & (table["stage"] == "rerun")
            ]
            for variant, reruns in by_variant(results, ours):
                searched = int(search.get((dataset, metric.key, variant), 0))
                selected = reruns["index"].nunique() < searched
                drawn = reruns if selected else reruns[~reruns["is_default"].astype(bool)]
                groups = _groups(drawn, float(bottoms[dataset, metric.key]), metric)
                if len(groups.values) > 1:
                    sizes = [len(group) for group in groups.values]
                    seeds = (float(np.mean(sizes)), min(sizes), max(sizes))
                    facts = (groups.scale, len(sizes), *seeds, groups.no_score, selected)
                    rows.append((dataset, metric.key, variant, *facts, *components(groups.values)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class _Groups:
    values: list[Array]
    scale: str
    no_score: int


def _groups(reruns: pd.DataFrame, ceiling: float, metric: Metric) -> _Groups:
    finite = reruns["best_finite"].to_numpy(dtype=bool)
    scores = np.where(finite, reruns["best"].to_numpy(dtype=float), ceiling)
    scale, values = scale_of(scores, minimize=metric.minimize)
    split = [values[reruns["index"].to_numpy() == index] for index in sorted(reruns["index"].unique())]
    kept = [group for group in split if len(group) > 1 and bool(np.isfinite(group).all())]
    return _Groups(kept, scale, int((~finite).sum()))


def components(groups: list[Array], level: float = LEVEL) -> tuple[float, ...]:
    """Return sd(a), sd(e) and the share of var(a), each with its interval, of groups of repeated scores.

    The analysis of variance: var(e) = MSW, var(a) = max(0, (MSB − MSW)/n₀), n₀ = (N − Σn²/N)/(s − 1). Intervals
    for normal a and e: χ² for var(e), Williams' and Tukey's for var(a), Searle's F interval for the share
    (Searle, Casella and McCulloch 1992, §3.6); with groups of unequal size approximate.
    """
    sizes = np.array([len(group) for group in groups], dtype=float)
    n, s = float(sizes.sum()), len(groups)
    means = np.array([group.mean() for group in groups])
    grand = float(sizes @ means) / n
    between = float(sizes @ (means - grand) ** 2)
    within = float(sum(((group - group.mean()) ** 2).sum() for group in groups))
    # what rounding leaves of equal scores is no spread
    least = 1e-20 * n * max(float(np.square(group).max()) for group in groups)
    between, within = (part if part > least else 0.0 for part in (between, within))
    each = (n - float(sizes @ sizes) / n) / (s - 1)
    msb, msw = between / (s - 1), within / (n - s)
    setting = max(0.0, (msb - msw) / each)
    tail = (1.0 - level) / 2.0
    seed = [within / float(chdtri(n - s, p)) for p in (tail, 1.0 - tail)]
    cuts = [float(fdtri(s - 1, n - s, p)) for p in (1.0 - tail, tail)]  # above, then below
    ratio = msb / msw if msw > 0 else np.inf
    spread = [
        max(0.0, between * (1.0 - cut / ratio) / (each * float(chdtri(s - 1, p)))) if ratio else 0.0
        for cut, p in zip(cuts, (tail, 1.0 - tail), strict=True)
    ]
    varies = between > 0 or within > 0
    shares = [_share(ratio / cut, each) if varies else np.nan for cut in cuts]
    share = setting / (setting + msw) if varies else np.nan
    variances = (setting, *spread, msw, *seed)
    return (*(float(np.sqrt(v)) for v in variances), float(share), *shares)


def _share(ratio: float, each: float) -> float:
    """Return the share of var(a) at which the ratio of mean squares is expected."""
    return 1.0 if np.isinf(ratio) else max(0.0, (ratio - 1.0) / (ratio - 1.0 + each))
