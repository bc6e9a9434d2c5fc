"""Rows of readings as planned trials and their scores: types checked, runs told apart, nothing twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ganbench.errors import DataError
from ganbench.files import NAME
from ganbench.identity import digest
from ganbench.importers.readings import RUN
from ganbench.records import Trial

PACK = "imported-"  # what the id of a run's pack starts with
STAGES = ("search", "rerun")
KEY = ("trial_id", "step", "metric", "protocol")
SCORE = (*KEY, "images_seen", "seconds", "value", "status", "pack_id", "attempt")
ASK = {
    "model": "--stated model=NAME",
    "dataset": "--stated dataset=NAME",
    "step": "--stated step=N where each run is scored once",
}


def checked(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with every fact in its type. Raises `DataError` naming the first that is not."""
    for name, fix in ASK.items():
        if name not in rows or rows[name].isna().any() or (rows[name].astype(str).str.strip() == "").any():
            raise DataError(f"the files do not say the {name} of every score: add {fix}, or name its column")
    seen = rows["images_seen"] if "images_seen" in rows else pd.Series(np.nan, index=rows.index)
    spent = rows["seconds"] if "seconds" in rows else pd.Series(np.nan, index=rows.index)
    given = {name: rows[name] for name in ("seed", "index", "stage", "is_default") if name in rows}
    rows = rows.assign(
        **{name: rows[name].astype(str).str.strip() for name in ("model", "dataset", "metric")},
        step=_typed(rows, "step", rows["step"], _whole),
        images_seen=_typed(rows, "images_seen", seen, _amount),
        seconds=_typed(rows, "seconds", spent, _amount),
        stage=_typed(rows, "stage", given.get("stage", pd.Series("search", index=rows.index)), _stage),
        seed=_typed(rows, "seed", given.get("seed", pd.Series(0, index=rows.index)), _seed),
        is_default=_typed(
            rows, "is_default", given.get("is_default", pd.Series("", index=rows.index)), _flag
        ),
    )
    if rows["images_seen"].notna().all():
        rows["images_seen"] = rows["images_seen"].astype("int64")
    if "index" in given:
        rows["index"] = _typed(rows, "index", given["index"], _whole_or_none)
    bad = ~np.isfinite(rows["value"].to_numpy(dtype=float))
    if "status" in rows:
        bad |= (rows["status"] == "diverged").to_numpy()
    return rows.assign(status=np.where(bad, "diverged", "ok"), value=rows["value"].mask(bad))


def _typed(
    rows: pd.DataFrame, name: str, values: pd.Series[Any], read: Callable[[Any], Any]
) -> pd.Series[Any]:
    values = values.astype(object).where(values.notna(), "")
    known: dict[Any, Any] = {}
    for value in values.unique():
        try:
            known[value] = read(value)
        except (TypeError, ValueError):
            first = rows.loc[(values == value).to_numpy(), "place"].iloc[0]
            raise DataError(f"{first}: {name} is {value!r}, which it cannot be") from None
    return pd.Series([known[value] for value in values], index=values.index)


def _blank(value: Any) -> bool:
    return value is None or value == "" or value != value  # noqa: PLR0124 — NaN


def _whole(value: Any) -> int:
    number = float(value)
    if not (0 <= number < np.inf) or number != int(number):
        raise ValueError(value)
    return int(number)


def _whole_or_none(value: Any) -> float:
    return np.nan if _blank(value) else float(_whole(value))


def _seed(value: Any) -> int:
    return 0 if _blank(value) else int(str(value))


def _amount(value: Any) -> float:
    return np.nan if _blank(value) else float(value)


def _stage(value: Any) -> str:
    if _blank(value):
        return "search"
    if value not in STAGES:
        raise ValueError(value)
    return str(value)


def _flag(value: Any) -> bool:
    known = {"true": True, "1": True, "": False, "false": False, "0": False, "nan": False}
    if str(value).lower() not in known:
        raise ValueError(value)
    return known[str(value).lower()]


def planned(rows: pd.DataFrame, axes: tuple[str, ...], form: str) -> tuple[list[Trial], pd.DataFrame]:
    """Return a trial for each run and the scores by trial. Raises `DataError` where a score stands twice."""
    params = [str(name) for name in rows if "." in str(name)]
    told = [name for name in (*RUN, *axes, *params) if name in rows]
    rows = rows.assign(_run=rows.groupby(told, dropna=False, sort=False).ngroup())
    _refuse_twice(rows)
    first = rows.drop_duplicates("_run").reset_index(drop=True)
    first["index"] = _indices(first, axes, params)
    trials = [_trial(row, axes, params, form) for row in first.to_dict("records")]
    _refuse_same_place(trials, first)
    ids = np.array([trial.trial_id for trial in trials], dtype=object)
    scores = rows.assign(trial_id=ids[rows["_run"].to_numpy()], attempt=1)
    scores["pack_id"] = PACK + scores["trial_id"].astype(str)
    return trials, _once(scores[list(SCORE)])


def _refuse_twice(rows: pd.DataFrame) -> None:
    twice = rows.duplicated(["_run", "step", "metric", "protocol"], keep=False)
    if twice.any():
        row = rows[twice].iloc[0]
        same = rows[twice & (rows["_run"] == row["_run"]) & (rows["step"] == row["step"])]
        a, b = same.loc[same["metric"] == row["metric"], "place"].iloc[:2]
        raise DataError(
            f"{a} and {b} both give {row['metric']} of one run of {row['model']} at step {row['step']}: "
            "remove one, or name what tells the runs apart (a column seed, index or run)"
        )


def _indices(first: pd.DataFrame, axes: tuple[str, ...], params: list[str]) -> pd.Series[Any]:
    """Return the setting of each run: as stated, else a number of its own; a rerun's is that of equal settings."""
    place = ["model", "dataset", *axes]
    own = first.groupby([*place, "stage"], dropna=False, sort=False).cumcount()
    ahead = pd.Series(first["stage"] == "rerun", index=first.index)
    setting = first.groupby([*place, *params], dropna=False, sort=False).ngroup()
    leader = own.where(~ahead).groupby(setting).transform("min")  # of the searched runs with these settings
    apart = setting.groupby([first[name] for name in place]).transform(lambda s: s.rank(method="dense") - 1)
    searched = (~ahead).groupby([first[name] for name in place]).transform("sum")
    found = own.where(~ahead, leader.fillna(searched + apart))
    return (first["index"].fillna(found) if "index" in first else found).astype(int)


def _trial(row: dict[Any, Any], axes: tuple[str, ...], params: list[str], form: str) -> Trial:
    variant = {name: str(row[name]) for name in ("model", "dataset", *axes)}
    drawn = {name: row[name] for name in params if not _blank(row[name])}
    told = {"format": form, "variant": variant, "params": drawn, "run": str(row.get("run", ""))}
    told |= {name: row[name] for name in ("stage", "index", "seed", "is_default")}
    stated = row.get("trial_id")
    trial_id = digest(told) if _blank(stated) else _nameable(str(stated))
    facts = (row["stage"], row["index"], row["seed"], bool(row["is_default"]), drawn)
    return Trial(trial_id, variant, *facts, PACK + trial_id, 0)


def _nameable(trial_id: str) -> str:
    """Return a trial's id where it can name a folder, as a pack's must, else a hash of it."""
    fits = re.fullmatch(NAME, trial_id) and re.fullmatch(NAME, PACK + trial_id)
    return trial_id if fits else digest({"trial_id": trial_id})


def _refuse_same_place(trials: list[Trial], first: pd.DataFrame) -> None:
    seen: dict[Any, str] = {}
    for trial, where in zip(trials, first["place"], strict=True):
        place = (trial.stage, *trial.variant.values(), trial.index, trial.seed)
        if place in seen:
            raise DataError(
                f"{seen[place]} and {where} are two runs of setting {trial.index} of {trial.variant['model']} "
                f"with seed {trial.seed} in the stage {trial.stage}: correct index or seed"
            )
        seen[place] = where


def _once(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of each trial once, however many lines drew it."""
    once = scores.drop_duplicates([*KEY, "value", "status"])
    clash = once[once.duplicated(list(KEY))]
    if len(clash):
        row = clash.iloc[0]
        raise DataError(
            f"two lines of trial {row['trial_id']} differ in {row['metric']} at step {row['step']}"
        )
    return once.reset_index(drop=True)
