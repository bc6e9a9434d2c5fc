"""The command line: parse, call one function, exit. Heavy imports stay inside the verbs."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from ganbench.errors import UserError


class StoppedError(Exception):
    """Ctrl-C; typer would end without a word."""


class Verbs(typer.core.TyperGroup):
    """The verbs, none of which swallows Ctrl-C."""

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
_Misuse: Any = typer.BadParameter.__bases__[0]  # any mistake in the command line itself
_debug = {"on": False}

Overrides = Annotated[
    list[str] | None, typer.Argument(help="Hydra overrides: model=wgan_gp, model.d_steps=5 …")
]
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
    _debug["on"] = debug


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def _request(
    name: str, overrides: list[str] | None, results: Path, config_dir: Path | None, plugins: list[str] | None
) -> Any:
    from ganbench.sweep import Request

    return Request(name, overrides or [], results, config_dir, tuple(plugins or ()))


@app.command("list")
def list_(
    group: Annotated[str, typer.Argument(help="models, losses, datasets, spaces, sweeps …")] = "models",
    as_json: Json = False,
    config_dir: ConfigDir = None,
) -> None:
    """Show the names a config group, or the sweeps folder, holds."""
    from ganbench.sweep import names

    found = names(group, config_dir)
    _print_json(found) if as_json else typer.echo("\n".join(found))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine and name each fix: packages, data, extractor weights, disk."""
    from ganbench.doctor import examine, show

    checks = examine()
    _print_json([check.to_json() for check in checks]) if as_json else show(checks)


@app.command()
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
    _print_json(outcome) if as_json else show_trial(outcome)
    if outcome["status"] == "failed":
        raise typer.Exit(FAILED)


@app.command()
def plan(
    name: str,
    overrides: Overrides = None,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Write the plan of a sweep and print its counts; nothing is trained."""
    from ganbench.sweep import plan_sweep
    from ganbench.terminal import show_plan

    summary = plan_sweep(_request(name, overrides, results, config_dir, plugin))
    _print_json(summary) if as_json else show_plan(summary)


@app.command()
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
    request = _request(name, overrides, results, config_dir, plugin)
    if dry_run:
        show_plan(preview(request))
        return
    counts = run_sweep(request, Console(), launcher=launcher, workers=workers, retry_failed=bool(retry))
    if counts["failed_packs"]:
        raise typer.Exit(FAILED)


@app.command()
def status(name: str, results: Results = DEFAULT_RESULTS, as_json: Json = False) -> None:
    """Count planned, running, done, lost, diverged and failed trials; reads only."""
    from ganbench.sweep import status_of
    from ganbench.terminal import show_status

    found = status_of(name, results)
    _print_json(found["counts"]) if as_json else show_status(found)


@app.command()
def failures(name: str, results: Results = DEFAULT_RESULTS, as_json: Json = False) -> None:
    """Group failed packs by the place and kind of their error."""
    from ganbench.sweep import failures_of
    from ganbench.terminal import show_failures

    found = failures_of(name, results)
    _print_json(found) if as_json else show_failures(found)


@app.command()
def report(
    name: str,
    results: Results = DEFAULT_RESULTS,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Report an incomplete sweep, stamped so.")
    ] = False,
) -> None:
    """Write tables, figures and report.json of a finished sweep."""
    from ganbench.sweep import report_sweep
    from ganbench.terminal import Console

    report_sweep(name, results, Console(), allow_partial=allow_partial)


@app.command()
def compact(name: str, results: Results = DEFAULT_RESULTS) -> None:
    """Merge every attempt's rows into scores.parquet."""
    from ganbench.sweep import open_store

    typer.echo(open_store(name, results).compact())


@app.command()
def score(
    name: str,
    protocol: Annotated[str, typer.Option("--protocol", help="A config of the group protocol.")],
    results: Results = DEFAULT_RESULTS,
    config_dir: ConfigDir = None,
) -> None:
    """Score the kept snapshots under another protocol; nothing is trained."""
    from ganbench.rescore import rescore
    from ganbench.terminal import Console

    typer.echo(rescore(name, results, protocol, config_dir, Console()))


@app.command()
def gc(
    name: str,
    results: Results = DEFAULT_RESULTS,
    keep: Annotated[str, typer.Option(help="best or none.")] = "best",
) -> None:
    """Remove checkpoints and snapshots that finished packs no longer need."""
    from ganbench.sweep import collect_garbage

    typer.echo(collect_garbage(name, results, keep))


@app.command()
def export(
    name: str,
    form: Annotated[str, typer.Argument(help="csv")] = "csv",
    results: Results = DEFAULT_RESULTS,
) -> None:
    """Print every score as CSV."""
    from ganbench.files import bare_name
    from ganbench.store import load

    if form != "csv":
        raise UserError(f"cannot export to {form!r}: the one form is csv")
    typer.echo(load(results / bare_name(name)).to_csv(index=False), nl=False)


def main() -> None:
    """Run the command line; errors a user can mend are one line and exit code 2."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], prog_name="ganbench", standalone_mode=False))
    except UserError as error:
        _end(2, str(error))
    except _Misuse as error:
        _end(
            2,
            f"{error.format_message().rstrip('.')}; see `{error.ctx.command_path if error.ctx else 'ganbench'} -h`",
        )
    except (StoppedError, KeyboardInterrupt) as error:
        _end(130, f"stopped; {str(error) or CONTINUE}")


def _end(code: int, line: str) -> None:
    if _debug["on"]:
        traceback.print_exc()
    typer.echo(f"ganbench: {line}", err=True)
    sys.exit(code)
