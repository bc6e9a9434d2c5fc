"""The plan of a sweep as lines of trials.jsonl: one a planned trial, each with its pack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench import files
from ganbench.errors import StoreError
from ganbench.records import Pack, Trial

_PACK_FIELDS = ("lanes", "mode", "threads", "precision", "trial_ids")


@dataclass(frozen=True)
class Plan:
    """The planned lines in order, and the packs that train them."""

    trials: list[Trial]
    packs: dict[str, Pack]

    def extended(self, trials: Iterable[Trial], packs: Iterable[Pack]) -> Plan:
        """Return the plan with more lines; those that are in it already are not repeated.

        Raises `ValueError` where a line's trial is not in its pack, or was planned as another trial.
        """
        known = self.packs | {pack.pack_id: pack for pack in packs}
        lines = {_place(trial): trial for trial in self.trials}
        for trial in trials:
            if trial.pack_id not in known or trial.trial_id not in known[trial.pack_id].trial_ids:
                raise ValueError(f"trial {trial.trial_id} is not among the lanes of pack {trial.pack_id}")
            if lines.setdefault(_place(trial), trial).trial_id != trial.trial_id:
                raise ValueError(f"{_place(trial)} is planned already, as another trial")
        return Plan(list(lines.values()), known)

    def pack_of(self) -> dict[str, str]:
        """Return which pack trains each trial."""
        return {trial_id: pack.pack_id for pack in self.packs.values() for trial_id in pack.trial_ids}


def write_plan(plan: Plan, path: Path) -> None:
    """Replace trials.jsonl."""
    data = files.encode_lines(
        trial.to_json() | {"pack": _pack_json(plan.packs[trial.pack_id])} for trial in plan.trials
    )
    files.replace_bytes(path, data)


def read_plan(path: Path) -> Plan:
    """Read trials.jsonl; no file is an empty plan. Raises `StoreError` where a line is not a plan's line."""
    rows = files.read_lines(path)
    try:
        for name in {row[key] for row in rows for key in ("trial_id", "pack_id")}:
            files.bare_name(name)  # they name files and folders
        packs = [row.pop("pack") for row in rows]
        trials = [Trial(**row) for row in rows]
        first = {trial.pack_id: number for number, trial in reversed(list(enumerate(trials)))}
        known = {
            pack: _pack(trials[number], packs[number]) for pack, number in sorted(first.items(), key=_number)
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is not a plan of this version ({error}): plan under another name"
        ) from error
    return Plan(trials, known)


def _number(item: tuple[str, int]) -> int:
    return item[1]


def _place(trial: Trial) -> tuple[Any, ...]:
    return (trial.stage, *sorted(trial.variant.items()), trial.index, trial.seed)


def _pack_json(pack: Pack) -> dict[str, Any]:
    return {name: value for name, value in pack.to_json().items() if name in _PACK_FIELDS}


def _pack(first: Trial, row: dict[str, Any]) -> Pack:
    """Return a pack from the first line that names it."""
    return Pack(
        pack_id=first.pack_id,
        stage=first.stage,
        variant=first.variant,
        **{**row, "trial_ids": tuple(row["trial_ids"])},
    )
