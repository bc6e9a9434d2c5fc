"""Whether a procedure can be batched, without importing it."""

from __future__ import annotations

import ast
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_FLAG = "batched"


def batched(target: str) -> bool:
    """Return what a procedure's class says of itself, in its source where its module is not loaded.

    True where that cannot be found out: the worker then says what is wrong.
    """
    module, _, name = target.rpartition(".")
    if module in sys.modules:
        return bool(getattr(getattr(sys.modules[module], name, None), _FLAG, True))
    return _written(module, name)


@cache
def _written(module: str, name: str) -> bool:
    try:
        spec = find_spec(module)
        tree = ast.parse(Path(spec.origin).read_text("utf-8")) if spec and spec.origin else ast.Module([], [])
    except (ImportError, OSError, ValueError, SyntaxError):
        return True
    lines = [
        line
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == name
        for line in node.body
    ]
    values = [
        line.value.value
        for line in lines
        if isinstance(line, (ast.Assign, ast.AnnAssign))
        and _FLAG in {getattr(t, "id", "") for t in getattr(line, "targets", [getattr(line, "target", None)])}
        and isinstance(line.value, ast.Constant)
    ]
    return bool(values[-1]) if values else True
