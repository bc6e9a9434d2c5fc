"""What scoring under another protocol leaves in a sweep's folder besides scores: the protocol, and its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganbench import files
from ganbench.errors import StoreError
from ganbench.store.attempts import finite
from ganbench.store.folder import Store


def remember(store: Store, protocol: str, rules: Mapping[str, Any]) -> None:
    """Keep the rules of a protocol by its id; only for the folder's one driver."""
    known = protocols(store)
    if known.get(protocol) != rules:
        files.replace_json(store.folder / "protocols.json", {**known, protocol: dict(rules)})


def protocols(store: Store) -> dict[str, dict[str, Any]]:
    """Return the rules, by id, of the protocols under which the sweep was scored after training."""
    return files.read_json(store.folder / "protocols.json") or {}


def named(store: Store, protocol: str) -> str:
    """Return the id of one of the sweep's protocols, given that or its name; its own are among them.

    Raises `StoreError` where nothing was scored under it, or where two bear the name.
    """
    own = {rules["id"]: rules for rules in store.definition()["protocols"].values()}
    known = own | protocols(store)
    found: list[str] = [i for i, rules in known.items() if protocol in (i, rules["name"])]
    if len(found) > 1:
        raise StoreError(f"{store.name} has scores under {' and '.join(found)}: name one by its id")
    if not found:
        raise StoreError(
            f"{store.name} has no scores under {protocol!r} (there: {', '.join(known)}): "
            f"run `ganbench score {store.name} --protocol {protocol}` first"
        )
    return found[0]


def add_baselines(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append baselines that no attempt has scored, null where not finite; only for the folder's one driver."""
    files.append_lines(store.folder / "baselines.jsonl", [finite(row) for row in rows])
