"""The built wheel, installed elsewhere, works without the repository: it carries conf/ and sweeps/."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it alone into a folder."""
    root, out = Path(__file__).resolve().parents[1], tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(root)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    target = out / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
    ]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return target


def run(installed: Path, folder: Path, *arguments: str) -> str:
    code = "import sys; from ganbench.cli import main; sys.argv[0] = 'ganbench'; main()"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_configs_and_sweeps_come_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = (
        "import ganbench, ganbench.shipped as s;"
        "print(ganbench.__file__, s.builtin('conf'), s.builtin('sweeps'), sep='\\n')"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    paths = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert all(Path(path).is_relative_to(installed) for path in paths)
    pages = {path.name for path in (installed / "ganbench" / "report" / "page").iterdir()}
    assert {"page.html", "macros.html", "compare.html", "page.css", "app.js"} <= pages
    assert len(json.loads(run(installed, tmp_path, "list", "models", "--json"))) >= 8
    assert "quickstart" in json.loads(run(installed, tmp_path, "list", "sweeps", "--json"))
    assert json.loads(run(installed, tmp_path, "list", "papers", "--json")) == ["lucic2018", "precision"]
    assert "lucic2018/best_fid" in json.loads(run(installed, tmp_path, "list", "references", "--json"))


def test_a_trial_trains_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Also the weights of lenet28 must be in it, and the study's draws."""
    assert (installed / "ganbench" / "metrics" / "weights" / "lenet28.safetensors").exists()
    assert (installed / "ganbench" / "_data" / "conf" / "data" / "lucic2018_wide_draws.csv").exists()
    small = ["dataset.n_train=500", "budget.steps=4", "budget.every=2", "network.hidden=8"]
    outcome = json.loads(
        run(installed, tmp_path, "train", "model=ns_gan", "dataset=ring", "budget=smoke", *small, "--json")
    )
    assert outcome["status"] == "done"
    assert outcome["d_steps_done"] == 4
