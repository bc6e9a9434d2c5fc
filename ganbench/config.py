"""The door to Hydra: composes `conf/` and the user's own config folder into plain dicts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, QuotedString, Transformer
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ganbench.errors import ConfigError
from ganbench.instantiation import instantiate, load_plugins, locate
from ganbench.nodes import closest, has, resolve, set_values, value_at
from ganbench.shipped import builtin

__all__ = [
    "Assignment",
    "Composed",
    "builtin",
    "compose",
    "conf_dirs",
    "groups",
    "has",
    "instantiate",
    "load_plugins",
    "locate",
    "options",
    "parse_override",
    "read_yaml",
    "resolve",
    "set_values",
    "value_at",
]

_CHOICE = "${hydra:runtime.choices."  # Hydra's own name for the option chosen in a group
_LOCK = threading.Lock()  # Hydra keeps one state per process

# A root of our own lets the primary `config` come from any folder of the search path, the user's first.
ConfigStore.instance().store(name="ganbench_root", node={"defaults": ["config", "_self_"]})


@dataclass(frozen=True)
class Composed:
    """A composed config, references unresolved, and the option chosen in each group."""

    config: dict[str, Any]
    choices: dict[str, str]


@dataclass(frozen=True)
class Assignment:
    """One override `key=value`; a comma list gives several values."""

    text: str
    key: str
    values: tuple[Any, ...]
    plain: bool  # neither `+key`, `~key` nor `key@package`: changes what is there

    @property
    def value(self) -> Any:
        """Return the only value; raises `ConfigError` for a comma list."""
        if len(self.values) != 1:
            raise ConfigError(
                f"`{self.text}`: one value is wanted here; comma lists are axes of `ganbench sweep`"
            )
        return self.values[0]


def conf_dirs(config_dir: Path | None = None) -> list[Path]:
    """Return the config folders in the order they are searched, the user's first."""
    if config_dir is None:
        return [builtin("conf")]
    if not config_dir.is_dir():
        raise ConfigError(f"--config-dir {config_dir}: there is no such folder")
    return [config_dir.resolve(), builtin("conf")]


def groups(config_dir: Path | None = None) -> list[str]:
    """Return the config groups: the folders that hold options."""
    dirs = conf_dirs(config_dir)
    return sorted(
        {path.parent.relative_to(d).as_posix() for d in dirs for path in d.glob("*/**/*.yaml")} - {"sweeps"}
    )


def options(group: str, config_dir: Path | None = None) -> list[str]:
    """Return the options of a group; raises `ConfigError` for a group that does not exist."""
    found = {path.stem for d in conf_dirs(config_dir) for path in (d / group).glob("*.yaml")}
    if not found or not group:
        names = groups(config_dir)
        raise ConfigError(f"there is no config group `{group}`; there are {', '.join(names)}")
    return sorted(found)


def read_yaml(path: Path) -> Any:
    """Read a YAML file by the rules of the config files: `1e-5` is a number, a key stands once."""
    try:
        return OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (YAMLError, OmegaConfBaseException, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {_one_line(error)}") from error


def parse_override(text: str) -> Assignment:
    """Parse one override in Hydra's grammar; comma lists and `choice(…)` give several values."""
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError(f"`{text}` is not of the form key=value: {_one_line(error)}") from error
    plain = override.type == OverrideType.CHANGE and override.package is None
    return Assignment(text=text, key=override.key_or_group, values=_values(text, override), plain=plain)


def _values(text: str, override: Override) -> tuple[Any, ...]:
    if not override.is_sweep_override():
        return (override.value(),)
    try:
        values = list(override.sweep_iterator(transformer=Transformer.identity))
    except HydraException as error:  # intervals and globs
        fix = "give the values one by one, key=a,b; distributions belong into conf/space"
        raise ConfigError(f"`{text}`: {fix}") from error
    return tuple(v.text if isinstance(v, QuotedString) else v for v in values)


def compose(overrides: list[str], config_dir: Path | None = None) -> Composed:
    """Compose the config for overrides in Hydra's grammar.

    Hydra chooses the options; plain values are then set with their types checked. Raises `ConfigError` with
    one line for unknown groups, options and settings, values of another type, and unreadable files.
    """
    assignments = [parse_override(text) for text in overrides]
    known = groups(config_dir)
    values: dict[str, Any] = {}
    chosen: list[str] = []
    for assignment in assignments:
        value = assignment.value
        if assignment.plain and assignment.key not in known:
            values[assignment.key] = value
        elif assignment.plain and not isinstance(value, str):
            names = ", ".join(options(assignment.key, config_dir))
            raise ConfigError(f"`{assignment.text}`: name one {assignment.key} of {names}")
        else:
            chosen.append(assignment.text)
    composed = _compose(chosen, conf_dirs(config_dir))
    return Composed(set_values(composed.config, values), composed.choices)


def _compose(overrides: list[str], dirs: list[Path]) -> Composed:
    path = ",".join(f"'file://{_quoted(d)}'" for d in dirs[1:])
    try:
        with _hydra(dirs[0]):
            root = hydra_compose(
                "ganbench_root", [f"hydra.searchpath=[{path}]", *overrides], return_hydra_config=True
            )
            config: Any = OmegaConf.to_container(root, resolve=False)
    except MissingConfigException as error:
        raise ConfigError(_missing(error)) from error
    except (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(_one_line(error)) from error
    chosen = config.pop("hydra")["runtime"]["choices"].items()
    choices = {group: option for group, option in chosen if option and not group.startswith("hydra/")}
    for group, option in choices.items():
        if not isinstance(config.get(group, {}), (dict, type(None))):
            raise ConfigError(f"{group}/{option}.yaml must hold a mapping")
    return Composed(_with_choices(config, choices), choices)


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")


@contextmanager
def _hydra(main: Path) -> Iterator[None]:
    """Initialise Hydra for this block only, leaving an application's own state as it was."""
    with _LOCK:
        outer = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(str(main), job_name="ganbench", version_base="1.3"):
                yield
        finally:
            GlobalHydra.instance().hydra = outer


def _with_choices(node: Any, choices: dict[str, str]) -> Any:
    """Put the chosen options in place of `${hydra:runtime.choices.<group>}`."""
    if isinstance(node, dict):
        return {key: _with_choices(value, choices) for key, value in node.items()}
    if isinstance(node, str) and node.startswith(_CHOICE):
        return choices[node.removeprefix(_CHOICE).removesuffix("}")]
    return node


def _missing(error: MissingConfigException) -> str:
    """Say which option is missing and what there is."""
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if not error.options:
        return _one_line(error)
    known = ", ".join(sorted(error.options))
    return f"there is no {group} `{name}`{closest(name, error.options)} Available: {known}"


def _one_line(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else None
    text = str(error) or str(cause or type(error).__name__)
    return " ".join(text.partition("Config search path:")[0].partition("See https://")[0].split())
