"""Whether distances on different extractors order a sweep's runs, and its models, alike."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench.analysis.agreement import agreement
from ganbench.analysis.results import Metric, Results
from ganbench.analysis.selection import outcomes
from ganbench.errors import ConfigError
from ganbench.probes.probe import Finding, Panel, Question, Series
from ganbench.store.opening import open_store
from ganbench.sweep import read_results
from ganbench.terminal import Console

TITLE = "Agreement of extractors on the order of runs and models"
DISTANCES = ("fd", "fid", "kid", "fd_diag")


def run(question: Question, console: Console) -> Finding:
    """Correlate the ranks that every two distances of a finished sweep give its searched runs and its models.

    Raises `ConfigError` where no sweep is named, or its protocol scored fewer than two distances.
    """
    if not question.sweep:
        raise ConfigError("name a finished sweep: ganbench probe extractor-agreement --sweep NAME")
    store = open_store(question.sweep, Path(question.results))
    results = read_results(store)
    table = outcomes(results)
    rows, panels = [], []
    with console.bar("extractor-agreement", len(results.datasets)) as update:
        for done, dataset in enumerate(results.datasets, start=1):
            metrics = [m for m in results.metrics(dataset) if m.bare in DISTANCES]
            if len(metrics) < 2:
                raise ConfigError(
                    f"{question.sweep} scored fewer than two distances on {dataset}: score it with a protocol that "
                    "has more, ganbench score NAME --protocol probe28"
                )
            rows.append(agreement(results, table, keys={m.key for m in metrics}))
            panels += [_scatter(results, table, dataset, a, b) for a, b in combinations(metrics, 2)]
            update(done)
    found = pd.concat(rows).drop_duplicates(["dataset", "metric_a", "metric_b", "unit"])
    return Finding(
        name="extractor-agreement",
        subject=question.sweep,
        title=f"{question.sweep}: {TITLE}",
        table=found,
        panels=tuple(panels),
        verdict={"pairs": found.to_dict("records")},
        notes=(
            _training(results.definition),
            "Spearman's rho and Kendall's tau-b, each with a 95 % bootstrap interval.",
            "Runs: every searched trial that stayed finite. Models: each model's median over its runs.",
        ),
    )


def _training(definition: dict[str, Any]) -> str:
    """Say what was trained, since ranks of other budgets are other ranks."""
    changed = ", ".join(definition.get("overrides") or ["nothing"])
    trials, steps = definition["search"]["trials"], definition["budget"]["steps"]
    return f"Sweep: {trials} settings a model, {steps} steps; changed from the defaults: {changed}."


def _scatter(results: Results, table: pd.DataFrame, dataset: str, a: Metric, b: Metric) -> Panel:
    """Draw the searched runs, a cloud for each model."""
    rows = table[(table["dataset"] == dataset) & (table["stage"] == "search") & table["best_finite"]]
    runs = rows.pivot_table(index=["variant", "index"], columns="metric", values="best")
    runs = runs[[a.key, b.key]].dropna()
    series = []
    for variant in results.variants:
        mine: Any = runs[runs.index.get_level_values("variant") == variant]
        series.append(Series(variant, tuple(mine[a.key]), tuple(mine[b.key]), joined=False))
    return Panel(dataset, a.key, b.key, tuple(series), "xy")
