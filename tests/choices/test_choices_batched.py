"""Whether a procedure can be batched is read, not run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ganbench.choices import batched

SOURCE = """
raise RuntimeError("imported")
class Solver:
    batched: ClassVar[bool] = False
class Plain:
    batched = False
class Packed:
    batched: ClassVar[bool] = True
class Silent:
    pass
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Solver", False), ("Plain", False), ("Packed", True), ("Silent", True), ("Missing", True)],
)
def test_it_is_read_from_source_that_is_not_loaded(
    name: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unloaded_procedures.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    assert batched(f"unloaded_procedures.{name}") is expected
    assert "unloaded_procedures" not in sys.modules


def test_a_loaded_class_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganbench.procedures.adversarial import Adversarial

    assert batched("ganbench.procedures.adversarial.Adversarial")
    monkeypatch.setattr(Adversarial, "batched", False)
    assert not batched("ganbench.procedures.adversarial.Adversarial")


@pytest.mark.parametrize(
    "target", ["no_such_package.module.Name", "ganbench.procedures.nothing.Name", "Bare"]
)
def test_what_cannot_be_found_is_left_to_the_worker(target: str) -> None:
    assert batched(target)
