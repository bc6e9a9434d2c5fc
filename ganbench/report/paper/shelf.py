"""What exhibits read: sweeps as far as they are, stored findings of probes, published numbers. Each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench.analysis.results import FINISHED, Metric, Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.files import read_json
from ganbench.report import words
from ganbench.report.references import References, read_references


@dataclass(frozen=True)
class Board:
    """One dataset of a sweep; without a summary there is nothing of the sweep yet, and `stamp` says so."""

    sweep: str
    dataset: str
    summary: Summary | None
    stamp: str  # empty where the sweep is complete

    @property
    def ready(self) -> Summary:
        """Return the summary, which must be there."""
        if self.summary is None:
            raise LookupError(self.stamp)
        return self.summary

    @property
    def label(self) -> str:
        """Name the dataset, and the sweep where its name says more."""
        if self.sweep == self.dataset or not self.dataset:
            return self.sweep
        return self.sweep if self.sweep.startswith(self.dataset) else f"{self.dataset} ({self.sweep})"

    @property
    def results(self) -> Results:
        """Return the sweep's results."""
        return self.ready.results

    def metric(self, role: str) -> Metric:
        """Return the metric of a role of the protocol (headline or curve), or of a key, if it was scored."""
        shown = self.results.shown(self.dataset)
        key = self.results.protocol(self.dataset).get(role, role)
        found = [m for m in self.results.metrics(self.dataset) if m.key == key]
        return found[0] if found else shown[0]

    def of(self, frame: pd.DataFrame, metric: Metric | None = None) -> pd.DataFrame:
        """Return a frame's rows about this dataset, and about one metric."""
        here = frame[frame["dataset"] == self.dataset] if len(frame) else frame
        return here if metric is None or not len(here) else here[here["metric"] == metric.key]

    def notes(self) -> list[str]:
        """Return how far the sweep is, and what gave its numbers their meaning."""
        if self.summary is None:
            return [f"{self.sweep}: {self.stamp}."]
        said = [f"Partial: {self.summary.missing}."] if self.stamp else []
        said += [words.protocol_note(self.results, self.dataset), words.budget_note(self.results)]
        said += [words.width_note(self.results, self.dataset)]
        return [f"{self.label}: {' '.join(note for note in said if note)}"]


@dataclass
class Shelf:
    """Everything a paper may show; `read` gives a sweep's results by name, None where it was never begun."""

    read: Callable[[str], Results | None]
    probes: Path
    published: Path
    config_dir: Path | None = None
    _boards: dict[str, list[Board]] = field(default_factory=dict)

    def boards(self, names: Sequence[str]) -> list[Board]:
        """Return the scored datasets of sweeps in order; one board without numbers for a sweep that has none."""
        return [board for name in names for board in self._of(name)]

    def _of(self, name: str) -> list[Board]:
        if name not in self._boards:
            self._boards[name] = self._opened(name)
        return self._boards[name]

    def _opened(self, name: str) -> list[Board]:
        results = self.read(name)
        if results is None:
            return [Board(name, "", None, f"not run: `ganbench sweep {name}`")]
        done = int(results.trials["state"].isin(FINISHED).sum()) if len(results.trials) else 0
        stamp = f"partial: {done} of {max(len(results.trials), expected(results.definition))} trials"
        if not done or results.scores.empty:
            return [Board(name, "", None, stamp)]
        summary = summarise(results, allow_partial=True)
        scored = [dataset for dataset in results.datasets if results.shown(dataset)]
        return [Board(name, dataset, summary, stamp if summary.missing else "") for dataset in scored]

    def finding(self, probe: str, subject: str) -> dict[str, Any] | None:
        """Return a probe's stored finding, None where there is none."""
        return read_json(self.probes / probe / subject / "finding.json")

    @cached_property
    def references(self) -> References:
        """Return the published numbers."""
        return read_references(self.published)


def expected(definition: dict[str, Any]) -> int:
    """Return how many trials a sweep has when it is complete: searches and reruns of all variants."""
    variants = 1
    for choices in definition["axes"].values():
        variants *= 1 if isinstance(choices, str) else len(choices)
    rerun = definition.get("rerun") or {}
    seeds = rerun.get("seeds", 0)
    again = sum(seeds) if isinstance(seeds, list) else int(rerun.get("top", 1)) * int(seeds)
    return variants * (int(definition.get("search", {}).get("trials", 0)) + again)
