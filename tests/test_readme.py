"""What the README tells a user to type is typed here, in its order, in an empty folder."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ganbench import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("ganbench ")]


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", arguments)
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_every_command_works_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [
        (re.findall(r"`(my_conf/[\w/]+\.yaml)`", README[: block.start()])[-1], block[1])
        for block in re.finditer(r"```yaml\n(.*?)```", README, re.DOTALL)
    ]
    assert [Path(path).parent.name for path, _ in files] == ["model", "sweeps"]
    for path, text in files:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    for name in ("real", "fake"):
        pictures = np.random.default_rng(len(name)).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=pictures)
    typed = commands()
    assert len(typed) >= 10
    for command in typed:
        inline = ["--launcher", "inline"] if command[1] == "sweep" else []
        assert run([*command, *inline], monkeypatch) == 0, command
    assert (tmp_path / "my_results" / "quickstart" / "report" / "report.json").exists()


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"`make ([a-z-]+)`", README)) | {
        line.split()[1] for block in blocks("bash") for line in block.splitlines() if line.startswith("make ")
    }
    assert {"quickstart", "test", "check", "polygons"} <= targets
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_every_path_it_names_exists() -> None:
    named = re.findall(r"\]\(((?:docs|results|spec)/[^)#]+)\)", README)
    named += re.findall(r"`((?:docs|tests|conf|sweeps|ganbench|results)/[\w/.]*\w/?)`", README)
    assert len(named) >= 6
    made_by_commands = ("results/quickstart", "results/<sweep>")
    missing = [p for p in named if not (ROOT / p).exists() and not p.startswith(made_by_commands)]
    assert not missing
