"""The verb `export`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Results, app
from ganbench.errors import UserError


@app.command(rich_help_panel=PUBLISH)
def export(
    name: str,
    form: Annotated[str, typer.Argument(help="csv")] = "csv",
    results: Results = DEFAULT_RESULTS,
) -> None:
    """Print every score as CSV."""
    from ganbench.files import bare_name
    from ganbench.store import load

    if form != "csv":
        raise UserError(f"cannot export to {form!r}: the one form is csv")
    typer.echo(load(results / bare_name(name)).to_csv(index=False), nl=False)
