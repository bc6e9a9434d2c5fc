"""What verbs look up: how far a sweep is, what failed, and what there is to choose from. Reads only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ganbench.config import groups, options
from ganbench.errors import ConfigError
from ganbench.sweep import open_store
from ganbench.sweepfile import sweep_names


def status_of(name: str, results: Path) -> dict[str, Any]:
    """Return the counts of a sweep's states, altogether and per variant and stage; reads only."""
    store = open_store(name, results)
    table = store.trial_states()
    axes = [c for c in store.definition()["axes"] if c in table.columns]
    rows = table.groupby([*axes, "stage", "state"], sort=False).size().reset_index(name="trials")
    return {"name": name, "counts": store.counts(), "rows": rows.to_dict("records")}


def failures_of(name: str, results: Path) -> list[dict[str, Any]]:
    """Return failed packs and baselines grouped by signature, the commonest first."""
    store = open_store(name, results)
    failed = [unit for unit, state in store.work().items() if state == "failed"]
    found = [store.failures(pack)[-1] for pack in failed]
    tally = Counter(f["signature"] for f in found)
    examples = {f["signature"]: f for f in reversed(found)}
    return [{"signature": s, "packs": n, **examples[s]} for s, n in tally.most_common()]


def names(group: str, config_dir: Path | None) -> list[str]:
    """Return what a config group (`model` or `models`, …) or the sweeps folder holds."""
    known = {form: g for g in groups(config_dir) for form in (g, _plural(g))}
    if group in ("sweep", "sweeps"):
        return sweep_names(config_dir)
    if group not in known:
        raise ConfigError(
            f"nothing to list under {group!r}: choose sweeps, {', '.join(sorted(map(_plural, groups(config_dir))))}"
        )
    return options(known[group], config_dir)


def _plural(group: str) -> str:
    if group.endswith("y"):
        return f"{group[:-1]}ies"
    return f"{group}es" if group.endswith("s") else f"{group}s"
