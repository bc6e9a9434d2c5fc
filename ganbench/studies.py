"""A sweep as Optuna studies, one a variant. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ganbench import files
from ganbench.analysis.results import FINISHED, Results
from ganbench.analysis.selection import divergence
from ganbench.controller import told_metric, values_told
from ganbench.gather import gather
from ganbench.records import Trial
from ganbench.search import StudyRecord, TrialRecord, write_journal
from ganbench.store import Store
from ganbench.store.adopted import refuse_imported
from ganbench.store.asks import History, place


class Found(NamedTuple):
    """What is known of trials, by their ids."""

    values: dict[str, float]
    divergence: dict[str, str]
    checkpoints: dict[str, dict[int, float]]


def export_studies(
    studies: list[StudyRecord], path: Path, on_trial: Callable[[int], None] = lambda _: None
) -> None:
    """Write studies of a sweep to an Optuna journal."""

    def write(temporary: Path) -> None:
        try:
            write_journal(temporary, studies, on_trial)
        finally:
            temporary.with_name(f"{temporary.name}.lock").unlink(missing_ok=True)

    files.replace(path, write)


def studies_of(store: Store) -> list[StudyRecord]:
    """Return every planned trial of a sweep as things stand, in a study for each variant.

    The value is the metric that chooses settings, of the checkpoint that it is chosen by; what stands in for a
    diverged trial's is what the sampler was told, or would be.
    """
    refuse_imported(store, "exported to Optuna, since their search space is not known")
    definition, results = store.definition(), gather(store)
    trials = list(zip(store.plan().trials, results.trials["state"], strict=True))
    found = _found(store, results, [trial for trial, state in trials if state in FINISHED])
    times = {name: _times(store, name) for name in store.plan().packs}
    return [
        _study(
            definition,
            variant,
            [
                _record(trial, state, found, times[trial.pack_id])
                for trial, state in trials
                if trial.variant == variant["choices"]
            ],
        )
        for variant in definition["variants"]
    ]


def _found(store: Store, results: Results, ended: list[Trial]) -> Found:
    told = {event.place: event.value for event in History(store.folder).read()}
    values = values_told(results, ended)
    for trial in ended:
        value = told.get(place(trial.variant, trial.index)) if trial.stage == "search" else None
        values |= {} if value is None else {trial.trial_id: value}
    kinds = divergence(results.trials, results.scores)
    checkpoints: dict[str, dict[int, float]] = {}
    metrics = {t.trial_id: told_metric(results.definition, t.variant["dataset"])[0].key for t in ended}
    for row in results.scores[results.scores["status"] == "ok"].to_dict("records"):
        if metrics.get(row["trial_id"]) == row["metric"]:
            checkpoints.setdefault(row["trial_id"], {})[row["step"]] = row["value"]
    return Found(values, dict(zip(results.trials["trial_id"], kinds, strict=True)), checkpoints)


def _record(
    trial: Trial, state: str, found: Found, times: tuple[datetime | None, datetime | None]
) -> TrialRecord:
    notes = {
        "trial_id": trial.trial_id,
        "stage": trial.stage,
        "setting": trial.index,
        "seed": trial.seed,
        "is_default": trial.is_default,
        "pack": trial.pack_id,
        "state": state,
        "divergence": found.divergence[trial.trial_id],
    }
    value, checkpoints = found.values.get(trial.trial_id), found.checkpoints.get(trial.trial_id, {})
    return TrialRecord(trial.params, state, value, checkpoints, notes, *times)


def _study(
    definition: Mapping[str, Any], variant: Mapping[str, Any], records: list[TrialRecord]
) -> StudyRecord:
    dataset = variant["choices"]["dataset"]
    metric, at = told_metric(definition, dataset)
    called = ", ".join(f"{axis}={choice}" for axis, choice in variant["choices"].items())
    notes = {
        "sweep": definition["name"],
        **variant["choices"],
        "metric": metric.key,
        "at": at,
        "protocol": definition["protocols"][dataset]["id"],
        "sampler": definition["search"]["sampler"],
    }
    return StudyRecord(f"{definition['name']}: {called}", metric.direction, variant["config"], notes, records)


def _times(store: Store, pack_id: str) -> tuple[datetime | None, datetime | None]:
    """Return when a pack was begun and when it ended, as its attempts say."""
    attempts = store.attempts(pack_id)
    starts = [facts["start"] for attempt in attempts if (facts := attempt.provenance())]
    ends = [facts["end"] for attempt in attempts if (facts := attempt.outcome())]
    return _local(starts[:1]), _local(ends[-1:])


def _local(stamps: list[str]) -> datetime | None:
    """Return a time as Optuna has it: this machine's, without a zone."""
    return datetime.fromisoformat(stamps[0]).astimezone().replace(tzinfo=None) if stamps else None
