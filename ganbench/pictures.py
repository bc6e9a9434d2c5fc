"""A few samples of the trials that reports show, kept in one file beside the scores. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from ganbench import files
from ganbench.analysis.corners import corners, spread
from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes, ranked_settings
from ganbench.store import Store

FILE = "samples.safetensors"
REAL = "real"
_SEPARATOR = "\n"  # of a tensor's name: what it shows, and the dataset

Pictures = dict[tuple[str, str], NDArray[Any]]


def read_pictures(store: Store) -> Pictures:
    """Return samples by (name, dataset), images in [0, 1]; the name is a variant, a trial's id or `real`."""
    return {_split(name): _unit(array) for name, array in _stored(store).items()}


def _stored(store: Store) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_file(store.folder / FILE))
    except (SafetensorError, OSError):
        return {}


def collect_pictures(store: Store, results: Results) -> None:
    """Gather the kept samples that reports show into one file.

    They are those of each variant's best searched trial, of the real data, and of the trials in the corners of
    precision and recall, these by their ids. What the file holds and the packs no longer do stays in it while it is
    shown. Nothing where nothing is scored.
    """
    if results.scores.empty:
        return
    stored, found = _stored(store), dict[str, NDArray[Any]]()
    for key, samples in _shown_by_reports(store, results):
        name = _SEPARATOR.join(key)
        kept = stored.get(name) if samples is None else samples
        if kept is not None:
            found[name] = kept
    if found:
        files.replace(
            store.folder / FILE, lambda temporary: save_file(dict(sorted(found.items())), temporary)
        )


def _shown_by_reports(
    store: Store, results: Results
) -> Iterator[tuple[tuple[str, str], NDArray[Any] | None]]:
    """Yield what reports show of each dataset, with its samples where a snapshot still has them."""
    table = outcomes(results)
    steps = table.set_index(["trial_id", "metric"])["best_step"]
    packs = results.trials.drop_duplicates("trial_id").set_index("trial_id")["pack_id"]
    for dataset in results.datasets:
        select = results.protocol(dataset)["select"]
        bests = {v: ranked_settings(results, table, dataset, v)["trial_id"] for v in results.variants}
        trials = {variant: ranking.iloc[0] for variant, ranking in bests.items() if len(ranking)}
        trials |= {trial: trial for trial in corners(spread(results, table, dataset))["trial_id"]}
        for name, trial in trials.items():
            step = np.atleast_1d(steps.loc[(trial, select)])[0]
            yield (name, dataset), _kept(store, packs[trial], trial, int(step))
        yield (REAL, dataset), _real(store, dataset)


def _split(name: str) -> tuple[str, str]:
    variant, _, dataset = name.partition(_SEPARATOR)
    return variant, dataset


def _unit(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) / 255.0 if array.dtype == np.uint8 else array


def _kept(store: Store, pack_id: str, trial_id: str, step: int) -> NDArray[Any] | None:
    path = store.snapshots(pack_id).get((trial_id, step))
    return None if path is None else _shown(path)


def _real(store: Store, dataset: str) -> NDArray[Any] | None:
    units = [unit["id"] for unit in store.definition()["baselines"] if unit["dataset"] == dataset]
    paths = [attempt.folder / "real.safetensors" for unit in units for attempt in store.attempts(unit)]
    return next((_shown(path) for path in paths if path.exists()), None)


def _shown(path: Path) -> NDArray[Any] | None:
    try:
        with safe_open(path, framework="numpy") as file:
            array: NDArray[Any] = file.get_tensor("shown")
            return array
    except (SafetensorError, OSError):
        return None  # cut in half: a picture is missing, no number is
