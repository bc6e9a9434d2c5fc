"""The command line: parse, call one function, exit. A verb is a file under `verbs/`; heavy imports stay inside it."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import typer

from ganbench.cli import verbs
from ganbench.cli.app import CONTINUE, StoppedError, app, shown
from ganbench.errors import UserError

_Misuse: Any = typer.BadParameter.__bases__[0]  # any mistake in the command line itself

# one line, whatever a name or a message holds: a terminal would obey control characters
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {ord("\n"): " "}

for _module in iter_modules(verbs.__path__, f"{verbs.__name__}."):
    import_module(_module.name)


def main() -> None:
    """Run the command line; errors a user can mend are one line and exit code 2."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], prog_name="ganbench", standalone_mode=False))
    except UserError as error:
        _end(2, str(error))
    except PermissionError as error:
        _end(
            2,
            f"no permission for {error.filename}: ask its owner (docs/cluster.md, *Who may read and write*)",
        )
    except _Misuse as error:
        _end(
            2,
            f"{error.format_message().rstrip('.')}; see `{error.ctx.command_path if error.ctx else 'ganbench'} -h`",
        )
    except (StoppedError, KeyboardInterrupt) as error:
        _end(130, f"stopped; {str(error) or CONTINUE}")


def _end(code: int, line: str) -> None:
    if shown["tracebacks"]:
        traceback.print_exc()
    typer.echo(f"ganbench: {line.translate(_VISIBLE)}", err=True)
    sys.exit(code)
