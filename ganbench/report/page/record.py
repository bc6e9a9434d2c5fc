"""Where a sweep's numbers come from, and what failed on the way.

Packs are not committed with a sweep, so what their attempts say of code and machine is kept beside the report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench.analysis.results import Results
from ganbench.errors import StoreError
from ganbench.files import read_json, replace_json
from ganbench.store import Store

FILE = "provenance.json"
ENVIRONMENT = ("git", "python", "torch", "device", "host", "platform", "versions")

Origins = dict[str, dict[str, Any]]  # by environment, as JSON


@dataclass(frozen=True)
class Record:
    """What the store knows beside scores.

    ``origins`` has one entry an environment: `environment`, its `packs`, the first `start` and the last
    `end`. ``failures`` has one entry a signature: `signature`, `packs`, `trials`, `message`, `traceback`,
    the commonest first.
    """

    origins: tuple[dict[str, Any], ...] = ()
    failures: tuple[dict[str, Any], ...] = ()


def read_record(results: Results, out: Path) -> Record:
    """Return the record of the sweep whose report lies in ``out``; empty where that is no sweep's folder.

    Origins are those of the packs, and what ``out``/provenance.json holds that the packs no longer do.
    """
    store = _store(out.parent)
    if store is None or "pack_id" not in results.trials:
        return Record()
    packs = results.trials.groupby("pack_id", sort=True)["state"].agg(["first", "size"])
    origins = _merged(_stored(out / FILE), _read(store, packs.index))
    failed = packs[packs["first"] == "failed"]["size"]
    return Record(tuple(origins), tuple(_failures(store, failed)))


def write_record(record: Record, out: Path) -> None:
    """Write a record's origins, if any, to ``out``/provenance.json, where they outlive the packs."""
    if record.origins:
        replace_json(out / FILE, {"origins": list(record.origins)})


def _store(folder: Path) -> Store | None:
    try:
        store = Store(folder.parent, folder.name)
    except StoreError:
        return None
    return store if store.exists() else None


def _stored(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (read_json(path) or {}).get("origins", [])
    return found


def _read(store: Store, packs: Iterable[str]) -> list[dict[str, Any]]:
    """Return what the newest attempt at each pack was started with, packs of one environment together."""
    origins: Origins = {}
    for pack, facts, ended in store.histories(packs):
        _add(origins, _origin(pack, facts, ended))
    return list(origins.values())


def _origin(pack: str, facts: Mapping[str, Any], ended: Mapping[str, Any]) -> dict[str, Any]:
    environment = {name: facts[name] for name in ENVIRONMENT if facts.get(name)}
    return {"environment": environment, "packs": [pack], "start": facts.get("start"), "end": ended.get("end")}


def _merged(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return both, each pack once: as the newer ones tell."""
    told, origins = {pack for origin in new for pack in origin["packs"]}, Origins()
    for origin in old:
        left = [pack for pack in origin["packs"] if pack not in told]
        _add(origins, {**origin, "packs": left})
    for origin in new:
        _add(origins, origin)
    found = [{**origin, "packs": sorted(origin["packs"])} for origin in origins.values() if origin["packs"]]
    return sorted(found, key=lambda origin: (origin["start"] or "", origin["packs"]))


def _add(origins: Origins, origin: Mapping[str, Any]) -> None:
    """Put an origin to those of its environment."""
    if not origin["environment"]:
        return
    there = origins.setdefault(
        json.dumps(origin["environment"], sort_keys=True),
        {"environment": origin["environment"], "packs": [], "start": None, "end": None},
    )
    there["packs"] += origin["packs"]
    there["start"] = min(filter(None, (there["start"], origin["start"])), default=None)
    there["end"] = max(filter(None, (there["end"], origin["end"])), default=None)


def _failures(store: Store, failed: pd.Series) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for pack, trials in failed.astype(int).items():
        for failure in store.failures(str(pack)):
            group = groups.setdefault(failure["signature"], {"packs": 0, "trials": 0, **failure})
            group["packs"] += 1
            group["trials"] += trials
    return sorted(groups.values(), key=lambda group: (-group["packs"], group["signature"]))
