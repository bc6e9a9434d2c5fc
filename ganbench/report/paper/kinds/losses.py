"""What each model minimises, out of the docstrings of its loss, penalty and procedure, which are read, not imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.report.paper.exhibit import Exhibit
from ganbench.report.paper.shelf import Shelf
from ganbench.report.render import MISSING, Table

HEADER = ("model", "part", "minimises", "source")
COLUMNS = ("model", "critic", "generator", "penalty", "source")
NOTES = (
    (
        "Out of the code's docstrings; all are batch means. l is the critic's output and σ the logistic function, D ="
        " σ(l) where a probability is meant; softplus(t) = log(1 + exp t)."
    ),
    (
        "The study's first version prints wrong signs or brackets for minimax, non-saturating and least-squares GAN;"
        " this is what its code computes and what runs here."
    ),
    "Least squares: y is σ(l) as in the study's code; the paper has y = l. real_label 1, fake_label 0, target 1.",
    "BEGAN: L(v) is the mean of |v − AE(v)|, AE the critic.",
)
_OWN = re.compile(r"D minimises (?P<d>.+?), G minimises (?P<g>.+?),")
_ONE = re.compile(r"Minimises (?P<d>.+?)(?:, with |\.\s|\.$)")
_PAIR = re.compile(r"L_D = (?P<d>.+?), L_G = (?P<g>.+?)(?:[.;](?:\s|$)|$)")
_WORK = r"[A-Z][\w-]+ (?:et al\.|& [A-Z][\w-]+) \d{4}"
_SOURCE = re.compile(rf"({_WORK})(?:, | \()(arXiv \d{{4}}\.\d{{5}}|arXiv \d{{4}}\.\d{{4}})")


@dataclass(frozen=True)
class Settings:
    """Which models to show."""

    models: list[str]


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return one table of formulas."""
    found = [_row(model, shelf.config_dir) for model in settings.models]
    rows = [row for one in found for row in _lines(one)]
    rules = frozenset(n for n, row in enumerate(rows) if row[0] and n)
    frame = pd.DataFrame(found, columns=list(COLUMNS))
    table = Table(
        name, "What the models minimise", HEADER, tuple(rows), NOTES, frame,
        partial=False, text_columns=4, formulas=frozenset({2}), rules=rules,
    )  # fmt: skip
    return Exhibit(tables=[table])


def _lines(found: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return a model's lines: what the critic minimises, the generator, and the penalty if there is one."""
    model, critic, generator, penalty, cited = found
    lines: list[tuple[str, ...]] = [(model, "critic", critic, cited), ("", "generator", generator, "")]
    return [*lines, ("", "on the critic", penalty, "")] if penalty != MISSING else lines


def _row(model: str, config_dir: Path | None) -> tuple[str, ...]:
    config = compose([f"model={model}"], config_dir).config
    procedure = config["model"]["procedure"]
    texts = {"procedure": docstring(procedure["_target_"])}
    parts = ("loss", "penalty") if "loss" in procedure else ()
    texts |= {part: docstring(config[part]["_target_"]) for part in parts}
    critic, generator = formulas(texts.get("loss", texts["procedure"])) or (MISSING, MISSING)
    penalty = _penalty(texts.get("penalty", ""))
    if penalty == MISSING:
        penalty = _clipping(procedure.get("d_optimizer"))
    cited = [source(texts[part]) for part in ("penalty", "loss", "procedure") if part in texts]
    return model, critic, generator, penalty, next(filter(None, cited), "")


def _penalty(text: str) -> str:
    match = re.search(r"weight · (.+?)(?: and α| \(|\. Here|\. )", text)
    return f"weight · {match[1]}" if match else MISSING


def _clipping(node: object) -> str:
    return "weights clipped to [−clip, clip]" if isinstance(node, dict) and "clip" in node else MISSING


def formulas(text: str) -> tuple[str, str] | None:
    """Return what critic and generator minimise as a docstring says it, None where it does not."""
    for pattern in (_PAIR, _OWN):
        if match := pattern.search(text):
            return match["d"].strip(), match["g"].strip()
    match = _ONE.search(text)
    return (match["d"].strip(), "the same: one loss") if match else None


def source(text: str) -> str:
    """Return the first work that a docstring cites, without its equation."""
    match = _SOURCE.search(text)
    return f"{match[1]}, {match[2]}" if match else ""


def docstring(target: str) -> str:
    """Return a class's docstring as one line, read from its module's file; raises `ConfigError` if it is not there."""
    module, _, name = target.rpartition(".")
    parent = find_spec(module.rpartition(".")[0])
    folders = list(parent.submodule_search_locations or []) if parent else []
    files = [Path(folder) / f"{module.rpartition('.')[2]}.py" for folder in folders]
    found = next((path for path in files if path.is_file()), None)
    for node in ast.parse(found.read_text(encoding="utf-8")).body if found else []:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return " ".join((ast.get_docstring(node) or "").split())
    raise ConfigError(f"{target} has no class to read: only parts in files of their own can be shown")
