"""The verb `pilot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli.app import (
    DEFAULT_RESULTS,
    RUN,
    ConfigDir,
    Json,
    Overrides,
    Planned,
    Plugins,
    Results,
    app,
    print_json,
    request,
)


@app.command(rich_help_panel=RUN)
def pilot(
    name: Planned,
    overrides: Overrides = None,
    trials: Annotated[
        int, typer.Option("-k", "--trials", min=1, help="Trials of each variant; packs of 1, 2, 4 …")
    ] = 8,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long each pack's steps are timed.")] = 2.0,
    workers: Annotated[int, typer.Option(min=1, help="Slots that the sweep will have.")] = 2,
    write: Annotated[
        Path | None, typer.Option("--write", help="Put mode and pack size found into this sweep file.")
    ] = None,
    modes: Annotated[
        str,
        typer.Option(help="Modes to compare, such as vmap,compiled; without, the one the sweep would get."),
    ] = "",
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Time a few steps of a sweep before it is planned: device-hours, memory, disk, and which packs are best."""
    from ganbench.pilot.findings import show
    from ganbench.pilot.pilot import Trip, run_pilot
    from ganbench.terminal import Console

    console = Console()
    asked = request(name, overrides, results, config_dir, plugin)
    chosen = tuple(mode.strip() for mode in modes.split(",") if mode.strip())
    found = run_pilot(asked, Trip(trials, seconds, workers, chosen), write, console)
    print_json(found) if as_json else show(found, console)
