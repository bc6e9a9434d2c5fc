"""metric-*.jsonl of StyleGAN2-ADA and StyleGAN3: a line a snapshot, in the folder of its run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench.errors import DataError
from ganbench.importers.readings import Readings, read_json, read_text

SAYS = "metric-*.jsonl of StyleGAN2-ADA and StyleGAN3, each in its run's folder"
DIRECTIONS = {"fid": "min", "kid": "min", "ppl": "min", "pr": "max", "is": "max", "eq": "max"}
SPACES = {"pr": "vgg16", "ppl": "lpips", "eq": "pixels"}  # all others see Inception
KEYS = ("results", "metric", "snapshot_pkl", "timestamp")
IMAGES = 1000  # a snapshot's name counts thousands of images
_SNAPSHOT = re.compile(r"(\d+)\.pkl$")
_NAME = re.compile(r"(fid|kid|ppl|pr|is|eq)[a-z0-9]*?\d*(_\w+)?")


def read(path: Path, columns: Mapping[str, str]) -> Readings:
    """Read one metric of one run, which is named by its folder; a step is a thousand images shown.

    A line whose snapshot has no number, as where a downloaded network was scored, cannot be placed: `DataError`.
    """
    if columns:
        raise DataError("--columns is for the format csv: StyleGAN's lines have fixed keys")
    lines = [(n, line) for n, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()]
    rows = [row for n, line in lines for row in _rows(path, n, read_json(path, line, n))]
    if not rows:
        raise DataError(f"{path} holds no score")
    metrics = {str(row["metric"]): _metric(path, str(row["metric"])) for row in rows}
    return Readings(pd.DataFrame(rows), {"split": "train"}, metrics, unit="thousand images")


def _rows(path: Path, line: int, found: Any) -> list[dict[str, Any]]:
    for key in KEYS:
        if not isinstance(found, dict) or key not in found:
            raise DataError(f"{path}, line {line} has no {key!r}: it is no line of StyleGAN's metric-*.jsonl")
    named = _SNAPSHOT.search(str(found["snapshot_pkl"]))
    if named is None:
        raise DataError(f"{path}, line {line}: snapshot {found['snapshot_pkl']!r} has no number, so no step")
    shown = int(named[1])
    facts = {
        "run": str(path.resolve().parent),
        "step": shown,
        "images_seen": IMAGES * shown,
        "place": f"line {line}",
    }
    return [
        {**facts, "metric": key, "value": float("nan") if value is None else float(value)}
        for key, value in found["results"].items()
        if not key.endswith("_std")
    ]


def _metric(path: Path, key: str) -> tuple[str, str, str]:
    named = _NAME.fullmatch(key)
    if named is None:
        raise DataError(
            f"{path} has the metric {key!r}, of which is not known what is better: --format csv takes any"
        )
    return key, SPACES.get(named[1], "inception"), DIRECTIONS[named[1]]
