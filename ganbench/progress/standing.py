"""Where a sweep stands, as data: what `ganbench status` shows and prints as JSON. Reads only, never loads torch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ganbench.analysis.results import Metric, ReportError, Results
from ganbench.errors import ConfigError
from ganbench.files import called
from ganbench.launch.jobs import folder_of, word
from ganbench.progress.awaited import RERUN, Key, axes, to_come, variants
from ganbench.progress.outlook import as_json, assumptions, costs, eta, left, rate
from ganbench.store import Store
from ganbench.store.census import Census, Count, Group
from ganbench.store.definition import final_step
from ganbench.store.driver import driven_by
from ganbench.store.halts import HOUR_S
from ganbench.store.states import FAILED, LOST, PLANNED, RUNNING, TRIAL_STATES, UNVERIFIED

NOT_PLANNED, WAITING, HALTED = "not planned", "waiting", "halted"
COMPLETE, WITH_FAILURES = "complete", "finished with failures"
ENDED = (COMPLETE, WITH_FAILURES)


class Standing:
    """Looks at a sweep; again, and it reads only what has changed."""

    def __init__(self, store: Store) -> None:
        self._store, self._census = store, Census(store.folder, store.patience_s)

    def look(self) -> dict[str, Any]:
        """Return counts, rate, device-hours, expected end, best scores, and what somebody ought to know."""
        definition = self._store.definition()
        count = self._census.take(definition)
        awaited = to_come(definition, count)
        missing = sum(awaited.values())
        cost = costs(count, _steps(definition, count))
        rows = [
            _row(definition, count, key, awaited[key], cost.get(key))
            for key in sorted(awaited, key=_in_order(count))
        ]
        known = _left(count, awaited, cost)
        over = not known and count.ends  # then the last while is that before the end
        until = max(end.time for end in count.ends) if over else time.time()
        driver, jobs = driven_by(self._store.slots), self._jobs(count, known)
        return {
            "name": self._store.name,
            "state": state(count, awaited, attended=bool(driver or jobs)),
            **totals(count),
            "to_come": missing,
            "packs": dict(count.packs),
            "baselines": dict(count.baselines),
            "rate": as_json(rate(count, until)),
            "slots": count.running,
            "device_hours": {"used": _hours(count.seconds), "left": _hours(known)},
            "eta_seconds": _rounded(eta(known, count.running)),
            "assumes": assumptions(count, missing),
            "driver": driver,
            "jobs": jobs,
            "notes": self._notes(count, awaited),
            "rows": rows,
        }

    def _jobs(self, count: Count, left: float | None) -> int:
        """Return how many jobs of the sweep wait or run on a cluster, asked only where that is in doubt."""
        if count.running or left == 0 or not folder_of(self._store).is_dir():
            return 0
        from ganbench.launch.slurm import queued  # noqa: PLC0415  (submitit)

        try:
            found = queued(self._store)
        except ConfigError:  # no SLURM here, or it is away for a moment
            return 0
        return len(found.slots) + len(found.continuations)

    def _notes(self, count: Count, awaited: Mapping[Key, int]) -> list[str]:
        units = count.packs + count.baselines
        halt = self._store.halts.why() if units[LOST] + units[PLANNED] else None
        said = [halt.text if halt else "", word(self._store)]
        if units[FAILED]:
            said.append(f"{units[FAILED]} packs failed: see `ganbench failures {called(self._store.folder)}`")
        if units[UNVERIFIED]:
            said.append(
                f"{units[UNVERIFIED]} packs run where they cannot be asked: running, as far as is known"
            )
        if units[LOST]:
            said.append(f"{units[LOST]} packs were interrupted: the same command resumes them")
        if any(n for key, n in awaited.items() if key[-1] == RERUN):
            said.append("reruns are planned when every trial of the search is done")
        return [text for text in said if text]


def state(count: Count, awaited: Mapping[Key, int], *, attended: bool = False) -> str:
    """Return a sweep's state in a word or two; `awaited` trials are still to be planned.

    A failed pack keeps reruns from being planned, not settings that a search is still to choose. The sweep waits where
    nothing runs but somebody sees to it (`attended`: a driver, jobs in a queue), else it is halted.
    """
    units = count.packs + count.baselines
    due = sum(trials for key, trials in awaited.items() if key[-1] != RERUN or not count.packs[FAILED])
    if not count.groups and set(units) <= {PLANNED}:
        return NOT_PLANNED
    if count.running or units[RUNNING] + units[UNVERIFIED]:
        return RUNNING
    if not due + units[PLANNED] + units[LOST]:
        return WITH_FAILURES if units[FAILED] else COMPLETE
    if attended:
        return WAITING
    return PLANNED if set(units) <= {PLANNED} else HALTED


def totals(count: Count) -> dict[str, int]:
    """Return the number of planned lines in each state, and altogether, as `Store.counts` has it."""
    found = {name: sum(group.counts[name] for group in count.groups.values()) for name in TRIAL_STATES}
    return {**found, "total": sum(found.values())}


def headline(definition: Mapping[str, Any], choices: Mapping[str, str]) -> tuple[Metric, str] | None:
    """Return the headline of a variant's protocol, and the protocol's id; None where the definition names none."""
    dataset = choices.get("dataset", "")
    results = Results.of_definition(definition)
    try:
        protocol = results.protocol(dataset)
        return results.metric(dataset, protocol["headline"]), protocol["id"]
    except (ReportError, KeyError):
        return None


def _row(
    definition: Mapping[str, Any], count: Count, key: Key, missing: int, cost: float | None
) -> dict[str, Any]:
    """Return a variant's stage as a flat record."""
    group = count.groups.get(key, Group())
    choices = dict(zip(axes(definition, count), key, strict=False))
    found = headline(definition, choices)
    metric, protocol = found or (None, "")
    span = group.extremes.get(protocol, {}).get(metric.key) if metric else None
    best = None if span is None or metric is None else span[0] if metric.minimize else span[1]
    return {
        **choices,
        "stage": key[-1],
        **group.counts,
        "to_come": missing,
        "metric": metric.key if metric else None,
        "direction": metric.direction if metric else None,
        "best": best,
        "seconds_per_trial": _rounded(cost),
    }


def _left(count: Count, awaited: Mapping[Key, int], cost: Mapping[Key, float]) -> float | None:
    """Return the device-seconds still to be spent; None where something is left that nothing tells the cost of."""
    total = 0.0
    for key, missing in awaited.items():
        group = count.groups.get(key, Group())
        if not (group.left or group.running or missing):
            continue
        if key not in cost:
            return None
        total += left(group, missing, cost[key])
    return total


def _steps(definition: Mapping[str, Any], count: Count) -> dict[Key, int]:
    names = axes(definition, count)
    return {
        variant: final_step(definition, dict(zip(names, variant, strict=True)))
        for variant in variants(definition, count)
    }


def _in_order(count: Count) -> Any:
    """Order rows by stage as `status` always did: all of the search, then the reruns."""
    known: Iterable[Key] = count.groups
    place = {key: number for number, key in enumerate(known)}
    return lambda key: (key[-1] == RERUN, place.get(key, len(place)))


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / HOUR_S, 4)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
