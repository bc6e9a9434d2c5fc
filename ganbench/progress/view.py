"""Where a sweep stands, for a person: a table, a line of estimates, and notes; once or again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ganbench.progress.standing import ENDED
from ganbench.store.states import RUNNING, TRIAL_STATES
from ganbench.terminal import PIPED_WIDTH

_FACTS = (*TRIAL_STATES, "to_come", "stage", "metric", "direction", "best", "seconds_per_trial")
_PATIENCE = 5  # a look that takes long is not repeated at once
_ARROWS = {"min": "↓", "max": "↑"}


def show(found: dict[str, Any]) -> None:
    """Print where a sweep stands."""
    _console().print(drawn(found))


@contextmanager
def live() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show where a sweep stands in one place of the terminal; the function given brings it up to date."""
    with Live(console=_console(), auto_refresh=False) as display:
        yield lambda found: display.update(drawn(found), refresh=True)


def follow(
    look: Callable[[], dict[str, Any]], draw: Callable[[dict[str, Any]], None], seconds: float
) -> None:
    """Look and draw again and again until the sweep has come to its end."""
    while True:
        started = time.monotonic()
        found = look()
        draw(found)
        if found["state"] in ENDED:
            return
        time.sleep(max(seconds, _PATIENCE * (time.monotonic() - started)))


def drawn(found: dict[str, Any]) -> RenderableType:
    """Return what a person sees of `Standing.look`."""
    lines = [Text(line, overflow="fold") for line in (_summary(found), *found["notes"]) if line]
    return Group(_table(found), *lines)


def _table(found: dict[str, Any]) -> Table:
    """Return one row per variant and stage; what is nowhere to come has no column."""
    rows = found["rows"]
    axes = [name for name in (rows[0] if rows else {}) if name not in _FACTS]
    states = [*TRIAL_STATES, *(["to_come"] if found["to_come"] else [])]
    title = f"{found['name']}: {found['state']}"
    table = Table(box=None, header_style="bold", title=title, title_justify="left")
    for name in (*axes, "stage", *states, "s/trial", "best so far"):
        table.add_column(name.replace("_", " "), justify="right" if name in states else "left")
    for row in rows:
        counts = [str(row[name] or "·") for name in states]
        table.add_row(*(row[name] for name in (*axes, "stage")), *counts, _cost(row), _best(row))
    blank = [""] * len(axes)
    table.add_row(*(["total", *blank][: len(axes) + 1]), *(str(found[name]) for name in states), style="bold")
    return table


def _summary(found: dict[str, Any]) -> str:
    hours, rate = found["device_hours"], found["rate"]
    parts = [f"{found['slots']} packs run"] if found["state"] == RUNNING else []
    if rate["trials_per_hour"]:
        parts.append(f"{rate['trials_per_hour']:.4g} trials per hour over {_span(rate['over_seconds'])}")
    parts.append(f"{hours['used']:.3g} device-hours used")
    if hours["left"]:
        parts.append(f"about {hours['left']:.3g} left")
    if found["eta_seconds"] is not None:
        parts.append(f"done in about {_span(found['eta_seconds'])} if {found['assumes']}")
    if found["jobs"]:
        parts.append(f"{found['jobs']} jobs wait or run in SLURM")
    if found["driver"]:
        parts.append(f"driven by {found['driver']}")
    return ", ".join(parts)


def _cost(row: dict[str, Any]) -> str:
    return "·" if row["seconds_per_trial"] is None else f"{row['seconds_per_trial']:.3g}"


def _best(row: dict[str, Any]) -> str:
    if row["best"] is None:
        return "·"
    return f"{row['best']:.4g} {row['metric']} {_ARROWS.get(row['direction'], '')}"


def _span(seconds: float) -> str:
    """Return a time as `2 days, 3:04`, minutes at the least once it is longer than some."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return str(timedelta(minutes=round(seconds / 60))).removesuffix(":00") + " h"


def _console() -> Console:
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
