"""A few samples of each variant's best trial, kept in one file beside the scores for pictures. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from ganbench import files
from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes, ranked_settings
from ganbench.store import Store

FILE = "samples.safetensors"
REAL = "real"
_SEPARATOR = "\n"  # of variant and dataset in a tensor's name

Pictures = dict[tuple[str, str], NDArray[Any]]


def read_pictures(store: Store) -> Pictures:
    """Return samples by (variant, dataset), images in [0, 1]; nothing where none were kept."""
    return {_split(name): _unit(array) for name, array in _stored(store).items()}


def _stored(store: Store) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_file(store.folder / FILE))
    except (SafetensorError, OSError):
        return {}


def collect_pictures(store: Store, results: Results) -> None:
    """Gather the kept samples of each variant's best searched trial, and of the real data, into one file.

    What the file holds and the packs no longer do stays in it.
    """
    found = _stored(store)
    table = outcomes(results)
    steps = table.set_index(["trial_id", "metric"])["best_step"]
    for dataset in results.datasets:
        select = results.protocol(dataset)["select"]
        for variant in results.variants:
            ranking = ranked_settings(results, table, dataset, variant)
            if len(ranking):
                best = ranking.iloc[0]
                step = np.atleast_1d(steps.loc[(best["trial_id"], select)])[0]
                _add(found, (variant, dataset), _kept(store, best["pack_id"], best["trial_id"], int(step)))
        _add(found, (REAL, dataset), _real(store, dataset))
    if found:
        files.replace(
            store.folder / FILE, lambda temporary: save_file(dict(sorted(found.items())), temporary)
        )


def _add(found: dict[str, NDArray[Any]], key: tuple[str, str], samples: NDArray[Any] | None) -> None:
    if samples is not None:
        found[_SEPARATOR.join(key)] = samples


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
