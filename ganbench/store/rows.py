"""Every row of a sweep's files, gathered: attempts, later scorings and what is compacted already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from ganbench import files
from ganbench.store import frames
from ganbench.store.attempts import Attempt
from ganbench.store.contents import Contents, begun, read_contents, write_contents
from ganbench.store.plan import Plan

Attempts: TypeAlias = Callable[[str], list[Attempt]]  # at a pack, oldest first


def merged(folder: Path, plan: Plan, attempts: Attempts, *, coded: bool = False) -> pd.DataFrame:
    """Return each score once, the newest attempt's where two attempts have it.

    Attempts are read of packs that scores.parquet does not hold as they are. ``coded`` leaves its texts categories
    where it holds all. Raises `StoreError` where two rows of one trial, step, metric and protocol disagree.
    """
    return _merged(folder, plan, attempts, read_contents(folder), coded=coded)


def compact(folder: Path, name: str, plan: Plan, attempts: Attempts) -> Path:
    """Write scores.parquet from every row there is, and what it was made of; return its path."""
    contents, path = begun(folder, plan.packs), folder / "scores.parquet"
    scores, found = _merged(folder, plan, attempts, {}), list[str]()
    table = frames.tidy(plan.trials, name, scores)

    def write(temporary: Path) -> None:
        frames.write_parquet(table, temporary)
        found.append(files.sha256(temporary))

    files.replace(path, write)
    if set(scores["trial_id"]) <= {trial.trial_id for trial in plan.trials}:  # else the table lacks some
        write_contents(folder, found[0], contents)
    return path


def _merged(
    folder: Path, plan: Plan, attempts: Attempts, known: Contents, *, coded: bool = False
) -> pd.DataFrame:
    packs = plan.pack_of()
    later = files.read_lines(folder / "rescored.jsonl")
    later = [row | {"pack_id": packs.get(row["trial_id"]), "attempt": 0} for row in later]
    there = begun(folder, known.keys() & plan.packs.keys())
    # a pack's attempts are read all or none: which of two has a row is decided by the newest
    unread = [pack_id for pack_id in plan.packs if there.get(pack_id, []) != known.get(pack_id)]
    ours = (row for pack_id in unread for attempt in attempts(pack_id) for row in _rows(pack_id, attempt))
    compacted = _compacted(folder, plan, coded=coded)
    return frames.merge([compacted, frames.scores_frame(later), frames.scores_frame(ours)])


def _rows(pack_id: str, attempt: Attempt) -> Iterator[dict[str, Any]]:
    facts = {"pack_id": pack_id, "attempt": attempt.number, frames.UNFINISHED: not attempt.done()}
    return (row | facts for row in attempt.scores())


def baselines(folder: Path, attempts: list[Attempt]) -> pd.DataFrame:
    """Return each baseline once, those of attempts where they repeat; `unit` names who scored it."""
    rows = [row | {"unit": attempt.pack_id} for attempt in attempts for row in attempt.baselines()]
    return frames.baselines_frame(files.read_lines(folder / "baselines.jsonl") + rows)


def write_baselines(table: pd.DataFrame, folder: Path) -> None:
    """Replace baselines.jsonl, if there is any."""
    if len(table):
        files.replace_bytes(folder / "baselines.jsonl", files.encode_lines(frames.records(table)))


def _compacted(folder: Path, plan: Plan, *, coded: bool) -> pd.DataFrame:
    path = folder / "scores.parquet"
    if not path.exists():
        return frames.scores_frame([])
    return frames.read_scores(path, plan.trials, coded=coded)
