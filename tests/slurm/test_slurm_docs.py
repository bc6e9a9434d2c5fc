"""What `docs/cluster.md` tells a user to type is typed here, in its order, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.store import Store

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if not line.startswith(". ")]  # the cluster is there


@pytest.mark.slow
def test_every_command_works(tmp_path: Path, watched: Callable[[Store], Store]) -> None:
    store = watched(Store(tmp_path / "my_cluster", "quickstart"))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    said = {}
    for line in commands():
        ran = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
        said[line] = ran.stdout
    assert len(said) >= 8
    assert store.counts()["done"] == store.counts()["total"] == 6
    assert Store(tmp_path / "my_cluster_local", "quickstart").counts()["done"] == 2
    assert any("quickstart-" in out for line, out in said.items() if "--dry-run" in line)


def test_every_setting_is_described() -> None:
    from ganbench.launch import launcher_settings

    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert launcher_settings("slurm").keys() - {"kind", "continuation"} <= named
    assert launcher_settings("slurm")["continuation"].keys() <= named
