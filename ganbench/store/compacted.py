"""scores.parquet, read as far as it is asked for: how far trials go, what packs cost, their extreme scores."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.store import frames
from ganbench.store.states import DIVERGED, Reached
from ganbench.store.summaries import Account, Extremes

_TEXTS = ("trial_id", "pack_id", "protocol", "metric", "status")
_TOTALS = ("seconds", "compile_seconds")  # running totals of a trial, in each of its rows


class Compacted:
    """What a sweep's scores.parquet holds; no file holds nothing. Raises `StoreError` where it is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = frozenset(frames.columns_of(path)) if path.exists() else frozenset[str]()

    @cached_property
    def reached(self) -> dict[str, Reached]:
        """Return how far each trial's rows go."""
        if not self._names:
            return {}
        trial, names = self._coded["trial_id"]
        step = np.full(len(names), -1)
        np.maximum.at(step, trial, self._numbers("step"))
        status, kinds = self._coded["status"]
        bad = status == (kinds.index(DIVERGED) if DIVERGED in kinds else -1)
        diverged = np.bincount(trial, weights=bad, minlength=len(names)) > 0
        return dict(zip(names, map(Reached, step.tolist(), diverged.tolist()), strict=True))

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """Return, by pack, the seconds of its trials (training, compiling, scoring) and its extreme scores."""
        if not self._names:
            return {}
        extremes = self._extremes()
        return {pack: Account(cost, extremes.get(pack, {})) for pack, cost in self._seconds().items()}

    def _extremes(self) -> dict[str, Extremes]:
        value = self._numbers("value")
        finite = np.isfinite(value)
        (pack, packs), (protocol, protocols), (metric, metrics) = (
            self._coded[name] for name in ("pack_id", "protocol", "metric")
        )
        key = ((pack * len(protocols) + protocol) * len(metrics) + metric)[finite]
        groups, place = np.unique(key, return_inverse=True)
        least, most = np.full(len(groups), np.inf), np.full(len(groups), -np.inf)
        np.minimum.at(least, place, value[finite])
        np.maximum.at(most, place, value[finite])
        found: dict[str, Extremes] = {}
        for group, low, high in zip(groups.tolist(), least.tolist(), most.tolist(), strict=True):
            (rest, m), p = divmod(group, len(metrics)), len(protocols)
            found.setdefault(packs[rest // p], {}).setdefault(protocols[rest % p], {})[metrics[m]] = [
                low,
                high,
            ]
        return found

    def _seconds(self) -> dict[str, float]:
        """Add up each trial once, however many planned lines share its rows."""
        rows = self._once()
        (trial, trials), (pack, packs) = self._coded["trial_id"], self._coded["pack_id"]
        trial, cost = trial[rows], np.zeros(len(trials))
        for name in self._names.intersection(_TOTALS):
            total = np.zeros(len(trials))
            np.maximum.at(total, trial, self._numbers(name)[rows])
            cost += total
        if "score_seconds" in self._names:
            cost += np.bincount(trial, self._numbers("score_seconds")[rows], minlength=len(trials))
        of_trial = np.zeros(len(trials), dtype=np.int64)
        of_trial[trial] = pack[rows]
        return dict(zip(packs, np.bincount(of_trial, cost, minlength=len(packs)).tolist(), strict=True))

    def _once(self) -> NDArray[np.int64]:
        """Return the places of rows that differ in trial, step, metric or protocol."""
        key = self._numbers("step").astype(np.int64)
        for name in ("trial_id", "metric", "protocol"):
            codes, names = self._coded[name]
            key = key * len(names) + codes
        return np.unique(key, return_index=True)[1]

    @cached_property
    def _coded(self) -> dict[str, tuple[NDArray[np.int64], list[str]]]:
        """Return text columns as codes and the texts they stand for."""
        table = frames.read_parquet(self._path, list(_TEXTS))
        return {name: frames.coded(table[name]) for name in _TEXTS}

    def _numbers(self, name: str) -> NDArray[Any]:
        """Return a column of numbers; what is missing is NaN among values, and costs nothing elsewhere."""
        column = np.asarray(frames.read_parquet(self._path, [name])[name])
        return column if name == "value" else np.asarray(np.nan_to_num(column))
