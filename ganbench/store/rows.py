"""Every row of a sweep's files, gathered: attempts, later scorings and what is compacted already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ganbench import files
from ganbench.store import frames
from ganbench.store.attempts import Attempt
from ganbench.store.plan import Plan


def merged(folder: Path, plan: Plan, attempts: Callable[[str], list[Attempt]]) -> pd.DataFrame:
    """Return each score once, the newest attempt's where two attempts have it.

    Raises `StoreError` where two rows of one trial, step, metric and protocol disagree.
    """
    packs = plan.pack_of()
    later = files.read_lines(folder / "rescored.jsonl")
    later = [row | {"pack_id": packs.get(row["trial_id"]), "attempt": 0} for row in later]
    ours = (
        row | {"pack_id": pack_id, "attempt": attempt.number}
        for pack_id in plan.packs
        for attempt in attempts(pack_id)
        for row in attempt.scores()
    )
    return frames.merge([_compacted(folder, plan), frames.scores_frame(later), frames.scores_frame(ours)])


def baselines(folder: Path, attempts: list[Attempt]) -> pd.DataFrame:
    """Return each baseline once, those of attempts where they repeat; `unit` names who scored it."""
    rows = [row | {"unit": attempt.pack_id} for attempt in attempts for row in attempt.baselines()]
    return frames.baselines_frame(files.read_lines(folder / "baselines.jsonl") + rows)


def write_baselines(table: pd.DataFrame, folder: Path) -> None:
    """Replace baselines.jsonl, if there is any."""
    if len(table):
        files.replace_bytes(folder / "baselines.jsonl", files.encode_lines(frames.records(table)))


def _compacted(folder: Path, plan: Plan) -> pd.DataFrame:
    path = folder / "scores.parquet"
    if not path.exists():
        return frames.scores_frame([])
    return frames.scores_of_tidy(frames.read_parquet(path), plan.trials)
