"""What the sampler is told of trials that have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.results import Metric, Results
from ganbench.analysis.selection import ceilings, outcomes
from ganbench.gather import gather
from ganbench.records import Trial
from ganbench.store import Store
from ganbench.store.asks import TELL, Event, place
from ganbench.store.states import DIVERGED, DONE, FAILED


def told_metric(definition: Mapping[str, Any], dataset: str) -> tuple[Metric, str]:
    """Return the metric that is told, the one that would choose a setting for reruns, and of which checkpoint.

    That is `best` (over finite ones) or `last`.
    """
    results = Results.of_definition(definition)
    return results.choosing(dataset), results.chosen_at


def news(store: Store, events: Sequence[Event]) -> list[Event]:
    """Return what the sampler has not been told yet, in the plan's order."""
    told = {event.place: event.state for event in events if event.event == TELL}
    ended = [
        (trial, state)
        for trial, state in zip(store.plan().trials, store.trial_states()["state"], strict=True)
        if trial.stage == "search" and state in (DONE, DIVERGED, FAILED)
    ]
    fresh = [(t, state) for t, state in ended if told.get(place(t.variant, t.index)) != state]
    scored = [trial for trial, state in fresh if state != FAILED]
    values = values_told(gather(store, {t.pack_id for t in scored}), scored, events) if scored else {}
    return [
        Event(TELL, trial.variant, trial.index, state, values.get(trial.trial_id))
        for trial, state in fresh
        if state == FAILED or trial.trial_id in values
    ]


def values_told(results: Results, trials: Sequence[Trial], events: Sequence[Event] = ()) -> dict[str, float]:
    """Return the selecting metric of finished trials, by their ids.

    One without a finite score is worth the ceiling (see `selection.ceilings`), or the worst that its variant has
    had so far, in `events` and here, where that is worse; it is left out while neither is known.
    """
    keys = {told_metric(results.definition, name)[0].key for name in results.datasets}
    results = replace(results, scores=results.scores[results.scores["metric"].isin(keys)])
    table = outcomes(results)
    found = {t.trial_id: value for t in trials if (value := _score(results, table, t)) is not None}
    unscored = [trial for trial in trials if trial.trial_id not in found]
    limits = ceilings(results, table) if unscored else pd.DataFrame()
    for trial in unscored:
        told = [e.value for e in events if e.variant == trial.variant and e.value is not None]
        told += [found[t.trial_id] for t in trials if t.variant == trial.variant and t.trial_id in found]
        if (worst := _worst(results, limits, trial, told)) is not None:
            found[trial.trial_id] = worst
    return found


def _score(results: Results, table: pd.DataFrame, trial: Trial) -> float | None:
    metric, at = told_metric(results.definition, trial.variant["dataset"])
    rows = table[(table["trial_id"] == trial.trial_id) & (table["metric"] == metric.key)]
    finite = rows[rows[f"{at}_finite"].astype(bool)]
    return float(finite[at].iloc[0]) if len(finite) else None


def _worst(results: Results, limits: pd.DataFrame, trial: Trial, told: list[float]) -> float | None:
    dataset = trial.variant["dataset"]
    metric = told_metric(results.definition, dataset)[0]
    ours = (limits["dataset"] == dataset) & (limits["metric"] == metric.key)
    known = [value for value in (*told, *limits.loc[ours, "ceiling"]) if np.isfinite(value)]
    if not known:
        return None
    return float(max(known) if metric.minimize else min(known))
