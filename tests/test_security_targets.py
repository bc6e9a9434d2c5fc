"""Hostile `_target_`s and plug-ins: nothing is called, nothing is imported, one line says so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from commands import contents, ganbench, refused
from optuna.distributions import BaseDistribution

from ganbench.errors import ConfigError
from ganbench.instantiation import instantiate, load_plugins

HOSTILE = [
    "os.system",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "subprocess.Popen",
    "pickle.loads",
    "ganbench.files.os.system",
    "ganbench.launch.sbatch.os.system",
    "ganbench.provenance.subprocess.run",
    "ganbench.store.provenance.subprocess",
    "ganbench.files.replace_text",
    "ganbench.files.Path",
    "ganbench.launch.slots.SlotJob",
    "ganbench.launch.jobs.Continuation",
    "ganbench.launch.sbatch.Queue",
    "ganbench.store.folder.Store",
    "ganbench.instantiation.__builtins__",
    "ganbench.errors.UserError.__init__",
    "optuna.storages.RDBStorage",
    "optuna.distributions.json.JSONDecoder",
    "optuna.logging.logging.FileHandler",
    "torch.load",
    "ganbench.losses.ns.torch.load",
    "ganbench..losses.Ns",
    "ganbench.",
    ".os.system",
    "ganbench.\0.System",
    "ganbench/losses.Ns",
    "../evil.System",
    "os; import sys.exit",
    "__main__.Evil",
    "sys.modules",
    "",
]


@pytest.mark.parametrize("bases", [(), (BaseDistribution,)])
@pytest.mark.parametrize("target", HOSTILE)
def test_nothing_but_components_is_built(target: str, bases: tuple[type, ...]) -> None:
    for node in ({"_target_": target}, {"_target_": target, "command": "true", "args": ["true"]}):
        with pytest.raises(ConfigError) as caught:
            instantiate({"a": [node]}, bases=bases)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", [["os.system"], {"_target_": "os.system"}, None, 3, True])
def test_a_target_is_text(target: Any) -> None:
    with pytest.raises(ConfigError):
        instantiate({"_target_": target})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


OVERRIDES = [
    "model.procedure._target_=os.system",
    "model.procedure._target_=ganbench.files.os.system",
    "+model.procedure.extra={_target_: os.system, command: touch evil}",
    "dataset._target_=builtins.eval",
    "optimizer._target_=subprocess.Popen",
    "sampler._target_=os.system",
    "protocol.metrics.ring._target_=os.system",
    "dataset={_target_: os.system, command: touch evil}",
]
VERBS = [("train", override) for override in OVERRIDES] + [("sweep", override) for override in OVERRIDES]


@pytest.mark.parametrize(("verb", "override"), [*VERBS, ("pilot", OVERRIDES[0]), ("pilot", OVERRIDES[3])])
def test_overrides_cannot_name_one(verb: str, override: str, here: Path) -> None:
    few = (
        ["dataset=ring"] if verb == "train" else ["quickstart", "model=ns_gan", "dataset=ring", "rerun=null"]
    )
    more = ["--launcher", "inline"] if verb == "sweep" else []
    refused(ganbench(verb, *few, "budget=smoke", override, *more))
    left = [path.name for path in here.rglob("*") if path.is_file()]
    assert not {"evil", "sweep.yaml", "trials.jsonl", "scores.jsonl"} & set(left), "a launch leaves its log"


@pytest.mark.parametrize("plugin", ["os", "subprocess", "builtins"])
def test_a_plugin_brings_components_only(plugin: str) -> None:
    """What it defines besides, and what was there before, is no target."""
    if plugin != "builtins":
        load_plugins([plugin])
    for target in (f"{plugin}.system", f"{plugin}.Popen", f"{plugin}.eval", f"{plugin}.PathLike"):
        with pytest.raises(ConfigError, match="is not a registered component"):
            instantiate({"_target_": target})


@pytest.mark.parametrize(
    "plugin", ["", ".os", "..os", "os.", "../evil", "/tmp/evil", "a b", "evil.py", "os\0", "builtins"]
)
def test_names_that_are_no_plugins(plugin: str, here: Path) -> None:
    (here / "evil.py").write_text("import pathlib; pathlib.Path('evil').touch()\n")
    sys.modules.pop("evil", None)
    said = refused(
        ganbench("sweep", "quickstart", "model=ns_gan", "--plugin", plugin, "--results", here / "r")
    )
    assert "--plugin" in said
    assert set(contents(here)) == {"evil.py"}
