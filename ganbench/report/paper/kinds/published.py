"""Published numbers as the reference registry has them, each with its tag."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ganbench.report.paper.exhibit import Exhibit
from ganbench.report.paper.shelf import Shelf
from ganbench.report.references import MEMORY, References, shown
from ganbench.report.render import MISSING, Table

TAGS = {
    "reprinted": "reprinted in a later paper",
    "digitised": "read off a figure",
    "code": "stated in a code base",
    "quoted": "quoted by another paper",
    MEMORY: "from recollection, not retrieved",
}


@dataclass(frozen=True)
class Settings:
    """Names of published tables, `paper/table`, under one caption."""

    tables: list[str]
    caption: str = "Published numbers"


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return one table: a block for each published table, a row a model, a column a dataset and budget."""
    references = shelf.references
    columns = _columns(references, settings.tables)
    rows: list[tuple[str, ...]] = []
    rules: set[int] = set()
    frames = []
    for table in settings.tables:
        source, numbers = references.table(table)
        rules |= {len(rows)} if rows else set()
        tags = ", ".join(f"{TAGS[tag]} [{tag}]" for tag in dict.fromkeys(numbers["tag"]))
        rows.append((f"{source.table.replace('_', ' ')}: {source.says} ({tags})",))
        keyed = _keyed(numbers)
        for model, metric in keyed[["model", "metric"]].drop_duplicates().itertuples(index=False, name=None):
            here = keyed[(keyed["model"] == model) & (keyed["metric"] == metric)]
            cells = {
                key: " · ".join(map(shown, ours.to_dict("records"))) for key, ours in here.groupby("key")
            }
            rows.append((str(model), str(metric), *(cells.get(column, MISSING) for column in columns)))
        frames.append(numbers)
    cites = dict.fromkeys(references.table(table)[0].cite for table in settings.tables)
    made = Table(
        name, settings.caption, ("model", "metric", *columns), tuple(rows),
        (*(f"{cite}." for cite in cites), "Sources of each number: the CSV."),
        pd.concat(frames, ignore_index=True), partial=False, rules=frozenset(rules), text_columns=2,
    )  # fmt: skip
    return Exhibit(tables=[made])


def _keyed(numbers: pd.DataFrame) -> pd.DataFrame:
    at = numbers["k"].map(lambda k: "" if pd.isna(k) else f", k = {k:g}")
    return numbers.assign(key=numbers["dataset"] + at)


def _columns(references: References, tables: list[str]) -> list[str]:
    keyed = pd.concat([_keyed(references.table(table)[1]) for table in tables])
    place = pd.factorize(keyed["dataset"])[0]
    return list(dict.fromkeys(keyed.assign(place=place).sort_values(["place", "k"], kind="stable")["key"]))
