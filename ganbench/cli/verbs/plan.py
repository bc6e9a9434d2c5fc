"""The verb `plan`."""

from __future__ import annotations

from ganbench.cli.app import (
    DEFAULT_RESULTS,
    RUN,
    ConfigDir,
    Json,
    Overrides,
    Planned,
    Plugins,
    Results,
    app,
    print_json,
    request,
)


@app.command(rich_help_panel=RUN)
def plan(
    name: Planned,
    overrides: Overrides = None,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Write the plan of a sweep and print its counts; nothing is trained."""
    from ganbench.sweep import plan_sweep
    from ganbench.terminal import show_plan

    summary = plan_sweep(request(name, overrides, results, config_dir, plugin))
    print_json(summary) if as_json else show_plan(summary)
