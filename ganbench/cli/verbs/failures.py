"""The verb `failures`."""

from __future__ import annotations

from ganbench.cli.app import DEFAULT_RESULTS, LOOK, Json, Results, Swept, app, print_json


@app.command(rich_help_panel=LOOK)
def failures(name: Swept, results: Results = DEFAULT_RESULTS, as_json: Json = False) -> None:
    """Group what failed by the place and kind of its error, and cross it with the parameters."""
    from ganbench.failures import failures_of, show_failures
    from ganbench.terminal import Console

    found = failures_of(name, results)
    print_json(found) if as_json else show_failures(name, found, Console())
