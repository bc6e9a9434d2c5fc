"""Published numbers with source, protocol and trust, and what keeps them from being compared with ours. Torch-free.

`results/reference/` has two files a paper: `<paper>.csv` with the numbers and `<paper>.yaml` with how each of its
tables was made. Tags: reprinted, digitised (read off a figure), code (stated in its code), quoted (by another paper)
and memory, which is from recollection and marked wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench.analysis.results import Metric, Results
from ganbench.config import read_yaml
from ganbench.errors import ConfigError, DataError
from ganbench.nodes import closest
from ganbench.shipped import builtin

COLUMNS = (
    "paper",
    "table",
    "model",
    "dataset",
    "metric",
    "extractor",
    "k",
    "value",
    "sd",
    "n",
    "source",
    "tag",
)
NUMBERS = ("k", "value", "sd", "n")
TAGS = ("reprinted", "digitised", "code", "quoted", "memory")
MEMORY = "memory"
FOLDER = "results/reference"
STUDY_CHANNELS = 64
UNSTATED = "not stated"
INPUTS = {True: "rounded to 8 bits", False: "unrounded floats"}  # of ours, by an extractor's `quantize`


@dataclass(frozen=True)
class Source:
    """How the numbers of one published table were made, and the metrics that its rows name."""

    paper: str
    table: str
    cite: str
    says: str
    protocol: Mapping[str, Any]
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class References:
    """All published numbers, with the decimals they were given with, and the source of each (paper, table)."""

    numbers: pd.DataFrame
    sources: Mapping[tuple[str, str], Source]

    def names(self) -> list[str]:
        """Return the tables there are, as `paper/table`."""
        return [f"{paper}/{table}" for paper, table in self.sources]

    def table(self, name: str) -> tuple[Source, pd.DataFrame]:
        """Return a table's source and rows by its name `paper/table`; raises `ConfigError` for one there is not."""
        paper, _, table = name.partition("/")
        if (paper, table) not in self.sources:
            known = self.names()
            raise ConfigError(
                f"there is no published table {name!r}{closest(name, known)}; there are {', '.join(known)}"
            )
        rows = self.numbers
        return self.sources[paper, table], rows[(rows["paper"] == paper) & (rows["table"] == table)]


def reference_folder(results: Path | None = None) -> Path:
    """Return the folder of published numbers: beside these results, else the one that comes with the project."""
    own = results / "reference" if results is not None else None
    return own if own is not None and own.is_dir() else builtin(FOLDER)


def read_references(folder: Path | None = None) -> References:
    """Read every paper of a folder; raises `DataError` where a file lacks a column, a source or a known tag."""
    folder = folder or reference_folder()
    frames = [_numbers(path) for path in sorted(folder.glob("*.csv"))]
    sources: dict[tuple[str, str], Source] = {}
    for path in sorted(folder.glob("*.yaml")):
        sources |= _sources(path)
    empty = pd.DataFrame(columns=list(COLUMNS))
    numbers = pd.concat(frames, ignore_index=True) if frames else empty
    for key in numbers[["paper", "table"]].drop_duplicates().itertuples(index=False, name=None):
        if key not in sources:
            raise DataError(f"{folder}: {key[0]}.yaml says nothing of table {key[1]!r}: add how it was made")
        here = numbers[(numbers["paper"] == key[0]) & (numbers["table"] == key[1])]
        sources[key] = replace(sources[key], metrics=tuple(here["metric"].fillna(UNSTATED).unique()))
    return References(numbers, sources)


def _numbers(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path} ({str(error).splitlines()[0]}): restore it") from error
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]!r}: its columns are {', '.join(COLUMNS)}")
    places = frame[["value", "sd"]].map(lambda text: len(str(text).partition(".")[2])).max(axis="columns")
    for name in NUMBERS:
        frame[name] = _as_numbers(frame[name], path)
    odd = sorted(set(frame["tag"].dropna().astype(str)) - set(TAGS)) + ["nothing"] * bool(
        frame["tag"].isna().any()
    )
    if odd:
        raise DataError(f"{path}: {odd[0]!r} is no tag: choose {', '.join(TAGS)}")
    return frame[list(COLUMNS)].assign(places=places)


def _as_numbers(column: pd.Series[str], path: Path) -> pd.Series[float]:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column[numbers.isna() & column.notna()]
    if len(wrong):
        raise DataError(f"{path}: {wrong.iloc[0]!r} is no number in column {column.name!r}")
    return numbers.astype(float)


def _sources(path: Path) -> dict[tuple[str, str], Source]:
    content = read_yaml(path)
    try:
        return {
            (path.stem, str(table)): Source(
                path.stem, str(table), content["cite"], said["says"], said["protocol"]
            )
            for table, said in content["tables"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: a paper has `cite` and `tables`, a table `says` and `protocol` ({error})"
        ) from error


def shown(row: Mapping[Any, Any] | pd.Series[Any]) -> str:
    """Write a published number with its sd and, where it is from recollection, its tag."""
    numbers = [row[name] for name in ("value", "sd") if not pd.isna(row[name])]
    said = " ± ".join(f"{number:.{row['places']}f}" for number in numbers)
    return said + (f" [{MEMORY}]" if row["tag"] == MEMORY else "")


def differences(
    source: Source,
    metric_extractor: str,
    dataset: str,
    results: Results,
    metric: Metric,
    published: str | None = None,
) -> list[str]:
    """Say what keeps a published number on a dataset from being compared with a score of ours; empty where nothing.

    Compared are data, metric with its threshold, extractor, sample counts, split, preprocessing and the networks'
    width; what the source does not state counts as different, since nobody can tell. ``published`` is the number's
    metric as its row has it (`f1@0.75`); without it the number may be any of its table.
    """
    ours = _facts(results.protocol(_of(results, dataset, metric)), metric)
    named = published or ", ".join(source.metrics) or None
    theirs = {**source.protocol, "metric": named, "extractor": metric_extractor}
    found = [] if dataset in results.datasets else [f"data {', '.join(results.datasets)} against {dataset}"]
    for name, mine in ours.items():
        if mine is None or mine != theirs.get(name):
            found.append(f"{name} {_said(mine)} against {_said(theirs.get(name))}")
    width, channels = _width(results), source.protocol.get("channels", STUDY_CHANNELS)
    return found + ([] if width in (None, channels) else [f"{width} channels against {channels}"])


def comparable(
    source: Source,
    metric_extractor: str,
    dataset: str,
    results: Results,
    metric: Metric,
    published: str | None = None,
) -> bool:
    """Return whether a published number may stand in one ranking with ours: only where nothing differs."""
    return not differences(source, metric_extractor, dataset, results, metric, published)


def _facts(protocol: Mapping[str, Any], metric: Metric) -> dict[str, Any]:
    """Return what a score of ours is; None is what its protocol does not say."""
    own = _spec(protocol, metric)
    extractor = protocol.get("extractors", {}).get(metric.space, {})
    return {
        "metric": f"{metric.bare}@{metric.at}" if metric.at else metric.bare,
        "extractor": metric.space,
        "n_real": _count("n_real", protocol, own),
        "n_fake": _count("n_fake", protocol, own),
        "split": protocol.get("split"),
        "preprocessing": INPUTS.get(extractor.get("quantize")),
    }


def _spec(protocol: Mapping[str, Any], metric: Metric) -> Mapping[str, Any]:
    specs: list[Mapping[str, Any]] = list(protocol["metrics"].values())
    fitting = [s for s in specs if s["space"] == metric.space and metric.bare in s["directions"]]
    return fitting[0] if fitting else {}


def _count(name: str, protocol: Mapping[str, Any], own: Mapping[str, Any]) -> int | None:
    """Return how many samples a metric takes: its own number of them where it has one, and no more than there are."""
    return min((said[name] for said in (protocol, own) if said.get(name) is not None), default=None)


def _of(results: Results, dataset: str, metric: Metric) -> str:
    scored = results.scored
    there = [
        d for d in results.datasets if ((scored["dataset"] == d) & (scored["metric"] == metric.key)).any()
    ]
    return dataset if dataset in results.datasets else (there or results.datasets)[0]


def _said(value: Any) -> str:
    return UNSTATED if value is None else str(value)


def _width(results: Results) -> int | None:
    widths = {
        variant["config"].get("network", {}).get("channels")
        for variant in results.definition.get("variants", [])
    } - {None}
    return int(min(widths)) if widths else None
