"""What the sources themselves promise: nothing is unpickled, evaluated or run through a shell."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from slotwork import planned, run
from stores import ROOT

from ganbench.store import Store

PICKLERS = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "jsonpickle",
}
NEVER = {
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "pd.read_pickle",
    "pandas.read_pickle",
    "torch.hub.load",
    "torch.jit.load",
    "yaml.unsafe_load",
    "yaml.full_load",
}


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` as it stands in the source; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{base}.{node.attr}" if (base := dotted(node.value)) else ""
    return node.id if isinstance(node, ast.Name) else ""


def offences(source: str) -> Iterator[str]:
    """Yield what a source does that none may do."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in PICKLERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLERS:
            yield from (f"{node.module}.{a.name}" for a in node.names if not a.name.endswith("Error"))
        elif isinstance(node, ast.Call):
            yield from _called(dotted(node.func), {k.arg: k.value for k in node.keywords})


def _called(name: str, given: dict[str | None, ast.expr]) -> Iterator[str]:
    def is_(keyword: str, value: bool) -> bool:
        found = given.get(keyword)
        return isinstance(found, ast.Constant) and found.value is value

    if name in NEVER:
        yield name
    if name == "torch.load" and not is_("weights_only", True):
        yield "torch.load without weights_only=True"
    if name in ("np.load", "numpy.load") and "allow_pickle" in given and not is_("allow_pickle", False):
        yield "np.load(allow_pickle=…)"
    if name == "yaml.load" and not dotted(given.get("Loader", ast.Constant(None))).endswith(
        ("_LOADER", "SafeLoader")
    ):
        yield "yaml.load without a safe loader"
    if "shell" in given and not is_("shell", False):
        yield f"{name}(shell=…)"


BAD = [
    "import pickle",
    "from pickle import load",
    "import joblib.hashing",
    "torch.load(path)",
    "torch.load(path, weights_only=False)",
    "np.load(path, allow_pickle=True)",
    "yaml.load(text)",
    "yaml.load(text, Loader=yaml.Loader)",
    "subprocess.run(line, shell=True)",
    "os.system(line)",
    "eval(text)",
    "pd.read_pickle(path)",
]


@pytest.mark.parametrize("source", BAD)
def test_what_none_may_do_is_recognised(source: str) -> None:
    assert len(list(offences(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from pickle import UnpicklingError",
        "torch.load(p, weights_only=True)",
        "np.load(p)",
        "np.load(p, allow_pickle=False)",
        "yaml.load(t, Loader=_LOADER)",
        "network.eval()",
    ],
)
def test_what_is_safe_is_left_alone(source: str) -> None:
    assert list(offences(source)) == []


def test_no_source_does_any_of_it() -> None:
    sources = sorted((ROOT / "ganbench").rglob("*.py"))
    assert len(sources) > 100
    found = {str(path): list(offences(path.read_text(encoding="utf-8"))) for path in sources}
    assert {path: what for path, what in found.items() if what} == {}


def test_submitits_pickles_are_the_only_ones_and_documented() -> None:
    """submitit, which reads the pickles of its own jobs, is imported by the launcher alone."""
    users = [
        p for p in (ROOT / "ganbench").rglob("*.py") if "import submitit" in p.read_text(encoding="utf-8")
    ]
    assert {path.parent.name for path in users} == {"launch"}
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    assert "submitit's pickles there are the only ones ganbench ever reads" in page


class Evil:
    """Whoever unpickles it makes a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


def test_a_hostile_checkpoint_is_not_unpickled(tmp_path: Path) -> None:
    store = planned(tmp_path / "results")
    (pack,) = store.plan().packs
    attempt = store.claim(pack)
    assert attempt is not None
    attempt.write("checkpoint-1.pt", lambda path: torch.save(Evil(tmp_path / "unpickled"), path))
    attempt.finish("stopped")
    assert len(store.checkpoints(pack)) == 1
    run(Store(tmp_path / "results", "quickstart"))
    assert Store(tmp_path / "results", "quickstart").counts()["done"] == 2
    assert not (tmp_path / "unpickled").exists()
