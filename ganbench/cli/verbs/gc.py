"""The verb `gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Results, Swept, app


@app.command(rich_help_panel=PUBLISH)
def gc(
    name: Swept,
    results: Results = DEFAULT_RESULTS,
    keep: Annotated[str, typer.Option(help="Which snapshots of a trial stay: best or none.")] = "best",
) -> None:
    """Remove checkpoints and snapshots that finished packs no longer need."""
    from ganbench.garbage import collect_garbage

    typer.echo(collect_garbage(name, results, keep))
