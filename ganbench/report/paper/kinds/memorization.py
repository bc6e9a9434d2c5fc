"""What metrics say of a replay of the training set."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ganbench.report import words
from ganbench.report.paper.exhibit import Exhibit
from ganbench.report.paper.findings import Found, finding_table, found, stamps_of
from ganbench.report.paper.shelf import Shelf
from ganbench.report.render import MISSING

HEADER = ("metric", "fresh real images", "replay of the training set", "constant image")
SAID = (
    "A distance that scores the replay like fresh data cannot see memorisation; a gap between training and test"
    " coverage far from 0 does."
)
SEEN = (
    "On fashion_mnist neither column is new to lenet28: 50 000 of the 60 000 training images, from which both are"
    " drawn, are what it was trained on, about five sixths of either."
)


@dataclass(frozen=True)
class Settings:
    """The datasets that the probe was run on."""

    subjects: list[str]


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return one table."""
    findings = found(shelf, "memorization", settings.subjects)
    table = finding_table(name, "A replay of the training set", HEADER, findings, _rows, [SAID, SEEN])
    return Exhibit(tables=[table], stamps=stamps_of(findings))


def _rows(finding: Found) -> list[tuple[str, ...]]:
    rows = finding.rows
    blank = rows[rows["set"] == "blank"].set_index("metric")["value"]
    found_rows = []
    for key, verdict in (finding.content or {})["verdict"].items():
        if "_se_" in key:
            continue
        values = (verdict["fresh"], verdict["replay"], blank.get(key))
        found_rows.append(
            (_name(str(key)), *(MISSING if pd.isna(v) else f"{v:.3g}".replace("-", "−") for v in values))
        )
    return found_rows


def _name(key: str) -> str:
    stem, _, at = key.partition("@")
    bare, _, space = stem.rpartition("_")
    quantile = f", quantile {at}" if at else ""
    return f"{words.part_name(bare or stem)} ({space}{quantile})"
