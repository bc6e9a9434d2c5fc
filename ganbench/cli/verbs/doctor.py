"""The verb `doctor`."""

from __future__ import annotations

from ganbench.cli.app import LOOK, Json, app, print_json


@app.command(rich_help_panel=LOOK)
def doctor(as_json: Json = False) -> None:
    """Check this machine and name each fix: packages, data, extractor weights, disk."""
    from ganbench.doctor import examine, show

    checks = examine()
    print_json([check.to_json() for check in checks]) if as_json else show(checks)
