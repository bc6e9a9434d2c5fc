"""The verb `compact`."""

from __future__ import annotations

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Results, Swept, app


@app.command(rich_help_panel=PUBLISH)
def compact(name: Swept, results: Results = DEFAULT_RESULTS) -> None:
    """Merge every attempt's rows into scores.parquet, and the samples that reports show into one file."""
    from ganbench.pictures import collect_pictures
    from ganbench.store.opening import open_store
    from ganbench.sweep import read_results

    store = open_store(name, results)
    typer.echo(store.compact())
    collect_pictures(store, read_results(store))
