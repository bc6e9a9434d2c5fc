"""Paper files: which exhibits a paper has, in which order, and what feeds them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from ganbench.config import read_yaml
from ganbench.errors import ConfigError
from ganbench.nodes import closest
from ganbench.report.paper import kinds
from ganbench.schema import build
from ganbench.shipped import builtin

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")  # of an exhibit: it names files and LaTeX labels


@dataclass(frozen=True)
class Section:
    """A heading, what is said under it, and its exhibits as the file has them."""

    title: str
    exhibits: list[dict]  # type: ignore[type-arg]  # of any members: each kind has its own schema
    text: str = ""


@dataclass(frozen=True)
class PaperFile:
    """A paper file's schema."""

    title: str
    sections: list[Section]
    text: str = ""


@dataclass(frozen=True)
class Entry:
    """One exhibit: its name, the module that makes it and that module's settings."""

    name: str
    module: ModuleType
    settings: Any


@dataclass(frozen=True)
class Paper:
    """A paper, its settings checked; `entries` has the exhibits of each section."""

    name: str
    title: str
    text: str
    sections: tuple[Section, ...]
    entries: tuple[tuple[Entry, ...], ...] = field(default=())


def kind_names() -> list[str]:
    """Return the kinds of exhibits there are."""
    return sorted(module.name for module in iter_modules(kinds.__path__))


def paper_dirs(config_dir: Path | None = None) -> list[Path]:
    """Return the folders where paper files are looked up, in order."""
    own = [] if config_dir is None else [config_dir / "papers"]
    return [Path("papers"), *own, builtin("papers")]


def paper_names(config_dir: Path | None = None) -> list[str]:
    """Return the names of all paper files."""
    return sorted({path.stem for folder in paper_dirs(config_dir) for path in folder.glob("*.yaml")})


def load_paper(name: str, config_dir: Path | None = None) -> Paper:
    """Read a paper file by its bare name; raises `ConfigError` naming the field at fault."""
    paths = [folder / f"{name}.yaml" for folder in paper_dirs(config_dir)]
    found = [path for path in paths if re.fullmatch(r"\w[\w.-]{0,127}", name) and path.is_file()]
    if not found:
        names = paper_names(config_dir)
        raise ConfigError(
            f"there is no paper `{name}`{closest(name, names)}; there are {', '.join(names) or 'none'}"
        )
    return parse_paper(name, read_yaml(found[0]))


def parse_paper(name: str, raw: Any) -> Paper:
    """Hold plain data against the schema; raises `ConfigError` naming the field at fault."""
    if not isinstance(raw, dict):
        raise ConfigError(f"paper `{name}`: the file must hold a mapping with title and sections")
    try:
        file = build(PaperFile, raw)
        entries = tuple(tuple(map(_entry, section.exhibits)) for section in file.sections)
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"paper `{name}`: {_plain(error)}") from error
    names = [entry.name for section in entries for entry in section]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise ConfigError(f"paper `{name}`: two exhibits are named {twice!r}: give each its own `name`")
    return Paper(name, file.title, file.text, tuple(file.sections), entries)


def _entry(raw: Mapping[Any, Any]) -> Entry:
    given = {str(key): value for key, value in raw.items()}
    kind, known = str(given.pop("kind", "")), kind_names()
    if kind not in known:
        raise ConfigError(f"there is no kind of exhibit {kind!r}{closest(kind, known)}: {', '.join(known)}")
    name = str(given.pop("name", kind))
    if not _NAME.fullmatch(name):
        raise ConfigError(f"exhibit {name!r}: a name has lower-case letters, digits and _ only")
    module = import_module(f"{kinds.__name__}.{kind}")
    try:
        return Entry(name, module, build(module.Settings, given))
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"exhibit {name!r}: {_plain(error)}") from error


def _plain(error: Exception) -> str:
    """Turn Python's word for a missing argument into one about the file."""
    missing = re.search(r"missing \d+ required positional arguments?: (.*)", str(error))
    return f"it lacks {missing[1]}" if missing else str(error)
