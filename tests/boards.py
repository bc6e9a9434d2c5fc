"""Sweeps over several datasets from arrays of scores, for tests of what compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ganbench.analysis.results import Results

Scores: TypeAlias = Mapping[
    str, Mapping[str, Sequence[Any]]
]  # dataset → variant → one score, or a list, a trial
PRF = {"f1_ring": "max", "precision_ring": "max", "recall_ring": "max"}
RERUN = {"top": 1, "seeds": 3, "first_seed": 1, "select": {"metric": None, "at": "best"}}


def board(
    scores: Scores,
    *,
    metrics: Mapping[str, str] | None = None,
    reruns: Scores | None = None,
    params: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    seconds: Mapping[str, Sequence[float]] | None = None,
    baselines: Mapping[str, float] | None = None,
    default: int | None = None,
    **definition: Any,
) -> Results:
    """Make a sweep whose first metric has these scores; inf and None are diverged.

    A trial's checkpoints are at steps 10, 20, …; each metric is given by its direction and those after the
    first repeat its scores, negated where the direction is the other. ``reruns`` maps to pairs (index,
    score). ``params`` are values by variant and name, ``seconds`` the cost of a variant's trials.
    """
    metrics = metrics or {"fd_toy": "min"}
    rows = [
        (dataset, variant, "search", index, index, score)
        for dataset, variants in scores.items()
        for variant, given in variants.items()
        for index, score in enumerate(given)
        if score is not Ellipsis
    ]
    rows += [
        (dataset, variant, "rerun", index, 1000 + seed, score)
        for dataset, variants in (reruns or {}).items()
        for variant, given in variants.items()
        for seed, (index, score) in enumerate(given)
    ]
    trials = pd.DataFrame([_trial(row, default, params or {}) for row in rows])
    table = [line for row in rows for line in _lines(row, metrics, seconds or {})]
    variants = list(dict.fromkeys(variant for given in scores.values() for variant in given))
    base = [
        {"dataset": dataset, "protocol": "p-1", "baseline": "untrained", "metric": key, "value": value}
        for dataset in scores
        for key, value in (baselines or {}).items()
    ]
    made = {
        "axes": {"model": variants, "dataset": list(scores)},
        "budget": {"name": "tiny", "steps": 10, "batch_size": 4},
        "protocols": {dataset: _protocol(metrics) for dataset in scores},
        "search": {"space": "wide", "sampler": "hashed"},
        "rerun": RERUN if reruns else None,
        **definition,
    }
    return Results("toy", made, trials, pd.DataFrame(table), pd.DataFrame(base), {})


def _protocol(metrics: Mapping[str, str]) -> dict[str, Any]:
    keys = list(metrics)
    specs = {}
    for key, direction in metrics.items():
        bare, _, space = key.partition("@")[0].rpartition("_")
        specs[key] = {"space": space, "directions": {bare: direction}}
    return {"name": "p", "headline": keys[0], "curve": keys[0], "select": keys[0], "metrics": specs}


def _points(score: Any) -> list[float]:
    given = score if isinstance(score, list) else [score]
    return [np.nan if value is None else float(value) for value in given]


def _id(row: tuple[Any, ...]) -> str:
    return "-".join(map(str, row[:5]))


def _trial(
    row: tuple[Any, ...], default: int | None, params: Mapping[str, Mapping[str, Sequence[Any]]]
) -> dict[str, Any]:
    dataset, variant, stage, index, seed, score = row
    return {
        "trial_id": _id(row),
        "stage": stage,
        "model": variant,
        "dataset": dataset,
        "index": index,
        "seed": seed,
        "is_default": index == default,
        "state": "done" if np.isfinite(_points(score)).all() else "diverged",
        "pack_id": f"{variant}-{index // 2}",
        **{name: values[index] for name, values in params.get(variant, {}).items()},
    }


def _lines(
    row: tuple[Any, ...], metrics: Mapping[str, str], seconds: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    points, first = _points(row[5]), next(iter(metrics.values()))
    cost = seconds[row[1]][row[3]] if row[1] in seconds else 1.0
    return [
        {
            "trial_id": _id(row),
            "step": 10 * place,
            "images_seen": 40 * place,
            "seconds": cost * place / len(points),
            "metric": key,
            "value": (value if direction == first else -value) if np.isfinite(value) else np.nan,
            "status": "ok" if np.isfinite(value) else "diverged",
            "protocol": "p-1",
        }
        for key, direction in metrics.items()
        for place, value in enumerate(points, start=1)
    ]


def joined(values: Sequence[Sequence[Mapping[str, float | None]]]) -> Results:
    """Make one model whose runs have (F1, precision, recall) per checkpoint."""
    made = board({"toy": {"a": [[0.0] * len(run) for run in values]}}, metrics=PRF)
    flat = {
        (i, c, key): v for i, run in enumerate(values) for c, row in enumerate(run) for key, v in row.items()
    }
    scores = made.scores
    for place, line in scores.iterrows():
        index, checkpoint = int(line["trial_id"].split("-")[3]), int(line["step"] // 10) - 1
        value = flat[index, checkpoint, line["metric"].split("_")[0]]
        scores.loc[place, ["value", "status"]] = (np.nan, "diverged") if value is None else (value, "ok")
    return made


def triple(f1: float | None, precision: float | None, recall: float | None) -> dict[str, float | None]:
    """Return one checkpoint's scores."""
    return {"f1": f1, "precision": precision, "recall": recall}


RUNS = [
    [triple(0.4, 0.9, 0.3), triple(0.5, 0.6, 0.4)],
    [triple(0.2, 0.1, 0.8), triple(None, None, None)],
    [triple(None, None, None), triple(None, None, None)],
]
