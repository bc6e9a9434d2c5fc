"""What is better for a metric, as conf/metric says: importers share no list of their own."""

from __future__ import annotations

from functools import cache

from ganbench.config import read_yaml
from ganbench.errors import DataError
from ganbench.shipped import builtin


@cache
def known() -> dict[str, str]:
    """Return `min`, `max` or `none` by bare name, over all of conf/metric."""
    found: dict[str, str] = {}
    for path in sorted(builtin("conf/metric").glob("*.yaml")):
        found |= read_yaml(path).get("directions", {})
    return found


@cache
def spaces() -> dict[str, str]:
    """Return the space of the bare names that have one alone, such as fid's."""
    found: dict[str, set[str]] = {}
    for path in sorted(builtin("conf/metric").glob("*.yaml")):
        content = read_yaml(path)
        for bare in content.get("directions", {}):
            found.setdefault(bare, set()).add(str(content.get("space", "")))
    return {bare: min(where) for bare, where in found.items() if len(where) == 1}


def is_known(key: str) -> bool:
    """Return whether a key is one of ours: a bare name of conf/metric, alone or with a space behind it."""
    return _bare(key) is not None


def taken_apart(key: str, directions: dict[str, str]) -> tuple[str, str, str]:
    """Return (bare name, space, direction) of a metric's key; `directions` says more than conf/metric does.

    Raises `DataError` where nobody says what is better.
    """
    stem = key.partition("@")[0]
    if key in directions or stem in directions:
        bare = _bare(key) or stem
        return bare, _space(stem, bare), directions.get(key, directions.get(stem, ""))
    bare = _bare(key) or ""
    if not bare:
        raise DataError(
            f"nobody says whether small or large values of {key!r} are better: add --better {key}=min, or max"
        )
    return bare, _space(stem, bare), known()[bare]


def _bare(key: str) -> str | None:
    stem = key.partition("@")[0]
    fitting = [bare for bare in known() if stem == bare or stem.startswith(f"{bare}_")]
    return max(fitting, key=len, default=None)


def _space(stem: str, bare: str) -> str:
    return stem.removeprefix(bare).removeprefix("_") or spaces().get(bare, "unknown")
