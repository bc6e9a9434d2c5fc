"""A folder of results that no sweep here made: definition, plan and scores written at once, or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench import files
from ganbench.errors import StoreError
from ganbench.records import Pack, Trial
from ganbench.store import frames
from ganbench.store.definition import to_yaml
from ganbench.store.folder import Store
from ganbench.store.plan import Plan, write_plan

IMPORTED = "imported"  # in a definition: nothing was trained here, and nothing can be


def adopt(store: Store, definition: Mapping[str, Any], plan: Plan, scores: pd.DataFrame) -> None:
    """Write a whole folder aside and move it into place. Raises `StoreError` where something is there already."""
    check_free(store)
    aside = store.results / f"{files.TEMPORARY}{uuid.uuid4().hex}"
    with files.mendable(store.results):
        aside.mkdir(parents=True)
    try:
        table = frames.tidy(plan.trials, store.name, scores)
        files.replace(aside / "scores.parquet", lambda path: frames.write_parquet(table, path))
        write_plan(plan, aside / "trials.jsonl")
        files.replace_text(aside / "sweep.yaml", to_yaml(definition))
        with files.mendable(store.results):
            aside.rename(store.folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_free(store: Store) -> None:
    """Raise `StoreError` where the folder is taken."""
    if store.folder.exists():
        raise StoreError(f"{store.folder} is there already: give the runs another name with --as")


def refuse_imported(store: Store, what: str) -> None:
    """Raise `StoreError` where a folder holds imported scores only, of which nothing can be trained or scored."""
    if store.exists() and IMPORTED in store.definition():
        raise StoreError(
            f"{store.folder} holds imported scores, with which nothing can be {what}: "
            "use another name, or another folder with --results"
        )


def packs_of(trials: list[Trial]) -> dict[str, Pack]:
    """Return a pack of one for each trial: who else trained beside it is not known."""
    return {
        trial.pack_id: Pack(
            trial.pack_id, trial.stage, trial.variant, (trial.trial_id,), 1, IMPORTED, 0, "unknown"
        )
        for trial in reversed(trials)
    }


def empty(results: Path, name: str) -> Store:
    """Return the store of a folder to be adopted; raises `StoreError` where its name is taken or is none."""
    store = Store(results, name)
    check_free(store)
    return store
