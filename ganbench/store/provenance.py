"""Where a result comes from: code, versions and machine, as far as this process can tell."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "ganbench",
    "torch",
    "torch-fidelity",
    "numpy",
    "scipy",
    "optuna",
    "hydra-core",
    "omegaconf",
    "submitit",
)


def now() -> str:
    """Return the time as an ISO string, UTC; for people, never compared."""
    return datetime.now(tz=UTC).isoformat(timespec="seconds")


@lru_cache(maxsize=1)
def software() -> dict[str, Any]:
    """Return the git commit of a source checkout, the versions of what computes, and the platform."""
    return {
        "git": _git(Path(__file__).resolve().parents[2]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(root: Path) -> dict[str, Any] | None:
    """Return commit and cleanliness; None for an installed copy, whatever repository it happens to lie in."""
    if not (root / ".git").exists():
        return None
    commit, changes = _run(root, "rev-parse", "HEAD"), _run(root, "status", "--porcelain", "-uno")
    return {"commit": commit, "dirty": bool(changes)} if commit else None


def _run(root: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", root, *command], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
