"""The verb `compact`."""

from __future__ import annotations

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Results, app


@app.command(rich_help_panel=PUBLISH)
def compact(name: str, results: Results = DEFAULT_RESULTS) -> None:
    """Merge every attempt's rows into scores.parquet."""
    from ganbench.store.opening import open_store

    typer.echo(open_store(name, results).compact())
