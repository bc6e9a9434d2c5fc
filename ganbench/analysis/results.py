"""What an analysis reads: a sweep's definition, its plan and its scores, checked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ganbench.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

STATES = ("planned", "running", "done", "diverged", "failed", "lost")
FINISHED = ("done", "diverged")
IMPORTED = "imported"  # in the definition of runs that were made elsewhere
CEILING, FLOOR = "untrained", "real"  # names of baselines
TRIAL_COLUMNS = ("trial_id", "stage", "model", "dataset", "index", "seed", "is_default", "state")
SCORE_COLUMNS = ("trial_id", "step", "metric", "value", "status", "protocol")
BASELINE_COLUMNS = ("dataset", "protocol", "baseline", "metric", "value")


class ReportError(UserError):
    """Results from which no honest report can be made as asked."""


@dataclass(frozen=True)
class Metric:
    """A stored metric key, taken apart: `f1_polygons@3` → (f1, polygons, 3)."""

    key: str
    bare: str
    space: str
    at: str
    direction: str  # min | max | none

    @property
    def minimize(self) -> bool:
        """Return whether smaller is better."""
        return self.direction == "min"

    @property
    def ranked(self) -> bool:
        """Return whether one side is better; what describes samples alone ranks nothing."""
        return self.direction != "none"


@dataclass(frozen=True)
class Results:
    """A sweep as read from its store.

    ``definition`` is the frozen definition (axes, budget, protocols, search, rerun, variants); ``trials``
    has one row per planned (variant, stage, index, seed), where a rerun's index is that of the setting it
    repeats; ``scores`` has one row per (trial_id, step, metric, protocol); ``baselines`` may be empty;
    ``samples`` maps (variant, dataset) and ("real", dataset) to arrays [N, 2] or [N, C, H, W] in [0, 1].
    ``own`` is None unless the scores were made after training under another protocol, which ``definition`` then
    names: the sweep under its own, by which settings were chosen, with its `outcomes`.
    """

    name: str
    definition: dict[str, Any]
    trials: pd.DataFrame
    scores: pd.DataFrame
    baselines: pd.DataFrame
    samples: dict[tuple[str, str], NDArray[np.floating[Any]]]
    own: tuple[Results, pd.DataFrame] | None = None

    @classmethod
    def of_definition(cls, definition: Mapping[str, Any]) -> Results:
        """Return a sweep of which nothing but the definition is known: what its protocols and metrics are."""
        nothing = pd.DataFrame()
        return cls(str(definition.get("name")), dict(definition), nothing, nothing, nothing, {})

    def axis(self, name: str) -> list[str]:
        """Return the choices of an axis, in the order of the definition."""
        choices = self.definition["axes"].get(name, [])
        return [choices] if isinstance(choices, str) else [str(choice) for choice in choices]

    @property
    def datasets(self) -> list[str]:
        """Return the datasets, in the order of the definition."""
        return self.axis("dataset")

    @property
    def variants(self) -> list[str]:
        """Return what is compared on each dataset: models, with the choices of any further axes."""
        labels = self.axis("model")
        for axis in self._further_axes():
            labels = [f"{label} {axis}={choice}" for label in labels for choice in self.axis(axis)]
        return labels

    def _further_axes(self) -> list[str]:
        return [a for a in self.definition["axes"] if a not in ("model", "dataset") and a in self.trials]

    def label(self, choices: Mapping[str, str]) -> str:
        """Return the variant of a choice per axis."""
        return " ".join([choices["model"], *(f"{axis}={choices[axis]}" for axis in self._further_axes())])

    def plan(self) -> pd.DataFrame:
        """Return the trials with a column `variant`, the row's place in every table."""
        label = self.trials["model"].astype(str)
        for axis in self._further_axes():
            label = label + f" {axis}=" + self.trials[axis].astype(str)
        coded = isinstance(self.trials["model"].dtype, pd.CategoricalDtype)
        return self.trials.assign(variant=label.astype("category") if coded else label)

    @property
    def parameters(self) -> list[str]:
        """Return the columns of the trials that hold searched parameters."""
        known = {*TRIAL_COLUMNS, "pack_id", *self.definition["axes"]}
        return [str(name) for name in self.trials if name not in known]

    @cached_property
    def scored(self) -> pd.DataFrame:
        """Return the (dataset, metric, protocol) there are scores of; a trial's dataset is the plan's."""
        dataset = self.trials.drop_duplicates("trial_id").set_index("trial_id")["dataset"]
        rows = self.scores[["metric", "protocol"]].assign(dataset=self.scores["trial_id"].map(dataset))
        return rows.drop_duplicates().astype(str)

    def protocol(self, dataset: str) -> dict[str, Any]:
        """Return the protocol under which a dataset's samples were scored."""
        try:
            found: dict[str, Any] = self.definition["protocols"][dataset]
        except KeyError:
            raise ReportError(
                f"sweep {self.name!r} names no protocol for dataset {dataset!r}: add it to its definition"
            ) from None
        return found

    def metric(self, dataset: str, key: str) -> Metric:
        """Take a metric key apart; its direction is the protocol's word."""
        stem, _, at = key.partition("@")
        protocol = self.protocol(dataset)
        for spec in protocol["metrics"].values():
            for bare, direction in spec["directions"].items():
                if stem in (f"{bare}_{spec['space']}", bare):
                    return Metric(key, bare, spec["space"], at, direction)
        raise ReportError(
            f"protocol {protocol['name']!r} has no metric {key!r}: its scores say nothing of better"
        )

    @property
    def history(self) -> Results:
        """Return the results that have every checkpoint: the sweep under its own protocol."""
        return self if self.own is None else self.own[0]

    def later(self, dataset: str) -> bool:
        """Return whether a dataset's scores were made after training, at the checkpoints that were kept."""
        return self.own is not None and self.history.protocol(dataset)["id"] != self.protocol(dataset)["id"]

    def choosing(self, dataset: str) -> Metric:
        """Return the metric that chooses settings for reruns, of the sweep's own protocol."""
        own = self.history
        return own.metric(dataset, self._select.get("metric") or own.protocol(dataset)["select"])

    @property
    def chosen_at(self) -> str:
        """Return the checkpoint at which settings are chosen for reruns: `best` or `last`."""
        return str(self._select.get("at", "best"))

    @property
    def _select(self) -> dict[str, Any]:
        found: dict[str, Any] = (self.definition.get("rerun") or {}).get("select") or {}
        return found

    def metrics(self, dataset: str) -> list[Metric]:
        """Return the scored metrics that rank: headline, curve and selecting metric first, then by name."""
        return [metric for metric in self.described(dataset) if metric.ranked]

    def described(self, dataset: str) -> list[Metric]:
        """Return all scored metrics, those too that have no better side."""
        scored = set(self.scored.loc[self.scored["dataset"] == dataset, "metric"])
        first = list(dict.fromkeys(self.protocol(dataset)[n] for n in ("headline", "curve", "select")))
        keys = [k for k in first if k in scored] + sorted(scored - set(first), key=_natural)
        return [self.metric(dataset, key) for key in keys]

    def shown(self, dataset: str) -> list[Metric]:
        """Return the metrics that get curves and distributions: the headline and the curve's."""
        protocol = self.protocol(dataset)
        scored = {metric.key: metric for metric in self.metrics(dataset)}
        return [scored[k] for k in dict.fromkeys((protocol["headline"], protocol["curve"])) if k in scored]

    def baseline(self, dataset: str, name: str, metric: str) -> float:
        """Return a baseline's score, NaN where none is stored."""
        if self.baselines.empty:
            return float("nan")
        table = self.baselines
        found = (table["dataset"] == dataset) & (table["baseline"] == name) & (table["metric"] == metric)
        ours = found & table["protocol"].isin(self.protocol_ids(dataset))
        value = table.loc[ours, "value"].astype(float)
        return float(value.iloc[0]) if len(value) else float("nan")

    def protocol_ids(self, dataset: str) -> list[str]:
        """Return the protocols that a dataset's scores bear."""
        return sorted(self.scored.loc[self.scored["dataset"] == dataset, "protocol"].unique())

    def check(self) -> None:
        """Raise `ReportError` where columns are missing, nothing is scored or protocols are mixed."""
        _require(self.trials, TRIAL_COLUMNS, "trials")
        _require(self.scores, SCORE_COLUMNS, "scores")
        if not self.baselines.empty:
            _require(self.baselines, BASELINE_COLUMNS, "baselines")
        if self.trials.empty or self.scores.empty:
            first = f"score {self.name} --protocol PROTOCOL" if self.own else f"sweep {self.name}"
            raise ReportError(f"sweep {self.name!r} has no scores yet: run `ganbench {first}` first")
        for dataset in self.datasets:
            refuse_mixture(self.protocol_ids(dataset), f"scores of {dataset!r}")


def refuse_mixture(protocols: Iterable[str], what: str) -> None:
    """Raise `ReportError`, which names them, if what is to stand in one table was scored under several protocols.

    A protocol's id holds extractor, weights, preprocessing, sample counts and metric settings: whatever tells two
    numbers of one name apart.
    """
    found = sorted(set(protocols))
    if len(found) > 1:
        raise ReportError(
            f"{what} come from several protocols, which no table may mix: {' and '.join(map(repr, found))};"
            " bring all under one with `ganbench score NAME --protocol PROTOCOL`, then"
            " `ganbench report NAME… --protocol PROTOCOL`"
        )


def places(ids: pd.Index, texts: pd.Series) -> NDArray[np.intp]:
    """Return the place of each text among ``ids``, −1 for others: a million are found and grouped faster as numbers."""
    codes, known = pd.factorize(texts)
    return np.append(ids.get_indexer(pd.Index(known.astype(object))), -1)[codes]


def _require(frame: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ReportError(f"the {name} lack the column {missing[0]!r}: compact the store again")


def _natural(key: str) -> tuple[str, float]:
    """Order `f1_polygons@0.75` before `f1_polygons@3` before `f1_polygons@12`."""
    stem, _, at = key.partition("@")
    try:
        return stem, float(at or 0)
    except ValueError:
        return stem, 0.0
