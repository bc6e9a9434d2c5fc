"""Run a probe by name and write what it found."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from ganbench.errors import ConfigError
from ganbench.nodes import closest
from ganbench.probes import kinds
from ganbench.probes.probe import Question
from ganbench.terminal import Console


def names() -> list[str]:
    """Return the probes there are."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(kinds.__path__))


def ask(kind: str, question: Question, out: Path, *, quiet: bool = False) -> tuple[dict[str, Any], Path]:
    """Run a probe and write it under `<out>/<probe>/<dataset or sweep>`; returns its summary and that folder.

    Raises `ConfigError` for a probe that is not there.
    """
    if kind not in names():
        raise ConfigError(f"there is no probe {kind!r}{closest(kind, names())}: choose {', '.join(names())}")
    import torch  # noqa: PLC0415  (slow to import; a wrong name is found out before)

    from ganbench.report.probes import write  # noqa: PLC0415  (matplotlib)

    torch.set_num_threads(1)
    module = import_module(f"{kinds.__name__}.{kind.replace('-', '_')}")
    finding = module.run(question, Console(quiet=quiet))
    folder = write(finding, out / finding.name / finding.subject)
    return json.loads((folder / "finding.json").read_text(encoding="utf-8")), folder


def show(summary: dict[str, Any], folder: Path) -> None:
    """Print a probe's verdict and where its files lie."""
    console = Console()
    verdict = summary["verdict"]
    rows = verdict["pairs"] if "pairs" in verdict else [{"": k, **v} for k, v in verdict.items()]
    if rows:
        console.rows(list(rows[0]), [[_short(value) for value in row.values()] for row in rows])
    for note in summary["notes"]:
        console.say(note)
    console.say(f"probe: {folder}")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
