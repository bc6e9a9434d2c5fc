"""The verb `cache`."""

from __future__ import annotations

import typer

from ganbench.cli.app import LOOK, Json, app, print_json

cache = typer.Typer(help="List or clear what can be computed again; downloads beside it are left alone.")
app.add_typer(cache, name="cache", rich_help_panel=LOOK)


@cache.command("list")
def list_(as_json: Json = False) -> None:
    """Show what is kept, where, how large and how old it is; GANBENCH_CACHE or XDG_CACHE_HOME move it."""
    from ganbench import kept
    from ganbench.places import cache_home
    from ganbench.terminal import Console

    found = kept.entries()
    if as_json:
        print_json({"folder": str(cache_home()), "entries": [entry._asdict() for entry in found]})
        return
    console = Console()
    console.say(f"{cache_home()}: {len(found)} entries, {megabytes(sum(entry.size for entry in found))}")
    if found:
        rows = [[e.what, megabytes(e.size), age(e.age), e.name[:24]] for e in found]
        console.rows(["what", "size", "age", "name"], rows)


@cache.command("clear")
def clear(as_json: Json = False) -> None:
    """Remove all of it; whatever needs it computes it anew."""
    from ganbench import kept
    from ganbench.places import cache_home

    count, freed = kept.clear()
    found = {"folder": str(cache_home()), "files": count, "bytes": freed}
    print_json(found) if as_json else typer.echo(f"{cache_home()}: freed {megabytes(freed)} in {count} files")


def megabytes(size: int) -> str:
    """Return a size for a person."""
    return f"{size / 2**20:.1f} MiB"


def age(seconds: float) -> str:
    """Return an age for a person, in its largest whole unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
