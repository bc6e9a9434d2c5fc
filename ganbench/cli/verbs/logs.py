"""The verb `logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, LOOK, Json, Results, Swept, app, print_json


@app.command(rich_help_panel=LOOK)
def logs(
    name: Swept,
    trial: Annotated[str, typer.Argument(help="A trial's id or how it begins, or a pack's.")],
    whole: Annotated[bool, typer.Option("--all", help="The whole output, not only its end.")] = False,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
) -> None:
    """Show what the slots that ran a trial printed, its traceback if it failed, and its files."""
    from ganbench.outputs import logs_of, show_logs
    from ganbench.terminal import Console

    found = logs_of(name, results, trial)
    print_json(found) if as_json else show_logs(found, Console(), whole=whole)
