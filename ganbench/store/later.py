"""What scoring under another protocol leaves in a sweep's folder besides scores: the protocol, and its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ganbench import files
from ganbench.errors import StoreError
from ganbench.store.adopted import refuse_imported
from ganbench.store.attempts import finite
from ganbench.store.folder import Store
from ganbench.store.rows import write_baselines

FILE = "protocols.json"


def remember(store: Store, protocol: str, rules: Mapping[str, Any]) -> None:
    """Keep the rules of a protocol by its id; only for the folder's one driver."""
    kept = _kept(store)
    ours = {**rules, "id": protocol}
    if kept.get(protocol) != ours:
        files.replace_json(store.folder / FILE, {**kept, protocol: ours})


def protocols(store: Store) -> dict[str, dict[str, Any]]:
    """Return the rules, by id, of the sweep's own protocols and of those it was scored by later."""
    own = {str(rules["id"]): rules for rules in store.definition()["protocols"].values()}
    return own | _kept(store)


def _kept(store: Store) -> dict[str, dict[str, Any]]:
    return files.read_json(store.folder / FILE) or {}


def named(store: Store, protocol: str) -> str:
    """Return the id of one of the sweep's protocols, given that or its name.

    Raises `StoreError` where nothing was scored under it, or where two bear the name.
    """
    known = protocols(store)
    found = [i for i, rules in known.items() if protocol in (i, rules["name"])]
    if len(found) > 1:
        raise StoreError(f"{store.name} has scores under {' and '.join(found)}: name one by its id")
    if not found:
        there = f"{store.name} has no scores under {protocol!r} (there: {', '.join(known)})"
        refuse_imported(store, "scored")
        raise StoreError(
            f"{there}: run `ganbench score {files.called(store.folder)} --protocol PROTOCOL` first"
        )
    return found[0]


def add_baselines(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add baselines that no attempt has scored, null where not finite; only for the folder's one driver."""
    ours = pd.DataFrame([finite(row) for row in rows]).astype({"value": "float64"})
    write_baselines(pd.concat([store.baselines(), ours], ignore_index=True), store.folder)
