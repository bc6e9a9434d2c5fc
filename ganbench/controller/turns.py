"""Taking the turn: tell, ask, plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ganbench.controller.proposals import proposal
from ganbench.controller.tells import news
from ganbench.growth import extend, setting_of
from ganbench.store import Store
from ganbench.store.asks import ASK, OPEN, Event, History, open_places, place
from ganbench.store.driver import DrivenError

PAUSE_S = 0.5


def ask_more(store: Store, stop: Callable[[], bool]) -> bool:
    """Plan the next pack of a search that learns; return whether to look again for something to claim.

    False where all settings are planned, or nothing may be claimed. Raises `ConfigError` where the sampler refuses.
    """
    asks, waiting = _claimable(store)
    if not asks:
        return False
    if waiting or not _take_turn(store):
        _pause(stop)
    return True


def _claimable(store: Store) -> tuple[bool, bool]:
    """Return whether settings are still to be asked for, and whether units wait to be claimed."""
    names = store.claimable()
    asks = sum(name.startswith(OPEN) for name in names)
    return asks > 0, len(names) > asks


def _take_turn(store: Store) -> bool:
    """Ask, unless another process is at it."""
    history = History(store.folder)
    try:
        with history.turn():
            if _claimable(store) == (True, False):  # nobody has asked since
                _ask(store, history)
    except DrivenError:
        return False
    return True


def _ask(store: Store, history: History) -> None:
    """Tell what is new, ask for a pack's settings and plan them; first of all those that were asked for before."""
    definition, events = store.definition(), history.read()
    left = open_places(definition, store.plan())
    if not any(event.place in left for event in events):
        events += news(store, events)
        events += _next(definition, left)
        history.write(events)
    settings = []
    known = {place(t.variant, t.index): t.params for t in store.plan().trials if t.stage == "search"}
    for number, event in enumerate(events):
        if event.event == ASK and event.place in left:
            variant = next(v for v in definition["variants"] if v["choices"] == event.variant)
            draw = proposal(definition, variant, event.index, events[:number], known)
            known[event.place] = draw.params
            settings.append(setting_of(definition, variant, draw))
    extend(store, definition, settings)


def _next(definition: Mapping[str, Any], left: Mapping[Any, dict[str, str]]) -> list[Event]:
    """Return the asks of the next pack: the lowest setting that is open, and those that follow it."""
    (_, first), choices = next(iter(left.items()))
    batch = range(first, first + definition["pack"])
    return [Event(ASK, choices, index) for index in batch if place(choices, index) in left]


def _pause(stop: Callable[[], bool]) -> None:
    end = time.monotonic() + PAUSE_S
    while time.monotonic() < end and not stop():
        time.sleep(PAUSE_S / 10)
