"""The files that come with the project: conf/ and sweeps/, in the wheel or beside the sources."""

from __future__ import annotations

from pathlib import Path


def builtin(name: str, package: Path | None = None) -> Path:
    """Return the project's folder of this name: the installed package's copy, else the repository's."""
    package = package or Path(__file__).resolve().parent
    copy = package / "_data" / name
    return copy if copy.is_dir() else package.parent / name
