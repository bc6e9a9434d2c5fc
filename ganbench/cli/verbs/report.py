"""The verb `report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Results, app

if TYPE_CHECKING:
    from ganbench.analysis.summary import Summary


@app.command(rich_help_panel=PUBLISH)
def report(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="A sweep; or several, side by side.")],
    results: Results = DEFAULT_RESULTS,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Report an incomplete sweep, stamped so.")
    ] = False,
    protocol: Annotated[
        str,
        typer.Option("--protocol", help="Of scores that `ganbench score` made: the protocol's name or id."),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where a comparison is written.", show_default="RESULTS/compare/A+B"),
    ] = None,
) -> None:
    """Write a finished sweep's tables, figures and web page; several sweeps side by side and compared."""
    from ganbench.errors import ConfigError
    from ganbench.gather import uncollected
    from ganbench.sweep import report_sweep
    from ganbench.terminal import Console

    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice!r} is named twice: name each sweep once")
    if len(names) > 1:
        folder = out or results / "compare" / "+".join(names)
        _compare(names, results, folder, allow_partial=allow_partial, protocol=protocol)
    elif out is not None:
        raise ConfigError("--out is for comparisons: one sweep's report lies in its own folder")
    else:
        with uncollected():
            report_sweep(names[0], results, Console(), allow_partial=allow_partial, protocol=protocol)


def _compare(names: list[str], results: Path, out: Path, *, allow_partial: bool, protocol: str) -> None:
    from ganbench.report.compare import write_comparison
    from ganbench.report.threads import one_thread
    from ganbench.terminal import Console

    console = Console()
    with console.working("compare"), one_thread():
        made = write_comparison([_summary(name, results, allow_partial, protocol) for name in names], out)
    for table in made:
        console.rows(list(table.header), [list(row) for row in table.rows], title=table.title)
    console.say(f"comparison: {out}")


def _summary(name: str, results: Path, allow_partial: bool, protocol: str) -> Summary:
    from ganbench.analysis.summary import summarise
    from ganbench.store.opening import open_store
    from ganbench.sweep import read_results

    return summarise(read_results(open_store(name, results), protocol), allow_partial=allow_partial)
