"""What the sampler asks for next, as a function of the history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ganbench import search
from ganbench.controller.tells import told_metric
from ganbench.store.asks import TELL, Event, Place, place


def proposal(
    definition: Mapping[str, Any],
    variant: Mapping[str, Any],
    index: int,
    before: Iterable[Event],
    known: Mapping[Place, dict[str, Any]],
) -> search.Draw:
    """Return what the sampler asks for as setting `index` of a variant, after the events `before`.

    `known` has the values of the settings before it. The newest word on a setting counts: a failed trial may have
    been run again.
    """
    choices = variant["choices"]
    told = {event.index: event for event in before if event.event == TELL and event.variant == choices}
    history = [
        search.Seen(known[place(choices, i)], told[i].value)
        if i in told
        else search.Seen(known[place(choices, i)], pending=True)
        for i in range(index)
    ]
    return search.propose(variant["config"], history, **rules(definition, variant))


def rules(definition: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a variant's search keeps to; `search.shared` shares seeds among variants, never scores."""
    asked = definition["search"]
    return {
        "direction": told_metric(definition, variant["choices"]["dataset"])[0].direction,
        "variant_key": "" if asked["shared"] else variant["search_key"],
        "seed": asked["sampler_seed"],
        "default_first": asked["default_first"],
    }
