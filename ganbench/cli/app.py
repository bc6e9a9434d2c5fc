"""What the verbs share: the application, its exit codes, and options that mean the same everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ganbench.requests import Request


class StoppedError(Exception):
    """Ctrl-C; typer would end without a word."""


RUN, LOOK, SCORE, PUBLISH = PANELS = ("Run", "Look", "Score", "Publish")  # of the help, in this order


class Verbs(typer.core.TyperGroup):
    """The verbs, none of which swallows Ctrl-C."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Return the verbs by the panel of the help they stand in."""
        panel = {name: getattr(verb, "rich_help_panel", None) for name, verb in self.commands.items()}
        return sorted(self.commands, key=lambda name: (PANELS.index(panel[name]), name))

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; raises `StoppedError` on Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise StoppedError(str(error)) from error


app = typer.Typer(
    name="ganbench",
    cls=Verbs,
    help="Which generative model is better, given the same tuning budget?",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FAILED = 3  # finished with failures
CONTINUE = "the same command continues where this one ended"
shown = {"tracebacks": False}  # --debug

Overrides = Annotated[
    list[str] | None, typer.Argument(help="Hydra overrides: model=wgan_gp, model.d_steps=5 …")
]
Planned = Annotated[str, typer.Argument(metavar="NAME", help="A sweep file: `ganbench list sweeps`.")]
Swept = Annotated[str, typer.Argument(metavar="NAME", help="A sweep that lies under RESULTS.")]
Results = Annotated[Path, typer.Option("--results", help="Folder that holds the sweeps' results.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for scripts.")]
ConfigDir = Annotated[
    Path | None, typer.Option("--config-dir", help="Your own conf/ folder, searched first.")
]
Plugins = Annotated[
    list[str] | None, typer.Option("--plugin", help="An importable module with parts of your own.")
]
DEFAULT_RESULTS = Path("results")


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False) -> None:
    shown["tracebacks"] = debug


def print_json(value: Any) -> None:
    """Print strict JSON on stdout."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def request(
    name: str, overrides: list[str] | None, results: Path, config_dir: Path | None, plugins: list[str] | None
) -> Request:
    """Return what a command line asks of a sweep."""
    from ganbench.requests import Request

    return Request(name, overrides or [], results, config_dir, tuple(plugins or ()))
