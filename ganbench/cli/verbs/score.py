"""The verb `score`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, SCORE, ConfigDir, Plugins, Results, Swept, app


@app.command(rich_help_panel=SCORE)
def score(
    name: Swept,
    protocol: Annotated[str, typer.Option("--protocol", help="A config of the group protocol.")],
    results: Results = DEFAULT_RESULTS,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Score the kept snapshots, and the baselines, under another protocol; nothing is trained."""
    from ganbench.rescore import rescore
    from ganbench.terminal import Console

    typer.echo(rescore(name, results, protocol, config_dir, Console(), tuple(plugin or ())))
