"""JSON of torch-mimicry: `fid_50k_50k.json` and its like in the log folder of a run, step → scores of evaluations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganbench.errors import DataError
from ganbench.importers.readings import Readings, read_json, read_text

SAYS = (
    "fid_50k_50k.json, kid_50k.json and inception_score_50k.json of torch-mimicry, each in its run's folder"
)
SCORES = {
    "fid": ("fid_inception", "fid", "min"),
    "kid": ("kid_inception", "kid", "min"),
    "inception_score": ("is_inception", "is", "max"),
}
STRETCHED = "min–max stretched per batch"
THOUSAND = 1000
_NAME = re.compile(r"(fid|kid|inception_score)(?:_(\d+)k)?(?:_(\d+)k)?")


def read(path: Path, columns: Mapping[str, str]) -> Readings:
    """Read a file {step: [score of each evaluation]}, or {metric: {step: …}}; a score is the evaluations' mean.

    A step is one of the generator. Sample counts stand in the file's name. Raises `DataError`.
    """
    if columns:
        raise DataError("--columns is for the format csv: torch-mimicry's files have one layout")
    content = read_json(path, read_text(path))
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path} is no file of torch-mimicry: it holds no {{step: scores}}")
    named = _NAME.fullmatch(path.stem)
    if all(isinstance(value, dict) for value in content.values()):
        tables = {str(name): table for name, table in content.items()}
    elif named:
        tables = {named[1]: content}
    else:
        raise DataError(
            f"{path}: the name says no metric; torch-mimicry writes fid_…, kid_… and inception_score_….json"
        )
    rows = [row for name, table in tables.items() for row in _rows(path, name, table)]
    metrics = {key: (bare, "inception", better) for key, bare, better in SCORES.values()}
    return Readings(pd.DataFrame(rows), _stated(named), metrics, unit="generator steps")


def _rows(path: Path, name: str, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    if name not in SCORES:
        raise DataError(f"{path} has the metric {name!r}, not one of {', '.join(SCORES)}")
    run = str(path.resolve().parent)
    return [
        {
            "run": run,
            "step": step,
            "metric": SCORES[name][0],
            "value": _mean(path, step, scores),
            "place": f"step {step}",
        }
        for step, scores in table.items()
    ]


def _mean(path: Path, step: str, scores: Any) -> float:
    found = scores if isinstance(scores, list) else [scores]
    if not found or any(isinstance(s, bool) or not isinstance(s, int | float) for s in found):
        raise DataError(f"{path}, step {step}: {scores!r} is no list of scores")
    return float(np.mean(np.array(found, dtype=float)))


def _stated(named: re.Match[str] | None) -> dict[str, Any]:
    """Return the sizes in a file's name: of FID real images first, then samples; of the others samples."""
    stated: dict[str, Any] = {"preprocessing": STRETCHED}
    if named is None or named[2] is None:
        return stated
    first = THOUSAND * int(named[2])
    if named[1] == "fid":
        return stated | {"n_real": first} | ({"n_fake": THOUSAND * int(named[3])} if named[3] else {})
    return stated | {f"n_{named[1]}": first}
