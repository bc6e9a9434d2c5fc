"""Tables of results that a benchmark writes row by row: what is measured again replaces its row.

Every row says on which machine it was measured.
"""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path


def keep(
    path: Path, new: Mapping[str, object], *, key: tuple[str, ...] = ("case",), order: Iterable[str] = ()
) -> None:
    """Put a row in the place of the one with its key, or at the end; with ``order``, rows stand as it names cases.

    Rows of cases that ``order`` does not name are dropped. The row's names are the columns, and `machine`.
    """
    new = {**new, "machine": machine()}
    rows: dict[tuple[str, ...], Mapping[str, object]] = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = {tuple(row[name] for name in key): row for row in csv.DictReader(file)}
    rows[tuple(str(new[name]) for name in key)] = new
    if names := list(order):
        rows = {(name,): rows[name,] for name in names if (name,) in rows}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(new))
        writer.writeheader()
        writer.writerows(rows.values())


def machine() -> str:
    """Return processor and number of cores."""
    return f"{processor()}, {os.cpu_count()} cores"


def processor() -> str:
    """Return the processor's name and the instructions that bear on matrix products."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    found = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return " ".join([*names[:1], *found]) or platform.machine()
