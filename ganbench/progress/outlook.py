"""What a sweep will still take: a rate of trials, device-hours used and left, and when it will be over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ganbench.store.census import Count, Group
from ganbench.store.halts import HOUR_S

WINDOW_S = HOUR_S  # "the last while", unless fewer than FEW packs ended in it
FEW = 4


class Rate(NamedTuple):
    """Trials that came to an end, and in how many seconds."""

    trials: int
    seconds: float

    @property
    def per_hour(self) -> float | None:
        """Return trials per hour; None where nothing has ended yet."""
        return HOUR_S * self.trials / self.seconds if self.trials and self.seconds > 0 else None


def rate(count: Count, now: float) -> Rate:
    """Return what ended in the last hour; while packs run, further back if it must be, to see a few of them end."""
    ends = sorted(count.ends, reverse=True)
    since = now - WINDOW_S
    if count.running and ends and sum(end.time > since for end in ends) < FEW:
        since = min(since, ends[: FEW + 1][-1].time)
    since = max(since, min((end.time - end.seconds for end in ends), default=now))
    return Rate(sum(end.trials for end in ends if end.time > since), now - since)


def costs(count: Count, steps: Mapping[tuple[str, ...], int]) -> dict[tuple[str, ...], float]:
    """Return the device-seconds of one trial of each variant and stage, as far as anything has been trained.

    A stage without finished trials costs what the variant's other stage does, a variant without any what the others'
    trials do per step. `steps` are those of a trial, by variant.
    """
    trained = {key: group for key, group in count.groups.items() if group.trained}
    work = sum(group.trained * steps[key[:-1]] for key, group in trained.items())
    per_step = sum(group.seconds for group in trained.values()) / work if work else 0.0
    found: dict[tuple[str, ...], float] = {}
    for variant in steps:
        own = {
            key[-1]: group.seconds / group.trained for key, group in trained.items() if key[:-1] == variant
        }
        for stage in ("search", "rerun"):
            found[(*variant, stage)] = own.get(stage) or next(iter(own.values()), per_step * steps[variant])
    return {key: cost for key, cost in found.items() if cost > 0}


def left(group: Group, to_come: int, cost: float) -> float:
    """Return the device-seconds that a variant's stage will still take, at a cost per trial."""
    begun = sum(max(0.0, trials * cost - seconds) for trials, seconds in group.running)
    return begun + (group.left + to_come) * cost


def eta(device_seconds: float | None, slots: int) -> float | None:
    """Return in how many seconds all is done, if as many slots go on as now; None where nothing says."""
    return device_seconds / slots if device_seconds is not None and slots else None


def assumptions(count: Count, to_come: int) -> str:
    """Say what the estimates rest on."""
    parts = ["each variant's trials cost what its finished ones did (others, per step, what all did)"]
    if count.running:
        parts.append(f"the {count.running} packs that run now are followed by as many at a time to the end")
    if to_come:
        parts.append(f"{to_come} trials that are not planned yet will be")
    parts.append("failed trials are not run again")
    return "; ".join(parts)


def as_json(found: Rate) -> dict[str, Any]:
    """Return a rate as data."""
    per_hour = found.per_hour
    return {
        "trials_per_hour": None if per_hour is None else round(per_hour, 3),
        "over_seconds": round(found.seconds, 1),
        "trials": found.trials,
    }
