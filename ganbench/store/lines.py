"""The plan as columns: what counting a hundred thousand trials needs of trials.jsonl, without an object for each."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from numpy.typing import NDArray

from ganbench import files
from ganbench.errors import StoreError
from ganbench.store.frames import coded
from ganbench.store.plan import read_plan

_MARK = "\x1f"  # between the parts of a group's name; no choice holds it
_BLOCK = 1 << 24  # bytes read at once; a line must fit


class Lines:
    """The planned lines: `group[i]` and `pack[i]` are line i's places in `groups` (choices, then stage) and `packs`."""

    def __init__(self, axes: tuple[str, ...], table: pa.Table) -> None:
        self.axes = axes
        choices = [pc.struct_field(table["variant"].combine_chunks(), [axis]) for axis in axes]
        names = pc.binary_join_element_wise(*choices, table["stage"].combine_chunks(), _MARK)
        self.group, named = coded(names)
        self.groups = [tuple(name.split(_MARK)) for name in named]
        self.pack, self.packs = coded(table["pack_id"])
        self.trials = table["trial_id"].combine_chunks()

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Return the line of each trial that is planned first; a trial may be drawn more than once."""
        return np.sort(np.unique(coded(self.trials)[0], return_index=True)[1])

    @cached_property
    def lanes(self) -> NDArray[np.int64]:
        """Return the number of trials of each pack."""
        return np.bincount(self.pack[self.first], minlength=len(self.packs))

    @cached_property
    def group_of_pack(self) -> NDArray[np.int64]:
        """Return the group of each pack's first line."""
        return self.group[np.unique(self.pack, return_index=True)[1]]

    def trials_of(self, pack: int) -> tuple[str, ...]:
        """Return the trials of a pack, by its place in `packs`."""
        start, stop = self._bounds[pack : pack + 2]
        return tuple(dict.fromkeys(self.trials.take(pa.array(self._order[start:stop])).to_pylist()))

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.pack, kind="stable")

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        return np.searchsorted(self.pack[self._order], np.arange(len(self.packs) + 1))


def read_lines(path: Path) -> Lines | None:
    """Read trials.jsonl; None where nothing is planned. Raises `StoreError` where a line is not a plan's line."""
    try:
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]  # without a torn last line
        if not whole:
            return None
        axes = tuple(json.loads(whole.partition(b"\n")[0])["variant"])
        table = pyarrow.json.read_json(
            pa.BufferReader(whole),
            read_options=pyarrow.json.ReadOptions(block_size=_BLOCK),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=_schema(axes), unexpected_field_behavior="ignore"
            ),
        )
    except FileNotFoundError:
        return None
    except (pa.ArrowException, ValueError, KeyError, TypeError):
        raise _damage(path) from None
    names = (pc.match_substring_regex(table[key], rf"\A{files.NAME}\z") for key in ("trial_id", "pack_id"))
    if any(column.null_count for column in table.columns) or not all(pc.all(n).as_py() for n in names):
        raise _damage(path)
    return Lines(axes, table)


def _schema(axes: tuple[str, ...]) -> pa.Schema:
    text = pa.string()
    variant = pa.struct([(axis, text) for axis in axes])
    return pa.schema([("trial_id", text), ("variant", variant), ("stage", text), ("pack_id", text)])


def _damage(path: Path) -> StoreError:
    """Return what is wrong with a plan, in the words of its slower reader."""
    try:
        read_plan(path)
    except StoreError as error:
        return error
    return StoreError(f"{path} is not a plan of this version: plan under another name")
