"""What a finished pack says of itself in one small file, so that nobody need read its rows to know how it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Extremes = dict[str, dict[str, list[float]]]  # protocol → metric → [least, greatest]


class Account(NamedTuple):
    """For how many seconds slots held a pack, and its extreme scores."""

    seconds: float
    extremes: Extremes


def summary(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return which trials diverged, and the least and the greatest finite value of each metric."""
    diverged: set[str] = set()
    extremes: Extremes = {}
    for row in rows:
        if row["status"] == "diverged":
            diverged.add(row["trial_id"])
        elif row["value"] is not None:
            value = row["value"]
            widest(extremes, {row["protocol"]: {row["metric"]: (value, value)}})
    return {"diverged": sorted(diverged), "extremes": extremes}


def widest(ranges: Extremes, more: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Widen ranges by more of them."""
    for protocol, metrics in more.items():
        known = ranges.setdefault(protocol, {})
        for metric, (least, greatest) in metrics.items():
            own = known.setdefault(metric, [least, greatest])
            own[0] = min(own[0], least)
            own[1] = max(own[1], greatest)
