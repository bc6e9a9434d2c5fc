"""The verb `status`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, LOOK, Json, Results, Swept, app, print_json


@app.command(rich_help_panel=LOOK)
def status(
    name: Swept,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again until the sweep has ended.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks of --watch.")] = 5.0,
) -> None:
    """Say where a sweep stands: states, rate, device-hours, expected end, best scores; reads only."""
    from ganbench.progress.standing import Standing
    from ganbench.progress.view import follow, live, show
    from ganbench.store.opening import open_store

    look = Standing(open_store(name, results)).look
    if watch and as_json:
        follow(look, print_json, every)
    elif watch:
        with live() as draw:
            follow(look, draw, every)
    else:
        print_json(look()) if as_json else show(look())
