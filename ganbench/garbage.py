"""Removes what finished packs no longer need."""

from __future__ import annotations

from pathlib import Path

from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes
from ganbench.errors import ConfigError
from ganbench.store.opening import open_store
from ganbench.sweep import read_results


def collect_garbage(name: str, results: Path, keep: str) -> str:
    """Remove what finished packs no longer need; returns a line that says how much."""
    if keep not in ("best", "none"):
        raise ConfigError(f"--keep {keep!r} is not known: choose best or none")
    store = open_store(name, results)
    freed = store.gc(keep=keep, best=_best_steps(read_results(store)) if keep == "best" else {})
    return f"{name}: freed {freed / 2**20:.1f} MiB"


def _best_steps(results: Results) -> dict[str, int]:
    """Return each trial's best finite checkpoint, by the metric that its protocol selects with."""
    table = outcomes(results)
    selects = {dataset: results.protocol(dataset)["select"] for dataset in results.datasets}
    rows = table[(table["metric"] == table["dataset"].map(selects)) & table["best_finite"]]
    return {trial: int(step) for trial, step in zip(rows["trial_id"], rows["best_step"], strict=True)}
