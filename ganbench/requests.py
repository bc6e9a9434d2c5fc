"""What a command line asks of a sweep: which, with which overrides, and where its slots run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.errors import ConfigError
from ganbench.launch import launcher_settings

_LAUNCHER = "launcher."
_MASK = re.compile("0?0[0-7][0-7]")


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    name: str
    overrides: list[str]
    results: Path
    config_dir: Path | None = None
    plugins: tuple[str, ...] = ()

    @property
    def of_launcher(self) -> list[str]:
        """Return the overrides that say where to run, `launcher.<setting>=<value>`."""
        return [text for text in self.overrides if text.startswith(_LAUNCHER)]

    @property
    def of_sweep(self) -> list[str]:
        """Return the overrides that say what to run."""
        return [text for text in self.overrides if not text.startswith(_LAUNCHER)]


@dataclass(frozen=True)
class Placement:
    """Where slots run: a launcher, how many slots altogether, and how many device-hours they may use in all."""

    launcher: str = "local"
    workers: int | None = None
    max_device_hours: float | None = None

    def __post_init__(self) -> None:
        hours = self.max_device_hours
        if hours is not None and not (math.isfinite(hours) and hours > 0):
            raise ConfigError(f"--max-device-hours must be a number above 0, not {hours:g}")

    def settings(self, request: Request) -> dict[str, Any]:
        """Return the launcher's settings as asked for. Raises `ConfigError` for a number that cannot be meant."""
        settings = launcher_settings(
            self.launcher,
            workers=self.workers,
            overrides=request.of_launcher,
            config_dir=request.config_dir,
        )
        if settings["breaker"] < 0:
            raise ConfigError(
                f"`launcher.breaker` must be at least 0, which never halts, not {settings['breaker']}"
            )
        mask = settings["umask"]
        if mask is not None and not (isinstance(mask, str) and _MASK.fullmatch(mask)):
            raise ConfigError(
                f"`launcher.umask` is octal digits that leave the owner all rights, such as 027, not {mask!r}; "
                "in a file they stand in quotes"
            )
        return settings
