"""Imported files as a sweep's folder: definition, plan and scores, under a protocol of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pandas as pd

from ganbench.errors import DataError
from ganbench.identity import digest
from ganbench.importers import formats
from ganbench.importers.metrics import taken_apart
from ganbench.importers.readings import FACTS, Readings, plain
from ganbench.importers.runs import checked, planned
from ganbench.nodes import closest
from ganbench.records import HASH_VERSION, Trial
from ganbench.store.adopted import IMPORTED, adopt, empty, packs_of
from ganbench.store.plan import Plan

PREFERRED = "fid_inception"
Apart = tuple[str, str, str]  # bare name, space, direction


@dataclass(frozen=True)
class Wish:
    """What a command line asks: where from, where to, and what the files do not say."""

    files: tuple[Path, ...]
    form: str
    name: str
    results: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    stated: Mapping[str, str] = field(default_factory=dict)
    better: Mapping[str, str] = field(default_factory=dict)
    headline: str | None = None
    iid: bool = False


def form_names() -> list[str]:
    """Return the formats: the modules in `formats/`."""
    return sorted(module.name for module in iter_modules(formats.__path__))


def bring(wish: Wish) -> dict[str, Any]:
    """Make a results folder of files and return what went into it. Raises `UserError`; nothing is written then."""
    if wish.form not in form_names():
        raise DataError(
            f"there is no format {wish.form!r}{closest(wish.form, form_names())} Available: {', '.join(form_names())}"
        )
    store = empty(wish.results, wish.name)
    reader = import_module(f"{formats.__name__}.{wish.form}")
    readings = [reader.read(path, wish.columns) for path in wish.files]
    rows, facts = _together(wish, readings)
    axes = tuple(dict.fromkeys(axis for reading in readings for axis in reading.axes))
    protocols = _protocol_ids(wish, rows, facts)
    rows = rows.assign(protocol=rows["dataset"].map(protocols))
    trials, scores = planned(rows, axes, wish.form)
    metrics = _metrics(wish, readings, list(dict.fromkeys(scores["metric"])))
    rules = {
        d: _rules(wish, rows[rows["dataset"] == d], metrics, facts) | {"id": i} for d, i in protocols.items()
    }
    units = {reading.unit for reading in readings}
    definition = _definition(wish, trials, scores, axes, rules, min(units))
    adopt(store, definition, Plan(trials, packs_of(trials)), scores)
    return {
        "name": wish.name,
        "folder": str(store.folder),
        "runs": len(trials),
        "scores": len(scores),
        "diverged": int((scores["status"] == "diverged").sum()),
        "protocols": sorted(set(protocols.values())),
        "ignored": list(dict.fromkeys(name for reading in readings for name in reading.ignored)),
    }


def _together(wish: Wish, readings: Sequence[Readings]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return all rows, and what is said of how scores were made, by the files and by the user."""
    several = len(wish.files) > 1
    parts = [
        reading.rows.assign(place=[f"{path}, {place}" for place in reading.rows["place"]])
        for path, reading in zip(wish.files, readings, strict=True)
    ]
    rows = pd.concat(parts, ignore_index=True)
    facts: dict[str, Any] = {}
    for path, reading in zip(wish.files, readings, strict=True):
        for name, value in reading.protocol.items():
            if facts.setdefault(name, value) != value:
                raise DataError(
                    f"{path} says {name} {value}, files before it {facts[name]}: import them apart"
                )
    for name, text in wish.stated.items():
        value = plain(text)
        if name in FACTS or "." in name:
            if name in rows and rows[name].notna().any():
                raise DataError(
                    f"--stated {name}={text}: the {'files say' if several else 'file says'} the {name}"
                )
            rows = rows.assign(**{name: text if name in ("model", "dataset") else value})
        else:
            facts[name] = value
    return checked(rows), facts


def _protocol_ids(wish: Wish, rows: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the protocol of each data set; never one of ours, and the same wherever the same was stated."""
    found: dict[str, str] = {}
    for dataset, ours in rows.groupby("dataset", sort=False):
        named = sorted({str(p) for p in ours["protocol"].unique()}) if "protocol" in ours else [""]
        if len(named) > 1:
            raise DataError(
                f"scores of {dataset} come from several protocols ({', '.join(named)}): import one at a time"
            )
        again = named[0].startswith(f"{IMPORTED}-") and not facts
        meaning = {"format": wish.form, "stated": dict(facts), "protocol": named[0]}
        found[str(dataset)] = named[0] if again else f"{IMPORTED}-{wish.form}-{digest(meaning, 8)}"
    return found


def _metrics(wish: Wish, readings: Sequence[Readings], keys: Sequence[str]) -> dict[str, Apart]:
    for key, better in wish.better.items():
        if key not in keys or better not in ("min", "max"):
            raise DataError(
                f"--better {key}={better}: name a metric of the files ({', '.join(keys)}) and min or max"
            )
    stated = {key: apart for reading in readings for key, apart in reading.metrics.items()}
    return {key: stated.get(key) or taken_apart(key, dict(wish.better)) for key in keys}


def _rules(
    wish: Wish, rows: pd.DataFrame, metrics: Mapping[str, Apart], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a data set's protocol as a definition has it, as far as it is known."""
    mine = [key for key in metrics if key in set(rows["metric"])]
    ranked = [key for key in mine if metrics[key][2] != "none"]
    if not ranked:
        raise DataError(f"nothing ranks: add --better {mine[0]}=min, or max")
    headline = wish.headline or min(ranked, key=lambda key: (key != PREFERRED, metrics[key][2] != "min"))
    if headline not in ranked:
        raise DataError(f"--headline {headline}: the files rank by no such metric, only {', '.join(ranked)}")
    said = "".join(f", {name} {value}" for name, value in facts.items())
    specs = {
        key: {"space": space, "directions": {bare: better}, "at": "every"}
        for key, (bare, space, better) in metrics.items()
    }
    return {
        "name": f"{IMPORTED} from {wish.form}{said}",
        "headline": headline,
        "curve": headline,
        "select": headline,
        "metrics": specs,
        "stated": dict(facts),  # apart from what ours say of themselves: not checked by anybody
    }


def _definition(
    wish: Wish,
    trials: Sequence[Trial],
    scores: pd.DataFrame,
    axes: tuple[str, ...],
    rules: Mapping[str, Any],
    unit: str,
) -> dict[str, Any]:
    last = scores.groupby("trial_id")["step"].max()
    variants = list({tuple(trial.variant.items()): trial.variant for trial in trials}.values())
    search = [t for t in trials if t.stage == "search"]
    return {
        "hash_version": HASH_VERSION,
        "name": wish.name,
        IMPORTED: {
            "format": wish.form,
            "files": {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in wish.files},
            "stated": dict(wish.stated),
            "iid": wish.iid,
        },
        "axes": {
            axis: list(dict.fromkeys(t.variant[axis] for t in trials)) for axis in ("model", "dataset", *axes)
        },
        "budget": {"name": IMPORTED, "steps": int(last.max()), "unit": unit},
        "protocol": None,
        "search": {
            "space": IMPORTED,
            "sampler": "random" if wish.iid else "unknown",
            "trials": max((sum(t.variant == v for t in search) for v in variants), default=0),
            "shared": False,
        },
        "rerun": _rerun(trials),
        "overrides": [],
        "protocols": dict(rules),
        "baselines": [],
        "variants": [_variant(v, trials, last) for v in variants],
        "plugins": {},
    }


def _variant(choices: Mapping[str, str], trials: Sequence[Trial], last: pd.Series[Any]) -> dict[str, Any]:
    """Return a variant, with the number of steps that all its runs have come to: where they end is not stated."""
    reached = min(int(last[trial.trial_id]) for trial in trials if trial.variant == choices)
    return {"choices": dict(choices), "config": {"budget": {"steps": reached}}}


def _rerun(trials: Sequence[Trial]) -> dict[str, Any] | None:
    again = [trial for trial in trials if trial.stage == "rerun"]
    if not again:
        return None
    by_setting = pd.Series([(*t.variant.values(), t.index) for t in again]).value_counts()
    return {"top": 1, "seeds": int(by_setting.max()), "select": {"metric": None, "at": "best"}}
