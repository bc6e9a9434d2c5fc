"""Sweeps whose settings are chosen while they run, so small that a test can afford them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from commands import Ran, sweep

from ganbench.controller import proposal
from ganbench.store import Store
from ganbench.store.asks import ASK, History, Place, place

# wide_short_packed searches two numbers; four settings are random, as a sampler begins
TPE = ("sampler=tpe", "sampler.n_startup_trials=4", "pack=null")


def learn(results: Path, *words: str, trials: int = 8, launcher: str = "inline") -> Ran:
    """Run a tiny search that learns."""
    return sweep(results, *TPE, f"search.trials={trials}", *words, launcher=launcher)


def store_of(results: Path) -> Store:
    return Store(results, "quickstart")


def planned(store: Store) -> dict[Place, dict[str, Any]]:
    """Return the values of the search's settings."""
    return {place(t.variant, t.index): t.params for t in store.plan().trials if t.stage == "search"}


def recomputed(store: Store) -> dict[Place, dict[str, Any]]:
    """Return what every ask of the history gives when it is asked again."""
    definition, events = store.definition(), History(store.folder).read()
    known: dict[Place, dict[str, Any]] = {}
    for number, event in enumerate(events):
        if event.event == ASK:
            variant = next(v for v in definition["variants"] if v["choices"] == event.variant)
            known[event.place] = proposal(definition, variant, event.index, events[:number], known).params
    return known
