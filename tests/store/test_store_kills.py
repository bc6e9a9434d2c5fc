"""Workers killed a hundred times and more: whatever was being written, every row is there once, and the right one."""

from __future__ import annotations

from pathlib import Path

import pytest
from stores import python

KILL = "import killing; killing.main()"


@pytest.mark.parametrize(("how", "seed", "kills"), [("change", 1, 60), ("moment", 2, 60)])
def test_killed_again_and_again_a_sweep_ends_as_an_undisturbed_one(
    tmp_path: Path, how: str, seed: int, kills: int
) -> None:
    child = python(KILL, how, tmp_path, seed, kills)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert int(out) >= kills
    assert err == ""
