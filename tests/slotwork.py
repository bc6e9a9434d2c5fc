"""Tiny sweeps run by a slot in this process, with planted scores and divergence."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from commands import SHORT, TINY

from ganbench.growth import extend
from ganbench.planning import definition_of, search_settings
from ganbench.scoring import Scorer
from ganbench.store import Store
from ganbench.sweepfile import load_sweep, variants
from ganbench.training import PackTraining
from ganbench.worker import run_slot

EIGHT = ("budget.steps=8", "budget.every=2")


@lru_cache(maxsize=64)
def define(*overrides: str) -> dict[str, Any]:
    few = ["model=ns_gan", "dataset=ring", "search.trials=2", "rerun=null"]
    spec = load_sweep("quickstart", [*few, *TINY, *SHORT, *EIGHT, *overrides])
    return {**definition_of(spec, variants(spec)), "plugins": {}}


def planned(results: Path, *overrides: str) -> Store:
    """Plan a tiny sweep of one model with two settings, which fill one pack."""
    store, definition = Store(results, "quickstart"), define(*overrides)
    store.create(definition)
    extend(store, definition, search_settings(definition))
    return store


def run(store: Store, **options: Any) -> pd.DataFrame:
    run_slot(str(store.results), store.name, 0, lambda: False, **options)
    return store.tidy()


def plant(monkeypatch: pytest.MonkeyPatch, energies: list[list[float]]) -> None:
    """Let the two lanes have these energies at their scored checkpoints; baselines are scored as they are."""
    left = [value for checkpoint in energies for value in checkpoint]
    real = Scorer.score

    def score(self: Scorer, fakes: Any, procedure: Any, at: tuple[str, ...] = ("every",)) -> dict[str, float]:
        values = real(self, fakes, procedure, at)
        return values | {"energy_ring": left.pop(0)} if "energy_ring" in values else values

    monkeypatch.setattr(Scorer, "score", score)
    monkeypatch.setattr(Scorer, "baselines", lambda self, untrained: {})


def diverge(monkeypatch: pytest.MonkeyPatch, steps: dict[int, list[bool]]) -> None:
    """Let lanes be found with NaN at these steps."""
    real = PackTraining.finite

    def finite(self: PackTraining) -> torch.Tensor:
        return real(self) & torch.tensor(steps.get(self.progress.step, [True, True]))

    monkeypatch.setattr(PackTraining, "finite", finite)


def snapshots(store: Store, index: int) -> list[int]:
    """Return the steps at which a setting's snapshot is kept."""
    trial = store.plan().trials[index]
    return sorted(step for name, step in store.snapshots(trial.pack_id) if name == trial.trial_id)
