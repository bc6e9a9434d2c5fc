"""The verb `status`."""

from __future__ import annotations

from ganbench.cli.app import DEFAULT_RESULTS, LOOK, Json, Results, app, print_json


@app.command(rich_help_panel=LOOK)
def status(name: str, results: Results = DEFAULT_RESULTS, as_json: Json = False) -> None:
    """Count planned, running, done, lost, diverged and failed trials; reads only."""
    from ganbench.lookup import status_of
    from ganbench.terminal import show_status

    found = status_of(name, results)
    print_json(found["counts"]) if as_json else show_status(found)
