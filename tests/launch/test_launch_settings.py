"""Launchers: their settings, overrides and files of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ganbench.errors import ConfigError
from ganbench.launch import launcher_settings


def test_every_setting_can_be_overridden() -> None:
    text = ["launcher.partition=gpu", "launcher.setup=[module load a,source b]", "launcher.mem=16G"]
    text += ["launcher.continuation.time_min=5", "launcher.sbatch={reservation: mine}"]
    changed = launcher_settings("slurm", overrides=text, workers=3)
    default = launcher_settings("slurm")
    assert {key for key in default if changed[key] != default[key]} == {
        "partition",
        "setup",
        "mem",
        "continuation",
        "sbatch",
    }
    assert (changed["partition"], changed["setup"]) == ("gpu", ["module load a", "source b"])
    assert changed["continuation"] == {**default["continuation"], "time_min": 5}
    assert changed["sbatch"] == {"reservation": "mine"}
    assert (changed["total"], "total" in default) == (3, False)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("launcher.partitoin=gpu", "did you mean `launcher.partition`"),
        ("launcher.time_min=long", "`launcher.time_min` is"),
        ("launcher.mem=16", "`launcher.mem` is"),
        ("launcher.cpus=1,2", "one value is wanted here"),
        ("launcher.kind=local", "choose with --launcher"),
    ],
)
def test_what_cannot_be_set_is_said(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        launcher_settings("slurm", overrides=[override])


def test_a_site_has_a_file_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "launcher"
    folder.mkdir()
    (folder / "moon.yaml").write_text(yaml.safe_dump({"kind": "slurm", "partition": "far", "time_min": 30}))
    found = launcher_settings("moon", config_dir=tmp_path, overrides=["launcher.time_min=20"])
    assert (found["kind"], found["partition"], found["time_min"], found["mem"]) == ("slurm", "far", 20, "4G")
    (folder / "moon.yaml").write_text("kind: slurm\npartitoin: far\n")
    with pytest.raises(ConfigError, match=r"did you mean `launcher\.partition`"):
        launcher_settings("moon", config_dir=tmp_path)
    (folder / "moon.yaml").write_text("kind: rocket\n")
    with pytest.raises(ConfigError, match="`kind` must be inline or local or slurm, not 'rocket'"):
        launcher_settings("moon", config_dir=tmp_path)
    with pytest.raises(ConfigError, match="'moon' is not known: choose inline or local or slurm"):
        launcher_settings("moon")
