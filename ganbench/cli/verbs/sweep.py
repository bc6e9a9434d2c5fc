"""The verb `sweep`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganbench.cli.app import (
    DEFAULT_RESULTS,
    FAILED,
    RUN,
    ConfigDir,
    Overrides,
    Planned,
    Plugins,
    Results,
    app,
    request,
)


@app.command(rich_help_panel=RUN)
def sweep(
    name: Planned,
    overrides: Overrides = None,
    results: Results = DEFAULT_RESULTS,
    launcher: Annotated[
        str, typer.Option(help="inline, local, slurm, or one of your own; launcher.<setting>=… changes it.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="How many slots train: here 2, or one per visible GPU; on a cluster 16."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch/--detach", help="On a cluster: follow to the end, or return at once.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print an empty folder's plan and a cluster's batch script; do nothing."
        ),
    ] = False,
    retry: Annotated[
        str,
        typer.Option(help="`failed`: run failed packs again; `failed:SIGNATURE`: those that begin so."),
    ] = "",
    max_device_hours: Annotated[
        float | None,
        typer.Option(
            "--max-device-hours", help="Save and end when all slots together have used so many, in all."
        ),
    ] = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Plan, train, score, re-run the best and report; the same command again continues.

    Exit code 3: packs failed, or slots died so often that work is left.
    """
    from ganbench.requests import Placement
    from ganbench.sweep import preview, run_sweep
    from ganbench.terminal import Console, show_plan

    asked = request(name, overrides, results, config_dir, plugin)
    place = Placement(launcher, workers, max_device_hours)
    if dry_run:
        summary, script = preview(asked, place)
        show_plan(summary)
        typer.echo(f"\n{script}" if script else "", nl=bool(script))
        return
    counts = run_sweep(asked, Console(), place, retry=retry, watch=watch)
    if counts["failed_packs"] or counts["left"]:
        raise typer.Exit(FAILED)
