"""The verb `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.cli.app import SCORE, ConfigDir, Json, Plugins, app, print_json


@app.command(rich_help_panel=SCORE)
def evaluate(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings: metrics.prc.k=5, extractors.inception.weights=PATH, n_real=10000 …"),
    ] = None,
    *,
    real: Annotated[
        Path, typer.Option(help="Folder of pictures; .npz with `images` or .npy, N×H×W×C; IDX file.")
    ],
    fake: Annotated[Path, typer.Option(help="The same for the samples to be scored.")],
    extractor: Annotated[str, typer.Option(help="A config of conf/extractor: `ganbench list extractors`.")],
    metrics: Annotated[
        str,
        typer.Option(help="Configs of conf/metric without their _<space>, in a comma list: fd,kid,prc."),
    ],
    n: Annotated[
        int | None,
        typer.Option("--n", min=2, help="At most so many images a side, drawn by evaluation_seed."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images in memory at once; the extractor's own by default.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the extractor runs: cpu, cuda …")] = "cpu",
    cache: Annotated[bool, typer.Option(help="Keep what is computed of --real for the next time.")] = True,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be scored, and say which.")
    ] = False,
    as_json: Json = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Score anyone's samples: pictures or arrays against real ones, under a stated protocol.

    Images are read one batch at a time and neither resized nor cropped; both sides have one size. `fd` on the
    extractor inception, and only there, is reported as `fid`. Metrics that need a generator, labels or a known
    support cannot be computed from samples and are refused.
    """
    from ganbench.evaluate import Request, stamps, table
    from ganbench.evaluate import evaluate as score
    from ganbench.terminal import Console

    names = tuple(name.strip() for name in metrics.split(",") if name.strip())
    console = Console()
    report = score(
        Request(
            real,
            fake,
            extractor,
            names,
            overrides=tuple(overrides or ()),
            n=n,
            batch_size=batch_size,
            device=device,
            use_cache=cache,
            skip_bad=skip_bad,
            config_dir=config_dir,
            plugins=tuple(plugin or ()),
        ),
        console,
    )
    for line in report.notes if as_json else [*report.notes, *stamps(report), *report.advice]:
        console.say(line)
    print_json({"metrics": report.metrics}) if as_json else console.rows(*table(report))
