"""What a `_target_` may name, and how its fields are checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler

from ganbench.errors import ConfigError
from ganbench.instantiation import instantiate, load_frozen, load_plugins
from ganbench.tree import component, full_name

FLOAT = "optuna.distributions.FloatDistribution"


@component
class Inner:
    """A part."""

    rate: float


@component
class Outer:
    """A part of parts."""

    inner: Any
    sizes: tuple[int, ...]
    directions: Any

    def __post_init__(self) -> None:
        if self.sizes == (0,):
            raise ValueError("sizes must be\npositive")


class Stranger:
    """Not registered."""


Alias = Inner
INNER = {"_target_": full_name(Inner), "rate": 1}
OUTER = {"_target_": full_name(Outer), "inner": INNER, "sizes": [1, 2], "directions": {"f1": "max"}}


def test_parts_are_built_members_first() -> None:
    built = instantiate(OUTER)
    assert built == Outer(inner=Inner(rate=1.0), sizes=(1, 2), directions={"f1": "max"})
    assert type(built.inner.rate) is float


def test_other_nodes_stay_what_they_are() -> None:
    assert instantiate({"a": INNER, "b": [INNER, 3], "c": None}) == {
        "a": Inner(rate=1),
        "b": [Inner(rate=1), 3],
        "c": None,
    }


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({**INNER, "rat": 1}, r"has no field `rat`; did you mean `rate`\?"),
        ({"_target_": full_name(Inner)}, "lacks its field `rate`"),
        ({**OUTER, "sizes": [0]}, r"Outer`: sizes must be positive$"),
        ({**INNER, "rate": "${model.lr}"}, "still a reference: resolve the config"),
        ({"_target_": f"{__name__}.Stranger"}, "is not a registered component$"),
        ({"_target_": f"{__name__}.Alias", "rate": 1}, "is not a registered component$"),
        (
            {"_target_": f"{__name__}.Iner", "rate": 1},
            r"is not a registered component; did you mean `.*Inner`\?",
        ),
        ({"_target_": f"{__name__}.sys.exit"}, "is not part of ganbench|no module"),
        ({"_target_": "ganbench.config.subprocess.run"}, "there is no module `ganbench.config.subprocess`"),
        ({"_target_": "ganbench.nothing.Here"}, "there is no module `ganbench.nothing`"),
        ({"_target_": "os.system"}, "is not a registered component"),
        ({"_target_": "wave.open"}, r"is not part of ganbench; if it is yours, add --plugin wave"),
        ({"_target_": "builtins"}, "must be the full dotted name of a class"),
        ({"_target_": 3}, "must be the full dotted name of a class"),
        ({"_target_": FLOAT, "low": 0.0, "high": 1.0}, "is not a registered component"),
    ],
)
def test_refused(node: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        instantiate(node)
    assert "\n" not in str(caught.value)


def test_a_refused_module_is_not_imported() -> None:
    sys.modules.pop("wave", None)
    with pytest.raises(ConfigError):
        instantiate({"_target_": "wave.open"})
    assert "wave" not in sys.modules


def test_subclasses_of_the_given_bases_are_targets_too() -> None:
    bases = (BaseDistribution,)
    assert instantiate({"_target_": FLOAT, "low": 0, "high": 1}, bases=bases) == FloatDistribution(0.0, 1.0)
    with pytest.raises(ConfigError, match="lacks its field `high`"):
        instantiate({"_target_": FLOAT, "low": 0}, bases=bases)
    with pytest.raises(ConfigError, match=r"has no field `lo`; did you mean `low`\?"):
        instantiate({"_target_": FLOAT, "lo": 0, "high": 1}, bases=bases)
    with pytest.raises(ConfigError, match="is not a registered component"):
        instantiate({"_target_": "optuna.samplers.RandomSampler"}, bases=bases)
    with pytest.raises(ConfigError, match="abstract"):
        instantiate({"_target_": "optuna.samplers.BaseSampler"}, bases=(BaseSampler,))


def test_what_optuna_only_warns_of_is_an_error() -> None:
    node = {"_target_": "optuna.distributions.IntDistribution", "low": 16, "high": 127, "step": 16}
    with pytest.raises(ConfigError, match="not divisible"):
        instantiate(node, bases=(BaseDistribution,))


PLUGIN = "from ganbench.tree import component\n\n@component\nclass Own:\n    weight: float\n"


def test_plugins_bring_components_and_are_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    node = {"_target_": "own_plugin.Own", "weight": 2.0}
    with pytest.raises(ConfigError, match="--plugin own_plugin"):
        instantiate(node)
    hashes = load_plugins(["own_plugin"])
    assert set(hashes) == {"own_plugin"}
    assert len(hashes["own_plugin"]) == 64
    assert instantiate(node).weight == 2.0
    monkeypatch.delitem(sys.modules, "own_plugin")


def test_a_sweep_goes_on_with_the_plugin_that_it_was_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "frozen_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    begun = load_plugins(["frozen_plugin"])
    load_frozen(begun)
    (tmp_path / "frozen_plugin.py").write_text(PLUGIN + "\n")
    with pytest.raises(ConfigError, match="--plugin frozen_plugin has changed since the sweep was begun"):
        load_frozen(begun)


def hash_in_fresh_process(folder: Path, name: str) -> str:
    code = f"from ganbench.config import load_plugins; print(load_plugins(['{name}'])['{name}'])"
    root = str(Path(__file__).resolve().parents[1])
    env = {"PYTHONPATH": f"{folder}:{root}", "PATH": ""}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout


def test_a_plugins_hash_is_its_whole_source(tmp_path: Path) -> None:
    package = tmp_path / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("X = 1\n")
    before = hash_in_fresh_process(tmp_path, "own_package")
    assert hash_in_fresh_process(tmp_path, "own_package") == before
    (package / "parts.py").write_text("X = 2\n")
    assert hash_in_fresh_process(tmp_path, "own_package") != before


def test_a_missing_plugin_is_named_and_a_broken_one_shows_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ConfigError, match="--plugin no_such_plugin: no such module; put its folder on PYTHONPATH"
    ):
        load_plugins(["no_such_plugin"])
    (tmp_path / "broken_plugin.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        load_plugins(["broken_plugin"])
