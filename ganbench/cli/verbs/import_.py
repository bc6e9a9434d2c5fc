"""The verb `import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli.app import DEFAULT_RESULTS, PUBLISH, Json, Results, app, print_json
from ganbench.errors import UserError


@app.command("import", rich_help_panel=PUBLISH)
def import_(
    sources: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Scores that other code wrote.")],
    form: Annotated[str, typer.Option("--format", help="compare_gan, stylegan, mimicry or csv.")],
    name: Annotated[str, typer.Option("--as", help="The name of the results folder to be made.")],
    results: Results = DEFAULT_RESULTS,
    columns: Annotated[
        str, typer.Option(help="For csv, ours=theirs: model=arch,step=iter,fid_inception=fid,model.lr=rate …")
    ] = "",
    stated: Annotated[
        str,
        typer.Option(help="What the files do not say: model=NAME,dataset=NAME,stage=rerun,n_fake=50000 …"),
    ] = "",
    better: Annotated[str, typer.Option(help="What is better for a metric not known here: psnr=max …")] = "",
    headline: Annotated[
        str | None, typer.Option(help="The metric of curves and choices; FID, or the first to minimise.")
    ] = None,
    iid: Annotated[
        bool, typer.Option("--iid", help="The settings were drawn independently from one distribution.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a results folder of runs trained elsewhere, for report, load and export; nothing of it can be trained.

    NaN and infinite scores are diverged runs. Without --iid whatever needs independent draws (budget curves,
    comparisons, ranks) is refused. Scores keep a protocol of their own and stand in no table beside ours.
    """
    from ganbench.importers.bring import Wish, bring
    from ganbench.terminal import Console

    console = Console()
    wish = Wish(
        tuple(sources), form, name, results, _pairs(columns, "--columns"), _pairs(stated, "--stated"),
        _pairs(better, "--better"), headline, iid,
    )  # fmt: skip
    with console.working("import"):
        found = bring(wish)
    if as_json:
        print_json(found)
        return
    if found["ignored"]:
        console.say(f"left out: {', '.join(found['ignored'])}")
    if not iid:
        console.say(
            "how settings were drawn is not stated: no budget curves or comparisons; --iid says independently"
        )
    diverged = f" ({found['diverged']} diverged)" if found["diverged"] else ""
    typer.echo(
        f"{found['folder']}: {found['runs']} runs, {found['scores']} scores{diverged}, "
        f"protocol {', '.join(found['protocols'])}"
    )


def _pairs(text: str, option: str) -> dict[str, str]:
    """Take `a=b,c=d` apart. Raises `UserError`."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for name, _, value in pairs:
        if not name.strip() or not value.strip():
            raise UserError(f"{option} {text!r} is not of the form name=value,name=value")
    found = {name.strip(): value.strip() for name, _, value in pairs}
    if len(found) < len(pairs):
        raise UserError(f"{option} {text!r} names something twice")
    return found
