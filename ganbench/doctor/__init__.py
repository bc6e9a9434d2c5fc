"""What this machine can run, with the fix for everything it cannot. An area is a file under `areas/`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ganbench.doctor import areas
from ganbench.doctor.check import HERE, Asked, Check
from ganbench.terminal import Console

__all__ = ["Asked", "Check", "examine", "show"]


def examine(asked: Asked = HERE) -> list[Check]:
    """Go through the areas in their order."""
    found = [import_module(module.name) for module in iter_modules(areas.__path__, f"{areas.__name__}.")]
    return [check for area in sorted(found, key=lambda area: area.ORDER) for check in area.checks(asked)]


def show(checks: list[Check]) -> None:
    """Print the findings for a person."""
    Console().rows(
        ["", "what", "found"],
        [["✓" if c.ok else "–", c.name, c.found if c.ok else f"{c.found}: {c.fix}"] for c in checks],
    )
