"""The verb `stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, RUN, Json, Results, Swept, app, print_json


@app.command(rich_help_panel=RUN)
def stop(
    name: Swept,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait for a step: cancel its SLURM jobs, end its slots here.")
    ] = False,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
) -> None:
    """Ask all slots of a sweep, wherever they run, to save and end; the same sweep command continues."""
    from ganbench.stopping import show_stop, stop_sweep
    from ganbench.terminal import Console

    said = stop_sweep(name, results, Console(), now=now)
    print_json(said) if as_json else show_stop(name, said, Console())
