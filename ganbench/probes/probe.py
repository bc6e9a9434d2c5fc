"""What a probe is asked, and what it finds: numbers, what to draw, and what may be said. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Question:
    """What the command line asked of a probe."""

    overrides: tuple[str, ...] = ()
    repeats: int = 10
    sweep: str = ""
    results: str = "results"


@dataclass(frozen=True)
class Series:
    """One line or cloud of a panel; `low` and `high`, where given, are its interval."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    joined: bool = True
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One set of axes."""

    title: str
    xlabel: str
    ylabel: str
    series: tuple[Series, ...]
    log: str = ""  # of "x", "y", "xy"
    ylim: tuple[float, float] | None = None


@dataclass(frozen=True)
class Finding:
    """What a probe found: a tidy table, the panels to draw, the verdicts, and notes that stand under both."""

    name: str
    subject: str  # the dataset or sweep
    title: str
    table: pd.DataFrame
    panels: tuple[Panel, ...]
    verdict: Mapping[str, Any]
    notes: tuple[str, ...]
    stamps: tuple[Mapping[str, str], ...] = field(default=())
