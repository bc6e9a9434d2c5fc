"""The verb `list`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import LOOK, ConfigDir, Json, app, print_json


@app.command("list", rich_help_panel=LOOK)
def list_(
    group: Annotated[str, typer.Argument(help="models, losses, datasets, spaces, sweeps …")] = "models",
    as_json: Json = False,
    config_dir: ConfigDir = None,
) -> None:
    """Show the names a config group, or the sweeps folder, holds."""
    from ganbench.lookup import names

    found = names(group, config_dir)
    print_json(found) if as_json else typer.echo("\n".join(found))
