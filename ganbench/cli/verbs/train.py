"""The verb `train`."""

from __future__ import annotations

import typer

from ganbench.cli.app import (
    DEFAULT_RESULTS,
    FAILED,
    RUN,
    ConfigDir,
    Json,
    Overrides,
    Plugins,
    Results,
    app,
    print_json,
)


@app.command(rich_help_panel=RUN)
def train(
    overrides: Overrides = None,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train and score one trial here: model=wgan_gp dataset=polygons budget=smoke seed=0."""
    from ganbench.single import show_trial, train_trial

    outcome = train_trial(overrides or [], results, config_dir, tuple(plugin or ()), quiet=as_json)
    print_json(outcome) if as_json else show_trial(outcome)
    if outcome["status"] == "failed":
        raise typer.Exit(FAILED)
