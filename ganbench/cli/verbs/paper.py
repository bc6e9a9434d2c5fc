"""The verb `paper`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, ConfigDir, Json, Results, app, print_json

if TYPE_CHECKING:
    from ganbench.analysis.results import Results as Sweep
    from ganbench.report.paper.document import Page


@app.command(rich_help_panel=PUBLISH)
def paper(
    name: Annotated[str, typer.Argument(help="A file under papers/; `ganbench list papers`.")] = "lucic2018",
    results: Results = DEFAULT_RESULTS,
    to: Annotated[
        Path | None, typer.Option("--to", help="Where it is written.", show_default="RESULTS/paper/NAME")
    ] = None,
    as_json: Json = False,
    config_dir: ConfigDir = None,
) -> None:
    """Write a paper's tables and figures, paper.tex and paper.md from stored scores; what is missing is stamped."""
    from ganbench.errors import ConfigError
    from ganbench.report.paper.plan import load_paper

    plan = load_paper(name, config_dir)
    if not results.is_dir():
        raise ConfigError(f"there is no folder {results}: name the one that holds the sweeps with --results")
    from ganbench.report.paper.build import write_paper
    from ganbench.report.paper.shelf import Shelf
    from ganbench.report.references import reference_folder
    from ganbench.terminal import Console

    console, out = Console(quiet=as_json), to or results / "paper" / name
    shelf = Shelf(_reader(results), results / "probes", reference_folder(results), config_dir)
    with console.working("paper") as progress:
        pages = write_paper(plan, shelf, out, progress=progress)
    _say(pages, out, as_json=as_json)


def _reader(results: Path):  # type: ignore[no-untyped-def]
    from ganbench.store import Store
    from ganbench.sweep import read_results

    def read(name: str) -> Sweep | None:
        store = Store(results, name)
        return read_results(store) if store.exists() else None

    return read


def _say(pages: list[Page], out: Path, *, as_json: bool) -> None:
    from ganbench.terminal import Console

    missing = list(dict.fromkeys(stamp for page in pages for stamp in page.stamps))
    if as_json:
        tables = [table.name for page in pages for table in page.tables]
        figures = [drawing.name for page in pages for drawing in page.figures]
        print_json({"folder": str(out), "tables": tables, "figures": figures, "missing": missing})
        return
    console = Console()
    console.rows(
        ["section", "tables", "figures", ""],
        [
            [p.title, str(len(p.tables)), str(len(p.figures)), "not all there" if p.stamps else ""]
            for p in pages
        ],
    )
    for stamp in missing:
        console.say(f"missing: {stamp}")
    console.say(f"paper: {out} (paper.tex, paper.md)")
