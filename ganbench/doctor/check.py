"""One finding of `ganbench doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganbench.errors import UserError


@dataclass(frozen=True)
class Asked:
    """What the user means to do: where results go, and settings of the launcher (`launcher.<setting>=<value>`)."""

    results: Path = Path("results")
    launcher: tuple[str, ...] = ()


HERE = Asked()


@dataclass(frozen=True)
class Check:
    """One finding; `fix` is empty where all is well."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict."""
        return asdict(self)


def attempt(name: str, look: Callable[[], str]) -> Check:
    """Look, and turn an error that the user can mend into a finding with its fix."""
    try:
        return Check(name, ok=True, found=look())
    except UserError as error:
        return Check(name, ok=False, found="not available", fix=str(error))
