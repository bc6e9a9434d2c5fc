"""The verb `report`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Results, app


@app.command(rich_help_panel=PUBLISH)
def report(
    name: str,
    results: Results = DEFAULT_RESULTS,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Report an incomplete sweep, stamped so.")
    ] = False,
) -> None:
    """Write tables, figures and report.json of a finished sweep."""
    from ganbench.sweep import report_sweep
    from ganbench.terminal import Console

    report_sweep(name, results, Console(), allow_partial=allow_partial)
