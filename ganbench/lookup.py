"""What there is to choose from. Reads only."""

from __future__ import annotations

from pathlib import Path

from ganbench.config import groups, options
from ganbench.errors import ConfigError
from ganbench.report.paper.plan import paper_names
from ganbench.report.references import read_references
from ganbench.sweepfile import sweep_names


def names(group: str, config_dir: Path | None) -> list[str]:
    """Return what a config group (`model` or `models`, …) or the sweeps folder holds."""
    known = {form: g for g in groups(config_dir) for form in (g, _plural(g))}
    if group in ("sweep", "sweeps"):
        return sweep_names(config_dir)
    if group in ("paper", "papers"):
        return paper_names(config_dir)
    if group in ("reference", "references"):
        return read_references().names()
    if group not in known:
        known_groups = ", ".join(sorted(map(_plural, groups(config_dir))))
        raise ConfigError(
            f"nothing to list under {group!r}: choose sweeps, papers, references, {known_groups}"
        )
    return options(known[group], config_dir)


def _plural(group: str) -> str:
    if group.endswith("y"):
        return f"{group[:-1]}ies"
    return f"{group}es" if group.endswith("s") else f"{group}s"
