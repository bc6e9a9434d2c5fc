"""Files of weights that are not shipped: found by path, fetched only where that is asked for, named by their sha256."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from ganbench import files
from ganbench.errors import DataError
from ganbench.places import cache_home

# what reading a file of anything else raises, in torch and in what builds networks from it
UNREADABLE = (RuntimeError, UnpicklingError, EOFError, AttributeError, TypeError, LookupError, ValueError)


@dataclass(frozen=True)
class WeightFile:
    """The weights of an extractor: the file at `path` or, where that is empty, an earlier download of `url`."""

    extractor: str
    path: str
    sha256: str
    url: str
    download: bool

    @property
    def key(self) -> str:
        """Return where protocols hold the settings."""
        return f"protocol.extractors.{self.extractor}"

    @property
    def fix(self) -> str:
        """Return how to come by the weights."""
        return (
            f"get {self.url} and name the file with {self.key}.weights=PATH, or set {self.key}.download=true"
        )

    def located(self) -> Path:
        """Return where the weights lie, fetched if `download` says so; raises `DataError` where there are none."""
        path = Path(self.path).expanduser() if self.path else downloads() / Path(self.url).name
        if path.is_file():
            return path
        if self.path or not self.download:
            raise DataError(f"{self.extractor}: no weights at {str(path)!r}: {self.fix}")
        return self._fetched(path)

    def hash(self) -> str:
        """Return the sha256 of the weights; raises `DataError` where it is not the one that the protocol names."""
        path = self.located()
        try:
            stat = path.stat()
            found = sha256_of(path, stat.st_mtime_ns, stat.st_size)
        except OSError as error:
            raise DataError(f"{self.extractor}: cannot read {path} ({error.strerror}): {self.fix}") from error
        if found != self.sha256:
            raise DataError(
                f"{self.extractor}: {path} has sha256 {found}, not {self.sha256}: {self.fix}; for other weights "
                f"on purpose set {self.key}.sha256={found}"
            )
        return found

    def state(self) -> dict[str, Any]:
        """Return the tensors of a state dict; nothing in the file is run. Raises `DataError` for anything else."""
        try:
            state = torch.load(self.located(), map_location="cpu", weights_only=True)
        except UNREADABLE as error:
            raise self.unfit() from error
        if not isinstance(state, dict):
            raise self.unfit()
        return state

    def unfit(self) -> DataError:
        """Return the error for a file from which the extractor's network cannot be built."""
        return DataError(
            f"{self.extractor}: {self.located()} does not hold weights of {self.extractor}: {self.fix}"
        )

    def _fetched(self, path: Path) -> Path:
        """Download beside the goal, check the hash, and only then give the file its name."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(self.url, str(path), self.sha256, progress=sys.stderr.isatty())
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"{self.extractor}: cannot download {self.url} ({reason}): get it by other means and name the "
                f"file with {self.key}.weights=PATH"
            ) from error
        return path


def downloads() -> Path:
    """Return where downloads lie: `weights` in the cache, by default `~/.cache/ganbench/weights`."""
    return cache_home() / "weights"


@lru_cache(maxsize=8)
def sha256_of(path: Path, modified: int, size: int) -> str:  # noqa: ARG001  (a changed file is read anew)
    """Return a file's sha256, read once for each time and size it has had."""
    return files.sha256(path)


def rewritten(state: dict[str, Tensor]) -> BytesIO:
    """Return a state dict as a file, for libraries that would unpickle whatever the original holds."""
    buffer = BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer
