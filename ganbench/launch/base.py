"""Where slots run: settings from `conf/launcher/`, one module per kind, and what they share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from ganbench.errors import ConfigError
from ganbench.launch.slots import WORKER
from ganbench.shipped import builtin
from ganbench.store import Store
from ganbench.store.states import FAILED, LOST, PLANNED, RUNNING, UNVERIFIED

CONTINUE = "the same command continues where this one ended"
POLL_S = 0.5
_KINDS = ("inline", "local", "slurm")  # each is a module beside this one with `run`

Progress = Callable[[dict[str, int]], None]


@dataclass(frozen=True)
class Launched:
    """What a launch did: slots started and adopted, and a line for each one that ended badly.

    `detached` says what was left running; empty where the launch has come to its end.
    """

    started: int = 0
    adopted: int = 0
    failures: tuple[str, ...] = ()
    detached: str = ""


@dataclass(frozen=True)
class Orders:
    """What slots do: the function each runs, who hears of progress, and the function that a cluster calls next.

    The latter is `f(results, name, settings)`; it gets the settings of the launch that it continues.
    """

    target: str = WORKER
    on_progress: Progress = lambda _: None
    then: str = ""


def launcher_settings(
    name: str,
    *,
    workers: int | None = None,
    overrides: list[str] | None = None,
    config_dir: Path | None = None,
) -> dict[str, Any]:
    """Return launcher/<name>.yaml, the user's first, over the settings of its kind.

    `overrides` are `launcher.<setting>=<value>` in Hydra's grammar; `workers` is the number of slots altogether.
    Raises `ConfigError` for a launcher that is not there, an unknown setting and a value of another type.
    """
    own = [] if config_dir is None else [config_dir / "launcher"]
    folders = [folder for folder in (*own, builtin("conf") / "launcher") if folder.is_dir()]
    paths = {path.stem: path for folder in reversed(folders) for path in folder.glob("*.yaml")}
    if name not in paths:
        raise ConfigError(f"launcher {name!r} is not known: choose {_either(sorted(paths))}")
    settings = _read(paths[name])
    kind = settings.get("kind")
    if kind not in _KINDS:
        raise ConfigError(f"{paths[name]}: `kind` must be {_either(_KINDS)}, not {kind!r}")
    if [text for text in overrides or [] if text.startswith("launcher.kind=")]:
        raise ConfigError("`launcher.kind` cannot be set: choose with --launcher")
    settings = _over(_read(builtin("conf") / "launcher" / f"{kind}.yaml"), settings, overrides or [])
    return settings if workers is None else {**settings, "total": workers}


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _over(default: dict[str, Any], own: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    from ganbench.config import parse_override, set_values  # noqa: PLC0415  (Hydra, which slots do without)

    given = {f"launcher.{key}": value for key, value in own.items()}
    assignments = [parse_override(text) for text in overrides]
    given |= {assignment.key: assignment.value for assignment in assignments}
    settings: dict[str, Any] = set_values({"launcher": default}, given)["launcher"]
    return settings


def _either(names: list[str] | tuple[str, ...]) -> str:
    return " or ".join(names)


def launch(
    store: Store,
    settings: Mapping[str, Any],
    *,
    on_progress: Progress = lambda _: None,
    retry_failed: bool = False,
    target: str = WORKER,
    then: str = "",
) -> Launched:
    """Run slots until no pack is left that they may claim, or leave them to a cluster.

    Ctrl-C and SIGTERM let slots here save their checkpoints, then raise `KeyboardInterrupt` and `SystemExit`.
    Raises `UserError` where a slot ended with one or the cluster refuses.
    """
    if settings["kind"] not in _KINDS:
        raise ConfigError(f"launcher kind {settings['kind']!r} is not known: choose {_either(_KINDS)}")
    for name, state in store.work().items() if retry_failed else ():
        if state == FAILED:
            store.take_over(name, retry_failed=True)
    kind = import_module(f"ganbench.launch.{settings['kind']}")
    done: Launched = kind.run(store, settings, Orders(target, on_progress, then))
    return done


def batch_script(store: Store, settings: Mapping[str, Any], units: int) -> str:
    """Return the script that a cluster would get for so much work; empty where slots run on this machine."""
    kind = import_module(f"ganbench.launch.{settings['kind']}")
    return str(kind.script(store, settings, units)) if hasattr(kind, "script") else ""


def missing(wanted: int, work: Mapping[str, str], live: int) -> int:
    """Return how many slots to start: those that live count, and those of them without work will take some."""
    busy = sum(state == RUNNING for state in work.values())
    waiting = sum(state in (PLANNED, LOST) for state in work.values())
    return max(0, min(wanted - live, waiting - max(0, live - busy)))


class Sight:
    """Watches what runs out of sight, on other machines, and takes over where the heartbeat has stopped."""

    def __init__(self, store: Store) -> None:
        self._store, self._watched, self._since = store, set[str](), time.monotonic()
        self.blocked = False  # some of it may yet turn out dead

    def look(self) -> bool:
        """Look again; return whether anything was taken over, for slots to claim."""
        work = self._store.work()
        unverified = {name for name, state in work.items() if state == UNVERIFIED}
        dead = {name for name in self._watched if work.get(name) == LOST}
        for name in dead:
            self._store.take_over(name)
        self._watched = (self._watched | unverified) - dead
        self.blocked = bool(unverified) and time.monotonic() - self._since < 2 * self._store.patience_s
        return bool(dead)
