"""The verb `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Results, Swept, app
from ganbench.errors import UserError


@app.command(rich_help_panel=PUBLISH)
def export(
    name: Swept,
    form: Annotated[str, typer.Argument(help="csv, or optuna: a journal for optuna-dashboard.")] = "csv",
    results: Results = DEFAULT_RESULTS,
    to: Annotated[
        Path | None, typer.Option("--to", help="The file; csv goes to stdout, optuna to NAME.journal.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Export a sweep: every score as CSV, or every trial as Optuna studies."""
    forms = {"csv": _csv, "optuna": _optuna}
    if form not in forms:
        raise UserError(f"cannot export to {form!r}: choose {' or '.join(forms)}")
    forms[form](name, results, to, force)


def _csv(name: str, results: Path, to: Path | None, force: bool) -> None:
    from ganbench.files import bare_name, replace_text
    from ganbench.store import load

    text = load(results / bare_name(name)).to_csv(index=False)
    if to is None:
        typer.echo(text, nl=False)
    else:
        replace_text(_consented(to, force), text)


def _optuna(name: str, results: Path, to: Path | None, force: bool) -> None:
    from ganbench.store.opening import open_store
    from ganbench.studies import export_studies, studies_of
    from ganbench.terminal import Console

    store = open_store(name, results)
    path = _consented(to or Path(f"{store.name}.journal"), force)
    console = Console()
    with console.working("scores"):
        studies = studies_of(store)
    trials = sum(len(study.trials) for study in studies)
    with console.bar(f"{store.name} optuna", trials) as update:
        export_studies(studies, path, update)
    typer.echo(
        f"{path}: {len(studies)} studies, {trials} trials;"
        f" optuna-dashboard {path} --storage-class JournalFileStorage"
    )


def _consented(path: Path, force: bool) -> Path:
    """Return a path that may be written. Raises `UserError`."""
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: --to names a file in a folder that is there")
    if path.exists() and not force:
        raise UserError(f"{path} is there already: choose another file with --to, or add --force")
    return path
