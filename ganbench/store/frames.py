"""The store's rows as tables: merged, checked, and joined with the plan into the tidy table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganbench.errors import StoreError
from ganbench.files import read_lines
from ganbench.records import Pack, Trial
from ganbench.store.states import DIVERGED, Reached

BASELINE = ["dataset", "protocol", "baseline", "metric", "value", "unit"]
UNFINISHED = "unfinished"  # a column of rows of attempts that have not ended well
KEY = ["trial_id", "step", "metric", "protocol"]  # what identifies a row
TEXTS = ("trial_id", "metric", "protocol", "status", "pack_id")
_FACTS = ["images_seen", "seconds", "value", "status", "pack_id", "attempt"]
_PLAN = ["trial_id", "sweep", "stage", "index", "seed", "is_default"]
_TAIL = ["step", "images_seen", "seconds", "metric", "value", "status", "protocol", "pack_id", "attempt"]


def scores_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return score rows as a table; diverged is NaN, and what is in `extra` becomes columns.

    Rows are taken one by one and need not all be in memory: there may be millions.
    """
    columns: dict[str, list[Any]] = {name: [] for name in (*KEY, *_FACTS)}
    shared: dict[str, str] = {}  # equal texts once
    number = 0
    for number, row in enumerate(rows, start=1):
        for name, value in (*row.items(), *row.get("extra", {}).items()):
            column = columns.setdefault(name, [])
            column.extend([None] * (number - 1 - len(column)))
            column.append(shared.setdefault(value, value) if isinstance(value, str) else value)
    columns.pop("extra", None)
    for column in columns.values():
        column.extend([None] * (number - len(column)))
    return pd.DataFrame({name: _series(name, columns.pop(name)) for name in list(columns)})


def _series(name: str, values: list[Any]) -> pd.Series[Any]:
    """Return a column with the type that a score's field has; what is not one's is as pandas reads it."""
    if name in ("step", "images_seen", "attempt"):
        return pd.Series(values, dtype="int64")
    if name in ("seconds", "value"):
        return pd.Series(values, dtype="float64")
    return pd.Series(values, dtype=None if values else object)


def merge(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several tables once each, those of later tables where they repeat.

    Where two rows of one trial, step, metric and protocol differ, the attempt that took the trial further is right:
    the other ended early, and the trial went on elsewhere. Of two that went as far, one that is `unfinished` gives
    way. Raises `StoreError` where that does not tell them apart.
    """
    present = [table for table in tables if len(table)]
    if not present:
        return scores_frame([])
    rows = present[0] if len(present) == 1 else pd.concat(present, ignore_index=True)
    if rows.duplicated(KEY).any():
        rows = _settled(rows, np.repeat(range(len(present)), [*map(len, present)]))
    return rows.drop(columns=UNFINISHED, errors="ignore")


def _settled(rows: pd.DataFrame, table: NDArray[np.int64]) -> pd.DataFrame:
    """Return rows once each, from tables of these numbers."""
    clash = _clashing(rows)
    if len(clash):
        rows = rows.drop(_given_way(rows.assign(table=table), clash))
        left = _clashing(rows)
        if len(left):
            raise StoreError(_clash(left))
    return rows.drop_duplicates(KEY, keep="last", ignore_index=True)


def _clashing(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows that differ from another of their key, each different one once."""
    different = rows[rows.duplicated(KEY, keep=False)].drop_duplicates([*KEY, "value", "status"])
    return different[different.duplicated(KEY, keep=False)]


def _given_way(rows: pd.DataFrame, clash: pd.DataFrame) -> pd.Index:
    """Return the places of all rows of clashing keys that are not of the attempt that went furthest."""
    ours = rows[rows["trial_id"].isin(clash["trial_id"])]
    reach = ours.groupby(["trial_id", "table", "attempt"], observed=True)["step"].transform("max")
    ended = ours[UNFINISHED].ne(1) if UNFINISHED in ours else 1  # of the others' rows nothing is known
    standing = 2 * reach + ended
    best = standing.groupby([ours[name] for name in KEY], observed=True).transform("max")
    clashes = pd.MultiIndex.from_frame(ours[KEY]).isin(pd.MultiIndex.from_frame(clash[KEY]))
    return ours.index[clashes & (standing < best).to_numpy()]


def with_axes(scores: pd.DataFrame, packs: Mapping[str, Pack]) -> pd.DataFrame:
    """Return scores with the axes of their packs as further columns."""
    axes = dict.fromkeys(name for pack in packs.values() for name in pack.variant if name not in scores)
    place, known = pd.factorize(scores["pack_id"], use_na_sentinel=False)
    found = [packs[pack].variant if pack in packs else {} for pack in known]
    columns = {name: pd.Series([v.get(name) for v in found], dtype=object).to_numpy() for name in axes}
    return scores.assign(**{name: column[place] for name, column in columns.items()})


def baselines_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return baseline rows as a table, each baseline once."""
    frame = pd.DataFrame(rows, columns=[*dict.fromkeys([*BASELINE, *(name for row in rows for name in row)])])
    frame = frame.astype({"value": "float64"})
    return frame.drop_duplicates(BASELINE[:-2], keep="last", ignore_index=True)


def units_of(path: Path) -> frozenset[str]:
    """Return the units of work whose baselines a baselines.jsonl holds."""
    return frozenset(row["unit"] for row in read_lines(path) if "unit" in row)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as plain dicts, NaN as None."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def tidy(trials: list[Trial], sweep: str, scores: pd.DataFrame) -> pa.Table:
    """Return one row per planned line × step × metric: ids, axes, params, score."""
    plan = _plan_frame(trials, sweep)
    both = [name for name in plan if name in scores and name != "trial_id"]  # an axis `protocol`
    plan = plan.drop(columns=both)
    extras = [name for name in scores if name not in {*KEY, *_FACTS}]
    rows = plan.merge(scores, on="trial_id", how="inner")
    rows = rows.sort_values(["line", "step", "metric", "protocol"], kind="stable")
    ordered = [name for name in plan if name != "line"] + _TAIL + extras
    return pa.Table.from_pandas(rows[ordered], preserve_index=False).replace_schema_metadata(None)


def coded(column: Any) -> tuple[NDArray[np.int64], list[str]]:
    """Return each text's place among the different ones, and those in order of appearance; null is empty."""
    text = column.cast(pa.string()) if pa.types.is_null(column.type) else column  # of a table without rows
    found = text.fill_null("").dictionary_encode()
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return np.asarray(found.indices, dtype=np.int64), found.dictionary.to_pylist()


def read_parquet(path: Path, columns: list[str] | None = None, coded: Sequence[str] = ()) -> pa.Table:
    """Read a table, some texts as codes; raises `StoreError` where the file is not one or lacks a column."""
    return _opened(path, lambda: pq.read_table(path, columns=columns, read_dictionary=coded))


def columns_of(path: Path) -> list[str]:
    """Return the names of a table's columns; raises `StoreError` where the file is not one."""
    names: list[str] = _opened(path, lambda: pq.read_schema(path)).names
    return names


def _opened(path: Path, reader: Callable[[], Any]) -> Any:
    try:
        return reader()
    except FileNotFoundError:
        raise StoreError(f"there is no {path}: name a sweep's folder or its scores.parquet") from None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(". ")
        raise StoreError(
            f"cannot read {path} ({reason}): restore it, or delete it if packs/ is complete"
        ) from error


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table."""
    pq.write_table(table, path, compression="zstd")


def read_scores(path: Path, trials: list[Trial], *, coded: bool = False) -> pd.DataFrame:
    """Return the scores in a tidy table, as often as planned lines share their trial.

    ``coded`` reads texts as categories, in order, which a million rows are found and grouped by fastest.
    """
    planned = {*_PLAN, *(name for trial in trials for name in (*trial.variant, *trial.params))}
    names = [name for name in columns_of(path) if name in {*KEY, *_FACTS} or name not in planned]
    frame: pd.DataFrame = read_parquet(path, names, TEXTS if coded else ()).to_pandas()
    return frame.assign(
        **{str(name): _in_order(column) for name, column in frame.select_dtypes("category").items()}
    )


def _in_order(column: pd.Series) -> pd.Categorical:
    known = column.cat.categories
    order = known.argsort()
    places = np.append(np.argsort(order), -1)  # of what is missing, whose code is −1, too
    return pd.Categorical.from_codes(places[column.cat.codes], known[order])


def read_reached(path: Path) -> dict[str, Reached]:
    """Return how far each trial's rows go in scores.parquet; no file is no rows."""
    if not path.exists():
        return {}
    table = read_parquet(path, ["trial_id", "step", "status"])
    if table.num_rows == 0:
        return {}
    frame = table.to_pandas(strings_to_categorical=True)
    frame["diverged"] = frame["status"] == DIVERGED
    ends = frame.groupby("trial_id", observed=True).agg({"step": "max", "diverged": "any"})
    return {str(row.Index): Reached(int(row.step), bool(row.diverged)) for row in ends.itertuples()}


def states_frame(trials: list[Trial], states: list[str]) -> pd.DataFrame:
    """Return the plan's lines with a column `state`."""
    plan = _plan_frame(trials, "").drop(columns=["sweep", "line"])
    return plan.assign(pack_id=[trial.pack_id for trial in trials], state=states)


def _plan_frame(trials: list[Trial], sweep: str) -> pd.DataFrame:
    """Return the plan, one row a line; `line` keeps its order."""
    axes = dict.fromkeys(name for trial in trials for name in trial.variant)
    params = dict.fromkeys(name for trial in trials for name in trial.params)
    columns: dict[str, Any] = {
        "trial_id": [t.trial_id for t in trials],
        "sweep": [sweep] * len(trials),
        "stage": [t.stage for t in trials],
        **{name: [t.variant.get(name) for t in trials] for name in axes},
        "index": [t.index for t in trials],
        "seed": [t.seed for t in trials],
        "is_default": [t.is_default for t in trials],
        **{name: _column([t.params.get(name) for t in trials]) for name in params},
        "line": list(range(len(trials))),
    }
    return pd.DataFrame({name: pd.Series(values, dtype=_dtype(values)) for name, values in columns.items()})


def _dtype(values: list[Any]) -> Any:
    """Keep what pandas would change: booleans and integers with gaps."""
    kinds = set(map(type, values))
    return object if type(None) in kinds and any(issubclass(kind, int) for kind in kinds) else None


def _column(values: list[Any]) -> list[Any]:
    """Make one column of a parameter that models spell differently: numbers as floats, else text."""
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) <= 1 and not kinds & {list, dict, tuple}:
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]


def _clash(rows: pd.DataFrame) -> str:
    first = rows[(rows[KEY] == rows.iloc[0][KEY]).all(axis="columns")]
    (_, a), (_, b) = list(first.iterrows())[:2]
    return (
        f"attempts {a['attempt']} and {b['attempt']} of pack {a['pack_id']} disagree on {a['metric']} of "
        f"trial {a['trial_id']} at step {a['step']} ({float(a['value'])!r} and {float(b['value'])!r}): "
        "move one attempt's folder away, and scores.parquet if it holds the same rows"
    )
