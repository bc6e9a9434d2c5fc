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
    Plugins,
    Results,
    app,
    request,
)
from ganbench.errors import UserError


@app.command(rich_help_panel=RUN)
def sweep(
    name: str,
    overrides: Overrides = None,
    results: Results = DEFAULT_RESULTS,
    launcher: Annotated[str, typer.Option(help="inline or local.")] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Slots, one thread each: 2, or one per GPU where there are any.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, write and train nothing.")
    ] = False,
    retry: Annotated[str, typer.Option(help="`failed`: run failed packs again.")] = "",
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Plan, train, score, re-run the best and report; the same command again continues."""
    from ganbench.sweep import preview, run_sweep
    from ganbench.terminal import Console, show_plan

    if retry not in ("", "failed"):
        raise UserError(f"--retry {retry!r} is not known: the one choice is `--retry failed`")
    asked = request(name, overrides, results, config_dir, plugin)
    if dry_run:
        show_plan(preview(asked))
        return
    counts = run_sweep(asked, Console(), launcher=launcher, workers=workers, retry_failed=bool(retry))
    if counts["failed_packs"]:
        raise typer.Exit(FAILED)
