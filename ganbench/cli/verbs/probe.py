"""The verb `probe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, SCORE, Json, Results, app, print_json


@app.command(rich_help_panel=SCORE)
def probe(
    kind: Annotated[str, typer.Argument(help="fid-bias, mode-drop, extractor-agreement or memorization.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Hydra overrides: dataset=polygons …")] = None,
    repeats: Annotated[int, typer.Option(min=2, help="Draws of each size, or orders of the classes.")] = 10,
    sweep: Annotated[str, typer.Option(help="The finished sweep that extractor-agreement reads.")] = "",
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
) -> None:
    """Show what a metric sees: a table and a figure under RESULTS/probes."""
    from ganbench.probes.ask import ask, show
    from ganbench.probes.probe import Question

    question = Question(tuple(overrides or ()), repeats, sweep, str(results))
    summary, folder = ask(kind, question, Path(results) / "probes", quiet=as_json)
    print_json(summary) if as_json else show(summary, folder)
