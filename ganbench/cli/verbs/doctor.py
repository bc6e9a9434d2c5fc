"""The verb `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, LOOK, Json, Results, app, print_json
from ganbench.errors import UserError


@app.command(rich_help_panel=LOOK)
def doctor(
    settings: Annotated[
        list[str] | None, typer.Argument(help="launcher.<setting>=… as you would give them to a sweep.")
    ] = None,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
) -> None:
    """Check this machine and its cluster and name each fix: packages, data, weights, SLURM, results folder."""
    from ganbench.doctor import Asked, examine, show

    for text in settings or ():
        if not text.startswith("launcher."):
            raise UserError(f"`{text}` is no setting of the launcher, such as launcher.partition=gpu")
    checks = examine(Asked(results, tuple(settings or ())))
    print_json([check.to_json() for check in checks]) if as_json else show(checks)
