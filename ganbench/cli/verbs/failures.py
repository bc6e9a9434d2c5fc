"""The verb `failures`."""

from __future__ import annotations

from ganbench.cli.app import DEFAULT_RESULTS, LOOK, Json, Results, app, print_json


@app.command(rich_help_panel=LOOK)
def failures(name: str, results: Results = DEFAULT_RESULTS, as_json: Json = False) -> None:
    """Group failed packs by the place and kind of their error."""
    from ganbench.lookup import failures_of
    from ganbench.terminal import show_failures

    found = failures_of(name, results)
    print_json(found) if as_json else show_failures(found)
